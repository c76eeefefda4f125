// Makes the page, with all that it needs: node build.mjs FOLDER. What it is to show is in the folder above.
import { cpSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const site = process.argv[2];
mkdirSync(site, { recursive: true });
await build({
  entryPoints: [join(here, 'page.tsx')], outdir: site, bundle: true, format: 'iife', jsx: 'automatic', minify: true,
  logLevel: 'error', loader: { '.woff': 'file', '.woff2': 'file', '.svg': 'dataurl', '.png': 'dataurl', '.ttf': 'file' },
  // As modules, some versions of these lack what their own index exports.
  alias: Object.fromEntries(['data', 'ui'].map((name) =>
    [`@grafana/${name}`, join(here, `node_modules/@grafana/${name}/dist/cjs/index.cjs`)])),
  define: { 'process.env.NODE_ENV': '"production"', 'process.env': '{}', global: 'window' },
});
cpSync(join(here, 'node_modules/@grafana/ui/dist/public'), join(site, 'public'), { recursive: true });
for (const name of readdirSync(dirname(site)).filter((name) => name.startsWith('answers-'))) {
  cpSync(join(dirname(site), name), join(site, name));
}
writeFileSync(join(site, 'index.html'),
  `<!doctype html><meta charset="utf-8"><link rel="stylesheet" href="page.css">
<div id="root"></div><script src="page.js"></script>
`);
