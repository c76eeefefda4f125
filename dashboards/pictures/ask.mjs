// Asks Prometheus what the dashboards ask, as Grafana's own source would: node ask.mjs PROMETHEUS FOLDER
// FOLDER has span.json, which tells from when to when and of which jobs; answers-NAME.json are written there.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { rangeUtil } from './grafana.mjs';
import { colWidth, WIDTH } from './grid.mjs';

const [server, folder] = process.argv.slice(2);
const span = JSON.parse(readFileSync(join(folder, 'span.json'), 'utf8'));
const scrape = rangeUtil.intervalToMs(span.scrape);
const range = { from: { valueOf: () => span.from * 1000 }, to: { valueOf: () => span.to * 1000 } };

/** The variables that a person chooses at the top. */
const CHOSEN = {
  soak: { job: 'soak', instance: '.+' },
  compare: { job: 'compare', instance: '.+', by: 'firmware', baseline: '2.0', candidate: '2.1', shift: '1s' },
};

/** Grafana's interval for so many points, and what its source makes of it. */
function intervals(points) {
  const { intervalMs } = rangeUtil.calculateInterval(range, points, span.scrape);
  return {
    intervalMs,
    values: {
      __rate_interval: `${Math.max(intervalMs + scrape, 4 * scrape) / 1000}s`,
      __interval_ms: `${intervalMs}`,
      __interval: `${intervalMs / 1000}s`,
      __range: `${Math.round(span.to - span.from)}s`,
    },
  };
}

/** Names longer than their beginnings come first. */
const filled = (expr, values) =>
  Object.entries(values).sort(([a], [b]) => b.length - a.length)
    .reduce((expr, [name, value]) => expr.replaceAll(`$${name}`, value), expr);

async function ask(path, parameters) {
  const answer = await fetch(`${server}${path}?${new URLSearchParams(parameters)}`);
  const body = await answer.json();
  if (body.status !== 'success') throw new Error(`${parameters.query}: ${body.error}`);
  return body.data.result;
}

async function over(expr, points, chosen) {
  const { intervalMs, values } = intervals(points);
  const step = intervalMs / 1000;
  const aligned = (time) => Math.floor(time / step) * step;
  const query = filled(expr, { ...values, ...chosen });
  const [start, end] = [aligned(span.from), aligned(span.to)];
  return { intervalMs, start, end, series: await ask('/api/v1/query_range', { query, start, end, step }) };
}

async function now(expr, points, chosen) {
  const { intervalMs, values } = intervals(points);
  const query = filled(expr, { ...values, ...chosen });
  return { intervalMs, series: await ask('/api/v1/query', { query, time: span.to }) };
}

for (const [name, chosen] of Object.entries(CHOSEN)) {
  const dashboard = JSON.parse(readFileSync(new URL(`../lanherd-${name}.json`, import.meta.url), 'utf8'));
  const panels = {};
  for (const panel of dashboard.panels.filter((panel) => panel.targets)) {
    const points = Math.round(colWidth(WIDTH, panel.gridPos.w));
    panels[panel.id] = await Promise.all(
      panel.targets.map((target) => (target.instant ? now : over)(target.expr, points, chosen)));
  }
  // Annotations are asked of a hundred points, whatever the width.
  const annotations = await Promise.all(
    dashboard.annotations.list.map((annotation) => over(annotation.expr, 100, chosen)));
  const answers = { dashboard, chosen, span, panels, annotations };
  writeFileSync(join(folder, `answers-${name}.json`), JSON.stringify(answers));
  const empty = dashboard.panels.filter((panel) => panels[panel.id]?.every(({ series }) => series.length === 0));
  for (const { title } of empty) console.error(`${dashboard.title}: ${title}: no data`);
}
