/** Who imports whom, as /src really does it; change the table and the code together, knowingly. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

/** From the top down; each may import what stands in its list, and all of these stand below it. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'main.ts': ['cli', 'report', 'base'],
  cli: [
    'demo',
    'report',
    'cutover',
    'watch',
    'rescue',
    'survey',
    'sync',
    'databases',
    'verify',
    'plan',
    'inventory',
    'job',
    'state',
    'disk',
    'model',
    'cyrus',
    'base',
  ],
  demo: ['cyrus', 'base'],
  report: ['model', 'cyrus', 'base'],
  cutover: [
    'rescue',
    'survey',
    'sync',
    'databases',
    'verify',
    'plan',
    'inventory',
    'job',
    'state',
    'disk',
    'model',
    'cyrus',
    'base',
  ],
  rescue: ['survey', 'databases', 'inventory', 'job', 'state', 'disk', 'model', 'cyrus', 'base'],
  watch: ['sync', 'plan', 'inventory', 'job', 'state', 'disk', 'model', 'cyrus', 'base'],
  survey: ['inventory', 'job', 'state', 'disk', 'model', 'cyrus', 'base'],
  sync: ['plan', 'inventory', 'job', 'state', 'disk', 'model', 'cyrus', 'base'],
  databases: ['plan', 'inventory', 'job', 'disk', 'model', 'cyrus', 'base'],
  verify: ['inventory', 'job', 'state', 'disk', 'model', 'cyrus', 'base'],
  plan: ['inventory', 'job', 'state', 'disk', 'model', 'cyrus', 'base'],
  inventory: ['job', 'state', 'disk', 'model', 'cyrus', 'base'],
  job: ['disk', 'model', 'cyrus', 'base'],
  state: ['model', 'base'],
  disk: ['model', 'base'],
  model: ['cyrus', 'base'],
  cyrus: ['base'],
  base: [],
};

/** One owner for each thing from outside. */
const OWNERS: Readonly<Record<string, readonly string[]>> = {
  'better-sqlite3': ['state'],
  commander: ['main.ts', 'cli'],
  chokidar: ['watch'],
  koffi: ['disk'],
  'smol-toml': ['job'],
  valibot: ['job'],
  picomatch: ['survey', 'plan'],
  'prom-client': ['report'],
};

/** Decide without a file system, processes, threads, clock or environment. */
const PURE =
  /^(?:cyrus|model)\/|^(?:plan\/(?:balance|collect|decide|edited|footprint|growth|improve|loads|lower-bound|placement|reason|rebalance|rules|units)|sync\/guard|sync\/wanted|survey\/(?:classify|explain|rules)|report\/(?:bars|csv|plan-text|text)|watch\/(?:cost-clock|dirty-set|follower|hints))\.ts$/;
const IMPURE =
  /\bfrom 'node:(?:fs|fs\/promises|os|child_process|worker_threads|net|http)'|\bDate\.now\(|\bnew Date\(\)|\bprocess\.|\bconsole\./;

/** The quoted name of `from '…'` at a line's end, `import '…'`, `import('…')`, `require('…')` and createRequire's. */
const SPECIFIER =
  /(?:^(?:.*[\s}])?from |^import |\bimport\(|\brequire\(|\(import\.meta\.url\)\()'([\w@.:/-]+)'(?=\)|;?$)/gm;

const SRC = fileURLToPath(new URL('../src', import.meta.url));

interface Import {
  readonly file: string;
  /** `src`-relative, or the package's name. */
  readonly what: string;
  readonly outside: boolean;
}

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .sort();
const sources = new Map(files.map((file) => [file, readFileSync(join(SRC, file), 'utf8')]));
const imports: Import[] = [...sources].flatMap(([file, text]) =>
  [...text.matchAll(SPECIFIER)]
    .map((match) => match[1]!)
    .filter((what) => !what.startsWith('node:') && !what.endsWith('package.json'))
    .map((what) => {
      const outside = !what.startsWith('.');
      return {
        file,
        outside,
        what: outside ? what : relative(SRC, resolve(SRC, dirname(file), what)).replace(/\.js$/, '.ts'),
      };
    }),
);
const folderOf = (file: string) => file.split('/')[0]!;
const inside = imports.filter((i) => !i.outside);

describe('the layers of src', () => {
  it('are all in the table, and the walk sees their imports', () => {
    expect(files.map(folderOf).filter((folder) => !(folder in MAY_IMPORT))).toEqual([]);
    expect(inside.filter((i) => !sources.has(i.what))).toEqual([]);
    expect(inside.length).toBeGreaterThan(files.length);
  });

  it('stand in order, so that there can be no cycle of folders', () => {
    const order = Object.keys(MAY_IMPORT);
    for (const [folder, list] of Object.entries(MAY_IMPORT)) {
      for (const lower of list)
        expect(order.indexOf(lower), `${folder} → ${lower}`).toBeGreaterThan(order.indexOf(folder));
    }
  });

  it('import only what lies below them', () => {
    const wrong = inside.filter(
      ({ file, what }) => folderOf(file) !== folderOf(what) && !MAY_IMPORT[folderOf(file)]!.includes(folderOf(what)),
    );
    expect(wrong.map(({ file, what }) => `${file} → ${what}`)).toEqual([]);
  });

  it('have no cycle of files either', () => {
    const done = new Set<string>();
    const cycles: string[] = [];
    const visit = (file: string, path: readonly string[]): void => {
      if (path.includes(file)) cycles.push([...path.slice(path.indexOf(file)), file].join(' → '));
      if (path.includes(file) || done.has(file)) return;
      for (const { what } of inside.filter((i) => i.file === file)) visit(what, [...path, file]);
      done.add(file);
    };
    for (const file of files) visit(file, []);
    expect(cycles).toEqual([]);
  });

  it('leave each thing from outside to one owner', () => {
    const outside = imports.filter((i) => i.outside);
    expect(
      outside
        .filter(({ what, file }) => !OWNERS[what]?.includes(folderOf(file)))
        .map(({ file, what }) => `${file} → ${what}`),
    ).toEqual([]);
  });

  it('keep formats, vocabulary and decisions free of I/O and clock', () => {
    const pure = [...sources].filter(([file]) => PURE.test(file));
    expect(pure.length).toBeGreaterThan(30);
    expect(
      pure.filter(([, text]) => IMPURE.test(text)).map(([file, text]) => `${file}: ${IMPURE.exec(text)![0]}`),
    ).toEqual([]);
  });

  it('have no barrel files', () => {
    expect(
      [...sources].filter(([, text]) => /^export (?:\*|\{[^}]*\}) from /m.test(text)).map(([file]) => file),
    ).toEqual([]);
  });
});
