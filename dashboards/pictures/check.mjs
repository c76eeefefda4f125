// Has the dashboards read by Grafana's own types: node check.mjs. An option that a panel does not have, or a word that none of
// its choices is, Grafana leaves out without a word; here it is an error.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { getValueFormats } from './grafana.mjs';

const here = dirname(fileURLToPath(import.meta.url));

/** The types of a panel's options, and of what its fields have beside the usual. */
const composable = (name, kind, fields = 'FieldConfig') => {
  const from = `import('@grafana/schema/dist/esm/raw/composable/${kind}/panelcfg/x/${name}PanelCfg_types.gen.js')`;
  return { options: `${from}.Options`, custom: fields && `${from}.${fields}` };
};
const PANELS = {
  timeseries: composable('TimeSeries', 'timeseries'),
  stat: composable('Stat', 'stat', ''),
  heatmap: composable('Heatmap', 'heatmap'),
  table: composable('Table', 'table'),
};

const HEAD = `import type * as schema from '@grafana/schema';
// JSON has words where TypeScript has enums.
type Plain<T> = T extends string ? string extends T ? string : \`\${T}\` : T extends number | boolean | null | undefined ? T
  : T extends (infer Each)[] ? Plain<Each>[] : unknown extends T ? T : { [Key in keyof T]?: Plain<T[Key]> };
type Field<Custom> = Omit<schema.FieldConfig, 'custom' | 'thresholds'> & {
  custom?: Custom; thresholds?: { mode: schema.ThresholdsMode; steps: { color: string; value: number | null }[] };
};
`;

const read = (name) => JSON.parse(readFileSync(join(here, `../lanherd-${name}.json`), 'utf8'));
const json = (value) => JSON.stringify(value, null, 1);
const lines = [HEAD];
const wrong = [];
const units = new Set(getValueFormats().flatMap(({ submenu }) => submenu.map(({ value }) => value)));
for (const name of ['soak', 'compare']) {
  // What stands in annotations and variables is for their source to know.
  const { panels, annotations, templating, ...dashboard } = read(name);
  lines.push(`export const ${name}: Plain<schema.Dashboard> = ${json(dashboard)};`);
  for (const { type, id, title, options, fieldConfig, ...panel } of panels) {
    const called = `${name}_${id}`;
    lines.push(`// ${name}: ${title}`);
    if (type === 'row') {
      lines.push(`export const ${called}: Plain<schema.RowPanel> = ${json({ type, id, title, ...panel })};`);
      continue;
    }
    if (!(type in PANELS)) wrong.push(`${name}: ${title}: no type is known of a ${type}`);
    const types = PANELS[type] ?? { options: 'never', custom: 'never' };
    const { unit } = fieldConfig.defaults;
    const custom = types.custom || '{ [none: string]: never }';
    if (!units.has(unit)) wrong.push(`${name}: ${title}: ${unit} is no unit`);
    lines.push(
      `export const ${called}: Plain<schema.Panel> = ${json({ type, id, title, ...panel })};`,
      `export const ${called}_options: Plain<${types.options}> = ${json(options)};`,
      `export const ${called}_field: Plain<Field<${custom}>> = ${json(fieldConfig.defaults)};`,
    );
  }
}

const folder = mkdtempSync(join(here, 'node_modules/.check-'));
try {
  writeFileSync(join(folder, 'dashboards.ts'), lines.join('\n'));
  execFileSync(join(here, 'node_modules/.bin/tsc'),
    ['--noEmit', '--strict', '--skipLibCheck', '--module', 'esnext', '--moduleResolution', 'bundler', '--types', 'node',
      join(folder, 'dashboards.ts')], { cwd: here, stdio: ['ignore', 'pipe', 'inherit'] });
} catch (error) {
  const source = lines.join('\n').split('\n');
  for (const line of String(error.stdout ?? error).trim().split('\n')) {
    const place = line.match(/dashboards\.ts\((\d+),\d+\): (.*)/);
    const of = place && source.slice(0, place[1]).findLast((line) => line.startsWith('// '));
    wrong.push(place ? `${(of ?? '').slice(3)}: ${source[place[1] - 1].trim()}: ${place[2]}` : line);
  }
} finally {
  rmSync(folder, { recursive: true });
}
for (const each of wrong) console.error(each);
process.exit(wrong.length ? 1 : 0);
