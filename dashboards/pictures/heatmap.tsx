// A heatmap of rows, one for each bucket. Grafana's is part of its application, and not of its packages: this one is drawn
// with its plot builder, its units and d3's colours, as nearly as it is.
import { getValueFormat, formattedValueToString } from '@grafana/data';
import { AxisPlacement, ScaleDirection, ScaleDistribution, ScaleOrientation } from '@grafana/schema';
import { UPlotChart, UPlotConfigBuilder, VizLayout } from '@grafana/ui';
import * as chromatic from 'd3-scale-chromatic';
import { useMemo } from 'react';
import uPlot from 'uplot';

import type { buckets } from './frames';
import { drawMarks } from './marks';
import type { Shown } from './panels';

type Shows = Shown & { histogram: ReturnType<typeof buckets> };

export function Heatmap({ panel, histogram, marks, timeRange, theme, width, height }: Shows) {
  const { times, edges, counts, intervalMs } = histogram;
  const { color, yAxis, filterValues, cellValues } = panel.options;
  const most = Math.max(...counts.flat());
  const scheme = (chromatic as any)[`interpolate${color.scheme}`] as (share: number) => string;
  const colour = (value: number) => scheme(Math.min(color.steps, Math.floor((value / most) * (color.steps + 1))) / color.steps);
  const format = getValueFormat(yAxis.unit);
  const name = (edge: number) => (Number.isFinite(edge) ? formattedValueToString(format(edge)) : '+Inf');

  const config = useMemo(() => {
    const builder = new UPlotConfigBuilder('utc');
    builder.addScale({
      scaleKey: 'x', isTime: true, orientation: ScaleOrientation.Horizontal, direction: ScaleDirection.Right,
      range: () => [timeRange.from.valueOf(), timeRange.to.valueOf()],
    });
    builder.addScale({
      scaleKey: 'y', isTime: false, orientation: ScaleOrientation.Vertical, direction: ScaleDirection.Up,
      distribution: { type: ScaleDistribution.Linear } as any, range: () => [0, edges.length],
    });
    builder.addAxis({
      scaleKey: 'x', isTime: true, placement: AxisPlacement.Bottom, theme, timeZone: 'utc', grid: { show: false },
    });
    builder.addAxis({
      scaleKey: 'y', isTime: false, placement: AxisPlacement.Left, theme, grid: { show: false },
      splits: () => {
        const every = Math.ceil(edges.length / ((height - 60) / 22));
        return edges.map((_, i) => i + 1).filter((i) => i % every === 0);
      },
      formatValue: (i: number) => name(edges[i - 1]),
    } as any);
    builder.addSeries({
      scaleKey: 'y', theme, pathBuilder: (u: uPlot) => {
        const { ctx } = u;
        counts.forEach((row, y) => row.forEach((count, i) => {
          if (!(count > (filterValues?.le ?? -1))) return;
          const [x0, x1] = [times[i] * 1000 - intervalMs, times[i] * 1000].map((time) => Math.round(u.valToPos(time, 'x', true)));
          const [y0, y1] = [y + 1, y].map((row) => Math.round(u.valToPos(row, 'y', true)));
          ctx.fillStyle = colour(count);
          ctx.fillRect(Math.max(x0, u.bbox.left), y0, x1 - Math.max(x0, u.bbox.left), y1 - y0);
        }));
        return null;
      },
    } as any);
    drawMarks(builder, marks, theme);
    return builder;
  }, []);

  const shades = Array.from({ length: 32 }, (_, i) => colour((i / 31) * most)).join(',');
  const count = getValueFormat(cellValues.unit);
  const scale = (
    <div className="scale">
      <div style={{ background: `linear-gradient(to right, ${shades})` }} />
      <span>0</span>
      <span>{formattedValueToString(count(most))}</span>
    </div>
  );
  return (
    <VizLayout width={width} height={height} legend={<VizLayout.Legend placement="bottom">{scale}</VizLayout.Legend>}>
      {(width: number, height: number) => (
        <UPlotChart
          config={config} width={width} height={height}
          data={[times.map((time) => time * 1000), times.map(() => edges.length)]}
        />
      )}
    </VizLayout>
  );
}
