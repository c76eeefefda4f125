// Answers of Prometheus made data frames, as Grafana's source for Prometheus makes them.
import { createDataFrame, DataFrame, FieldType, Labels } from '@grafana/data';

/** A series of an answer; values are pairs of a time in seconds and a number in words. */
export interface Series {
  metric: Labels;
  value?: [number, string];
  values?: Array<[number, string]>;
}

export interface Answer {
  intervalMs: number;
  /** The first and the last moment asked of, in seconds; of one moment only, they are not there. */
  start?: number;
  end?: number;
  series: Series[];
}

const number = (text: string) => {
  const value = Number(text.replace('Inf', 'Infinity'));
  return Number.isFinite(value) ? value : null;
};

/** `{{label}}` made what the label says. */
export function legend(format: string, labels: Labels) {
  return format.replace(/\{\{\s*(.+?)\s*\}\}/g, (_, label) => labels[label] ?? label);
}

/** A value at every step, none where there is none: plots have gaps there, as Grafana's application makes them. */
function onSteps(values: Array<[number, string]>, { start, end, intervalMs }: Answer): Array<[number, string]> {
  const at = new Map(values);
  const count = Math.round(((end! - start!) * 1000) / intervalMs) + 1;
  return Array.from({ length: count }, (_, i) => start! + (i * intervalMs) / 1000).map((time) => [time, at.get(time) ?? 'NaN']);
}

/** A frame for each series. */
export function timeSeries(answer: Answer, format: string): DataFrame[] {
  const { series, intervalMs } = answer;
  return series.map(({ metric, value, values: found }) => {
    const values = found ? onSteps(found, answer) : [value!];
    return createDataFrame({
      fields: [
        { name: 'Time', type: FieldType.time, config: { interval: intervalMs }, values: values.map(([time]) => time * 1000) },
        {
          name: 'Value',
          type: FieldType.number,
          labels: metric,
          config: { displayNameFromDS: legend(format, metric) },
          values: values.map(([, value]) => number(value)),
        },
      ],
    });
  });
}

/** One frame with a column for each label. */
export function table({ series }: Answer): DataFrame {
  const labels = [...new Set(series.flatMap(({ metric }) => Object.keys(metric)))].sort();
  return createDataFrame({
    fields: [
      { name: 'Time', type: FieldType.time, values: series.map(({ value }) => value![0] * 1000) },
      ...labels.map((name) => ({
        name, type: FieldType.string, config: { filterable: true }, values: series.map(({ metric }) => metric[name]),
      })),
      { name: 'Value', type: FieldType.number, values: series.map(({ value }) => number(value![1])) },
    ],
  });
}

/** The counts of a histogram: of each bucket, for each time, without what is in the buckets below. */
export function buckets({ series, intervalMs }: Answer) {
  const edge = ({ metric }: Series) => Number(metric.le.replace('Inf', 'Infinity'));
  const sorted = [...series].sort((a, b) => edge(a) - edge(b));
  const times = [...new Set(sorted.flatMap(({ values }) => values!.map(([time]) => time)))].sort((a, b) => a - b);
  const upTo = sorted.map(({ values }) => new Map(values!.map(([time, value]) => [time, number(value) ?? 0])));
  const counts = upTo.map((here, i) =>
    times.map((time) => Math.max(0, (here.get(time) ?? 0) - (i ? upTo[i - 1].get(time) ?? 0 : 0))));
  return { times, edges: sorted.map(edge), counts, intervalMs };
}
