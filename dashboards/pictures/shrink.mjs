// Pictures of few colours, and so of few bytes: node shrink.mjs FROM TO
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import UPNG from 'upng-js';

const COLOURS = 96;
const MOST = 250_000;
const [from, to] = process.argv.slice(2);
mkdirSync(to, { recursive: true });
for (const name of readdirSync(from)) {
  const { width, height, ...image } = UPNG.decode(readFileSync(join(from, name)));
  const made = Buffer.from(UPNG.encode(UPNG.toRGBA8({ width, height, ...image }), width, height, COLOURS));
  writeFileSync(join(to, name), made);
  console.log(`${join(to, name)}: ${width} x ${height}, ${made.length} bytes`);
  if (made.length > MOST) throw new Error(`${name}: more than ${MOST} bytes: show less in it, or use fewer colours`);
}
