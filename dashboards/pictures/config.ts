// fieldConfig of a panel, applied to frames by @grafana/data. Which options there are, Grafana's application tells it; here
// are those that the dashboards use.
import {
  applyFieldOverrides, DataFrame, FieldConfigOptionsRegistry, FieldConfigSource, FieldType, GrafanaTheme2,
} from '@grafana/data';

const OPTIONS = ['displayName', 'unit', 'min', 'max', 'decimals', 'color', 'thresholds', 'mappings', 'noValue'];

/** What a time series has where the panel says nothing else; as Grafana has it. */
const TIME_SERIES = {
  drawStyle: 'line', lineInterpolation: 'linear', lineWidth: 1, fillOpacity: 0, gradientMode: 'none', showPoints: 'auto',
  pointSize: 5, spanNulls: false, insertNulls: false, barAlignment: 0, barWidthFactor: 0.6,
  stacking: { mode: 'none', group: 'A' }, axisPlacement: 'auto', axisLabel: '', axisColorMode: 'text',
  axisBorderShow: false, axisCenteredZero: false, axisSoftMax: undefined, scaleDistribution: { type: 'linear' },
  thresholdsStyle: { mode: 'off' },
  hideFrom: { legend: false, tooltip: false, viz: false },
};
const TABLE = { align: 'auto', cellOptions: { type: 'auto' }, inspect: false };
const CUSTOM: Record<string, object> = { timeseries: TIME_SERIES, table: TABLE };

// What the dashboards say and this does not know would be left out silently.
export const troubles: string[] = [];

export function configured(type: string, fieldConfig: FieldConfigSource, data: DataFrame[], theme: GrafanaTheme2) {
  const standard = CUSTOM[type] ?? {};
  const { custom, ...rest } = fieldConfig.defaults;
  const defaults = { ...rest, custom: { ...standard, ...custom } };
  // null is how JSON has the lowest of all numbers.
  const thresholds = defaults.thresholds && {
    ...defaults.thresholds, steps: defaults.thresholds.steps.map((step) => ({ ...step, value: step.value ?? -Infinity })),
  };
  const registry = new FieldConfigOptionsRegistry(() => [
    ...OPTIONS.map((id) => option(id, id, false)),
    ...[...Object.keys(standard), 'hidden', 'width'].map((path) => option(`custom.${path}`, path, true)),
  ]);
  const known = new Set(registry.list().map(({ id }) => id));
  const said = [
    ...Object.keys(rest), ...Object.keys(custom ?? {}).map((name) => `custom.${name}`),
    ...fieldConfig.overrides.flatMap(({ properties }) => properties.map(({ id }) => id)),
  ];
  troubles.push(...said.filter((id) => !known.has(id)).map((id) => `${type}: ${id} is not drawn`));
  return applyFieldOverrides({
    data,
    fieldConfig: { defaults: { ...defaults, thresholds }, overrides: fieldConfig.overrides },
    fieldConfigRegistry: registry,
    replaceVariables: (text) => text,
    theme,
    timeZone: 'utc',
  });
}

function option(id: string, path: string, isCustom: boolean): any {
  return {
    id, path, isCustom, name: id, override: null, editor: null, process: (value: unknown) => value,
    shouldApply: (field: { type: FieldType }) => id !== 'unit' || field.type !== FieldType.time,
  };
}
