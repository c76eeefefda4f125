// A panel's content by its type: Grafana's own components, where its packages have them.
import {
  DataFrame, FieldDisplay, getDisplayValueAlignmentFactors, getFieldDisplayValues, GrafanaTheme2,
  standardTransformers, standardTransformersRegistry, TimeRange, transformDataFrame, VizOrientation,
} from '@grafana/data';
import {
  BigValue, BigValueTextMode, Table, TimeSeries, VizRepeater,
} from '@grafana/ui';
import { useEffect, useState } from 'react';

import { configured, troubles } from './config';
import { Answer, buckets, table, timeSeries } from './frames';
import { Heatmap } from './heatmap';
import { drawMarks, Mark } from './marks';

standardTransformersRegistry.setInit(() => [...new Set(Object.values(standardTransformers))].map((transformation): any => (
  { id: transformation.id, name: transformation.name, transformation })));

export interface Shown {
  panel: any;
  answers: Answer[];
  marks: Mark[];
  timeRange: TimeRange;
  theme: GrafanaTheme2;
  width: number;
  height: number;
}

const framed = ({ panel, answers }: Shown) =>
  answers.flatMap((answer, i) => timeSeries(answer, panel.targets[i].legendFormat));

function Nothing({ panel }: { panel: any }) {
  return <div className="nothing">{panel.fieldConfig.defaults.noValue ?? 'No data'}</div>;
}

function Series(shown: Shown) {
  const { panel, marks, timeRange, theme, width, height } = shown;
  const frames = configured(panel.type, panel.fieldConfig, framed(shown), theme);
  if (frames.length === 0) return <Nothing panel={panel} />;
  return (
    <TimeSeries
      frames={frames} structureRev={1} timeRange={timeRange} timeZone="utc" width={width} height={height}
      legend={panel.options.legend} options={panel.options}
    >
      {(config: any) => {
        if (!config.marked) drawMarks(config, marks, theme);
        config.marked = true;
        return null;
      }}
    </TimeSeries>
  );
}

function Stat(shown: Shown) {
  const { panel: { type, options, fieldConfig }, theme, width, height } = shown;
  const values = () => getFieldDisplayValues({
    data: configured(type, fieldConfig, framed(shown), theme), fieldConfig, reduceOptions: options.reduceOptions,
    replaceVariables: (text) => text, theme, timeZone: 'utc',
  });
  return (
    <VizRepeater
      getValues={values} source={shown.answers} renderCounter={1} autoGrid itemSpacing={3} width={width} height={height}
      orientation={options.orientation as VizOrientation}
      getAlignmentFactors={(all: FieldDisplay[]) => getDisplayValueAlignmentFactors(all)}
      renderValue={({ value, count, width, height, alignmentFactors }) => (
        <BigValue
          value={value.display} count={count} width={width} height={height} alignmentFactors={alignmentFactors} theme={theme}
          colorMode={options.colorMode} graphMode={options.graphMode} justifyMode={options.justifyMode}
          text={options.text} textMode={options.textMode as BigValueTextMode} disableWideLayout={options.wideLayout === false}
        />
      )}
    />
  );
}

/** Transformations are streams: what comes of them is there a moment later. */
function Rows({ panel, answers, theme, width, height }: Shown) {
  const [data, setData] = useState<DataFrame[]>();
  useEffect(() => {
    const subscription = transformDataFrame(panel.transformations ?? [], answers.map(table)).subscribe((made) =>
      setData(configured(panel.type, panel.fieldConfig, made, theme)));
    return () => subscription.unsubscribe();
  }, []);
  if (!data) return null;
  const sizes: Record<string, number> = { sm: 36, md: 48, lg: 56 };
  if (!(panel.options.cellHeight in sizes)) troubles.push(`${panel.title}: cellHeight`);
  return (
    <Table
      data={data[0]} width={width} height={height} cellHeight={panel.options.cellHeight} showTypeIcons={false}
      noHeader={!panel.options.showHeader} initialSortBy={panel.options.sortBy}
    />
  );
}

export function Content(shown: Shown) {
  switch (shown.panel.type) {
    case 'timeseries': return <Series {...shown} />;
    case 'stat': return <Stat {...shown} />;
    case 'table': return <Rows {...shown} />;
    case 'heatmap': return <Heatmap {...shown} histogram={buckets(shown.answers[0])} />;
  }
  troubles.push(`${shown.panel.title}: nothing here draws a ${shown.panel.type}`);
  return <Nothing panel={shown.panel} />;
}

/** Grafana gives a stat the whole panel. */
export const padded = (type: string) => (type === 'stat' ? 'none' : 'md');
