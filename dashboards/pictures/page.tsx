// A dashboard as Grafana lays it out: ?dashboard=soak&theme=dark. When all is drawn, window.drawn is true, window.parts has
// where on the page the rows are that belong into one picture, and window.troubles what could not be drawn.
import '@fontsource/inter/400.css';
import '@fontsource/inter/500.css';
import { createTheme, dateTime, ThemeContext, TimeRange } from '@grafana/data';
import { GlobalStyles, Icon, PanelChrome } from '@grafana/ui';
import 'uplot/dist/uPlot.min.css';
import { createRoot } from 'react-dom/client';

import { troubles } from './config';
import { colLeft, colWidth, MARGIN, rowHeight, rowTop, WIDTH } from './grid.mjs';
import { marks } from './marks';
import { Content, padded } from './panels';
import './page.css';

// The titles of the rows that begin a picture, and what it is called.
const PICTURES: Record<string, Record<string, string>> = {
  soak: {
    Verdict: 'soak-verdict', Pings: 'soak-pings', 'Lookups, fetches and commands': 'soak-workloads', IPv6: 'soak-ipv6',
    Phases: 'soak-failures',
    Supervision: 'soak-supervision',
  },
  compare: { Runs: 'compare' },
};

const HEAD = 48;
const asked = new URLSearchParams(location.search);
const name = asked.get('dashboard')!;
const theme = createTheme({ colors: { mode: asked.get('theme') as 'dark' | 'light' } });
Object.assign(window, { __grafana_public_path__: '/public/' });

function Dashboard({ answers }: { answers: any }) {
  const { dashboard, chosen, span } = answers;
  const [from, to] = [span.from, span.to].map((time) => dateTime(time * 1000));
  const timeRange: TimeRange = { from, to, raw: { from, to } };
  const shown = marks(dashboard.annotations.list, answers.annotations);
  const bottom = Math.max(...dashboard.panels.map(({ gridPos: { y, h } }: any) => rowTop(y) + rowHeight(h)));
  const clock = (time: number) => new Date(time * 1000).toISOString().slice(11, 19);
  return (
    <div style={{ background: theme.colors.background.canvas, color: theme.colors.text.primary }}>
      <header style={{ height: HEAD, padding: `0 ${MARGIN}px` }}>
        <h1>{dashboard.title}</h1>
        {dashboard.templating.list.map((variable: any) => (
          <span className="variable" key={variable.name} style={{ borderColor: theme.colors.border.medium }}>
            <i style={{ color: theme.colors.text.secondary }}>{variable.label}</i>
            {variable.name === 'datasource' ? 'Prometheus' : chosen[variable.name].replace('.+', 'All')}
          </span>
        ))}
        <span className="time">{clock(span.from)} to {clock(span.to)} UTC</span>
      </header>
      <main style={{ margin: `0 ${MARGIN}px`, height: bottom + MARGIN }}>
        {dashboard.panels.map((panel: any) => {
          const { x, y, w, h } = panel.gridPos;
          const [width, height] = [colWidth(WIDTH, w), rowHeight(h)];
          return (
            <div key={panel.id} data-row={panel.type === 'row' ? panel.title : undefined}
              style={{ position: 'absolute', left: MARGIN + colLeft(WIDTH, x), top: HEAD + rowTop(y), width, height }}>
              {panel.type === 'row' ? (
                <div className="row"><Icon name="angle-down" /> {panel.title}</div>
              ) : (
                <PanelChrome title={panel.title} description={panel.description} width={width} height={height}
                  padding={padded(panel.type)}>
                  {(width, height) => (
                    <Content panel={panel} answers={answers.panels[panel.id]} marks={shown} timeRange={timeRange}
                      theme={theme} width={width} height={height} />
                  )}
                </PanelChrome>
              )}
            </div>
          );
        })}
      </main>
    </div>
  );
}

/** Each picture goes from its row to the next one's. */
function parts() {
  const height = document.querySelector('main')!.getBoundingClientRect().bottom;
  const starts = [...document.querySelectorAll<HTMLElement>('[data-row]')]
    .filter(({ dataset }) => dataset.row! in PICTURES[name])
    .map(({ dataset, offsetTop }, i) => ({ name: PICTURES[name][dataset.row!], y: i ? offsetTop : 0 }));
  return Object.fromEntries(starts.map(({ name, y }, i) =>
    [name, { x: 0, y, width: WIDTH + 2 * MARGIN, height: (starts[i + 1]?.y ?? height) - y }]));
}

addEventListener('error', ({ message, error }) => troubles.push(String(error?.stack ?? message)));

async function show() {
  const answers = await (await fetch(`answers-${name}.json`)).json();
  // Plots measure their words as they are made.
  await Promise.all([400, 500].map((weight) => document.fonts.load(`${weight} 12px Inter`)));
  createRoot(document.getElementById('root')!).render(
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <Dashboard answers={answers} />
    </ThemeContext.Provider>
  );
  // Plots are drawn when the page has rested.
  await new Promise((done) => setTimeout(done, 4000));
  Object.assign(window, { parts: parts(), troubles: [...new Set(troubles)], drawn: true });
}

show().catch((error) => Object.assign(window, { parts: {}, troubles: [...troubles, String(error.stack)], drawn: true }));
