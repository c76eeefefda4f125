// @grafana/data in node, where it misses the browser.
import { createRequire } from 'node:module';

globalThis.window ??= new EventTarget();
globalThis.navigator ??= { language: 'en-GB', languages: ['en-GB'] };
export const { getValueFormats, rangeUtil } = createRequire(import.meta.url)('@grafana/data');
