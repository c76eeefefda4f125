// The grid of a dashboard: 24 columns, 30 px a row, 8 px between panels, as in Grafana.
export const MARGIN = 16;
export const WIDTH = 1400 - 2 * MARGIN;
const GAP = 8;
const ROW = 30;

const column = (width) => (width - 23 * GAP) / 24;
export const colWidth = (width, columns) => columns * column(width) + (columns - 1) * GAP;
export const colLeft = (width, x) => x * (column(width) + GAP);
export const rowHeight = (rows) => rows * ROW + (rows - 1) * GAP;
export const rowTop = (y) => y * (ROW + GAP);
