/**
 * The second step of `npm run build`: the program in one file, which starts in half the time, because Node opens and
 * links one and not 200; beside it what V8 made of it (load-bundle.cjs), which saves another third. Worker threads are
 * entries of their own, found by their name, `worker.ts` or `*-worker.ts`; all land in one folder, so that `./NAME.js`
 * finds them there too.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { build } from 'esbuild';

/** Parts of Node that few commands need and that take milliseconds to load, loaded at the first use of a name. */
const LAZY = {
  'node:child_process': ['execFile', 'execFileSync', 'spawn', 'spawnSync'],
  'node:crypto': ['createHash', 'randomBytes', 'randomUUID'],
  'node:worker_threads': ['isMainThread', 'parentPort', 'Worker', 'workerData'],
  'node:zlib': ['crc32'],
};
const lazyBuiltins = {
  name: 'lazy-builtins',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^(?:node:)?(?:child_process|crypto|worker_threads|zlib)$/ }, ({ path, namespace }) =>
      namespace === 'lazy' ? { path, external: true } : { path: path.replace(/^(?!node:)/, 'node:'), namespace: 'lazy' },
    );
    onLoad({ filter: /./, namespace: 'lazy' }, ({ path }) => ({
      contents: LAZY[path].map((name) => lazyProperty(path, name)).join('\n'),
    }));
  },
};

/** Its first use puts the thing itself in its place: hot loops call `crc32` by it. */
function lazyProperty(path, name) {
  const define = (value) => `Object.defineProperty(exports, '${name}', { enumerable: true, configurable: true, ${value} })`;
  return `${define(`get() { const value = require('${path}').${name}; ${define('value')}; return value; }`)};`;
}

const workers = readdirSync('src', { recursive: true }).filter((file) => /(^|\/|-)worker\.ts$/.test(file));
const names = workers.map((file) => basename(file, '.ts'));
if (new Set(names).size < names.length) throw new Error(`two workers of one name: ${workers.join(', ')}`);
rmSync('dist/bundle', { recursive: true, force: true });
const common = {
  outdir: 'dist/bundle',
  bundle: true,
  platform: 'node',
  target: 'node20',
  sourcemap: true,
  logLevel: 'warning',
  minifySyntax: true,
  minifyWhitespace: true, // a third less to read; names stay, for stack traces
  plugins: [lazyBuiltins],
  // the first two look for their binaries beside themselves; the third is `report`'s alone
  external: ['better-sqlite3', 'koffi', 'prom-client'],
};
const version = JSON.stringify(JSON.parse(readFileSync('package.json', 'utf8')).version);
await build({
  ...common,
  entryPoints: Object.fromEntries(workers.map((file, i) => [names[i], `src/${file}`])),
  format: 'esm',
  define: { BUNDLED_VERSION: version },
  banner: { js: "import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);" },
});
await build({
  ...common,
  entryPoints: { main: 'src/main.ts' },
  format: 'cjs',
  charset: 'ascii',
  outExtension: { '.js': '.cjs' },
  define: { BUNDLED_VERSION: version, 'import.meta.url': 'bundleUrl' },
  banner: { js: "const bundleUrl = require('node:url').pathToFileURL(__filename).href;" },
});
writeFileSync('dist/bundle/package.json', '{ "type": "module" }\n');
writeFileSync('dist/package.json', '{ "type": "commonjs" }\n');
writeFileSync('dist/main.js', "#!/usr/bin/env node\nrequire('./load-bundle.cjs').start();\n");
chmodSync('dist/main.js', 0o755);
keepCompiled();

/**
 * V8 keeps the functions that a run has used, so the run is a pass over a changed mailbox, of the demo's spool: what a
 * nightly job needs. Where the demo can't be run (no `tar`), one that does nothing: what any start needs.
 */
function keepCompiled() {
  const dir = mkdtempSync(join(tmpdir(), 'cyrsync-build-'));
  const job = ['--job', join(dir, 'campus.toml')];
  const run = (...args) => execFileSync(process.execPath, args, { stdio: 'ignore' });
  // run by -e, the program's own words begin behind it
  const keep = (...args) => run('-e', "require('./dist/load-bundle.cjs').startAndKeep()", ...args);
  try {
    run('dist/main.js', 'demo', '--keep', dir);
    run('dist/main.js', 'reopen', '--discard', ...job);
    run('dist/main.js', 'presync', ...job);
    utimesSync(join(dir, 'old/srv/old/3.2-netnews-plain/spool/default/user/3com/cyrus.index'), 1, 1);
    keep('presync', ...job);
  } catch {
    keep('presync', '--job', '/dev/null/none');
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
