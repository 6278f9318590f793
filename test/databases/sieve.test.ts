/** Scripts that the target's sievec is to compile; the program is Cyrus's own where it is installed, else a stand-in. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { bytecodeVersion, newestBytecode } from '../../src/cyrus/records/bytecode.js';
import {
  type Compiled,
  openCompiler,
  type ScriptCompiler,
  type ScriptMemory,
} from '../../src/databases/sieve-compiler.js';
import { parseScriptMessage } from '../../src/databases/sieve-messages.js';
import { SPOOL_NAMES, spoolOf } from './spool-databases.js';

/** As if the target's sievec wrote bytecode of `newest`. */
class Stub implements ScriptCompiler {
  readonly why = undefined;
  readonly newest: number;
  readonly tried: string[] = [];
  constructor(newest: number) {
    this.newest = newest;
  }
  compile(scripts: readonly { bytes: Buffer; needsCompiling: boolean }[]): Promise<Compiled[]> {
    return Promise.resolve(
      scripts.map(({ bytes, needsCompiling }): Compiled => {
        this.tried.push(bytes.toString('latin1'));
        if (bytes.includes('bogus')) return { kind: 'failed', error: 'line 1: syntax error' };
        return { kind: 'compiled', bytecode: needsCompiling ? bytecodeOf(this.newest) : undefined };
      }),
    );
  }
}

function bytecodeOf(version: number): Buffer {
  const number = Buffer.alloc(4);
  number.writeUInt32BE(version);
  return Buffer.concat([Buffer.from('CyrSBytecode'), number]);
}

describe('bytecode', () => {
  it.each([
    ['2.2-virt-fullhash', 3],
    ['2.3-skiplist-uhs', 5],
    ['2.4-netnews-meta', 9],
    ['2.5-conv-meta', 9],
    ['3.0-uhs-plain', 0x11],
    ['3.2-uhs-meta', 0x1b],
    ['3.6-uuid-archive', 0x1f],
    ['3.12-mixed', 0x22],
  ])('of the server that wrote %s is of version %i, as its release has it', (name, version) => {
    expect(SPOOL_NAMES).toContain(name);
    const { spool } = spoolOf(name);
    const paths = readdirSync(join(spool, 'sieve'), { recursive: true, encoding: 'utf8' }).filter((p) =>
      p.endsWith('.bc'),
    );
    expect(paths.length).toBeGreaterThan(2);
    for (const path of paths) expect(bytecodeVersion(readFileSync(join(spool, 'sieve', path)))).toBe(version);
    expect(newestBytecode(name.split('-')[0] as '3.0')).toBe(version === 9 ? 9 : version);
  });

  it('is none where the file is short or says otherwise', () => {
    expect(bytecodeVersion(Buffer.from('CyrSBytecode'))).toBeUndefined();
    expect(bytecodeVersion(Buffer.alloc(40))).toBeUndefined();
  });
});

describe('scripts for a server that is older than their bytecode', () => {
  it('are compiled by its sievec, and bytecode that it would refuse does not get there', async () => {
    const spool = spoolOf('3.0-uhs-plain');
    const { outcomes, problems } = await spool.sieve(new Stub(9));
    const written = readdirSync(spool.newSieve, { recursive: true, encoding: 'utf8' }).filter((p) => p.endsWith('.bc'));
    expect(written.length).toBeGreaterThan(5);
    for (const path of written) {
      expect(bytecodeVersion(readFileSync(join(spool.newSieve, path)))).toBe(9);
      const script = statSync(join(spool.newSieve, path.replace(/bc$/, 'script')));
      expect(statSync(join(spool.newSieve, path)).mtimeMs).toBe(script.mtimeMs);
    }
    expect(outcomes[0]?.note).toContain(`${written.length} scripts compiled for the new server`);
    expect(problems).toEqual([]);
  });

  it('are listed with the one command where there is no sievec', async () => {
    const spool = spoolOf('3.0-uhs-plain', '2.5');
    const none: ScriptCompiler = {
      why: 'it is not installed here',
      newest: undefined,
      compile: (scripts) => Promise.resolve(scripts.map(() => ({ kind: 'unchecked' }))),
    };
    const { problems } = await spool.sieve(none);
    expect(problems).toEqual([
      expect.objectContaining({
        code: 'sieve-needs-compiling',
        message: expect.stringMatching(/^\d+ scripts have bytecode of a newer version/),
        advice: expect.stringMatching(/masssievec \/usr\/lib\/cyrus\/bin\/sievec \S+imapd\.conf$/),
      }),
    ]);
    const files = readdirSync(spool.newSieve, { recursive: true, encoding: 'utf8' });
    expect(files.filter((path) => path.endsWith('.bc'))).toEqual([]);
  });
});

describe('scripts for a newer server', () => {
  it.each<[version: string, said: boolean]>([
    ['3.6', true], // seen with 3.6.1 and 3.12.4, of what 3.2.6 wrote
    ['3.4', false],
  ])('of %s: that names beyond ASCII will be shown encoded is said where it is so', async (version, said) => {
    const spool = spoolOf('3.2-uhs-meta', version);
    const [plain] = (await spool.sieve(new Stub(0x1f))).outcomes;
    expect(plain?.note).not.toContain('=?UTF-8?');
    writeFileSync(join(spool.spool, 'sieve/b/bob/Grüße.script'), 'keep;');
    const [outcome] = (await spool.sieve(new Stub(0x1f))).outcomes;
    expect(outcome?.note.includes('1 name with letters beyond ASCII')).toBe(said);
  });

  it('keep their bytecode, and those that no longer compile are named with the error', async () => {
    const spool = spoolOf('2.3-skiplist-uhs');
    writeFileSync(join(spool.spool, 'sieve/b/bob/odd.script'), 'bogus');
    const stub = new Stub(0x1f);
    const { outcomes, problems } = await spool.sieve(stub);
    expect(stub.tried.length).toBeGreaterThan(8);
    expect(problems).toEqual([
      expect.objectContaining({
        code: 'sieve-does-not-compile',
        message: "the new server's sievec says: line 1: syntax error",
        path: '/srv/old/2.3-skiplist-uhs/sieve/b/bob/odd.script',
      }),
    ]);
    expect(outcomes[0]?.note).toContain('1 script no longer compiles');
    const bytecode = join(spool.newSieve, 'E/bob/main.bc');
    expect(bytecodeVersion(readFileSync(bytecode))).toBe(5);
  });

  it('of users without a mailbox, global ones, and what is no script each have their row', async () => {
    const spool = spoolOf('2.3-skiplist-uhs');
    const put = (path: string, text: string) => {
      mkdirSync(join(spool.spool, 'sieve', path, '..'), { recursive: true });
      writeFileSync(join(spool.spool, 'sieve', path), text);
    };
    put('g/guest/main.script', 'keep;');
    put('global/all.script', 'keep;');
    put('x/bob/main.script', 'keep;'); // in the wrong hash directory
    put('b/bob/notes.txt', 'hello');
    put('README', 'hello');
    const { outcomes } = await spool.sieve(new Stub(0x1f));
    const written = readdirSync(spool.newSieve, { recursive: true, encoding: 'utf8' });
    expect(written).toEqual(expect.arrayContaining(['global/all.script']));
    expect(written.filter((path) => path.endsWith('guest/main.script'))).toHaveLength(1);
    expect(outcomes.map(({ what, action, entries }) => [what, action, entries])).toEqual([
      ['sieve', 'copied', 23],
      ['sieve, what is no script', 'dropped', 2],
      ['sieve, where the old server no longer looks', 'dropped', 1],
    ]);
  });
});

describe('scripts of 3.6 and later, which are messages', () => {
  it('are tried as well', async () => {
    const spool = spoolOf('3.6-uuid-archive');
    const stub = new Stub(0x1f);
    const { outcomes } = await spool.sieve(stub);
    expect(stub.tried.filter((text) => text.includes('fileinto "Archive"')).length).toBeGreaterThan(0);
    expect(stub.tried).toHaveLength(
      readdirSync(join(spool.spool, 'sieve'), { recursive: true, encoding: 'utf8' }).filter((p) => p.endsWith('.bc'))
        .length,
    );
    const written = readdirSync(spool.newSieve, { recursive: true, encoding: 'utf8' });
    expect(written.filter((path) => path.endsWith('.script'))).toEqual([]);
    expect(outcomes[0]?.entries).toBe(12);
  });

  it('become files for a server that knows no other, with bytecode of its own', async () => {
    const spool = spoolOf('3.6-uuid-archive', '3.4');
    const { problems } = await spool.sieve(new Stub(0x1e));
    expect(problems).toEqual([]);
    const written = readdirSync(spool.newSieve, { recursive: true, encoding: 'utf8' });
    const alice = written.filter((path) => path.includes('/alice/')).map((path) => path.replace(/.*\//, ''));
    expect(alice.sort()).toEqual([
      'defaultbc',
      'main.bc',
      'main.script',
      'unused.bc',
      'unused.script',
      'vac.bc',
      'vac.script',
    ]);
    for (const path of written.filter((one) => one.endsWith('.bc')))
      expect(bytecodeVersion(readFileSync(join(spool.newSieve, path)))).toBe(0x1e);
    const main = written.find((path) => path.endsWith('alice/main.script'))!;
    expect(readFileSync(join(spool.newSieve, main), 'latin1')).toMatch(/^require \["fileinto"\];\r?\n/);
  });

  it('end where Content-Length says', () => {
    const message =
      'Subject: a b\r\nContent-Type: application/sieve; charset=utf-8\r\nContent-Length: 5\r\n\r\nkeep;\r\n';
    expect(parseScriptMessage(Buffer.from(message))).toEqual({ name: 'a b', text: Buffer.from('keep;') });
  });

  it.each([
    'Subject: a/b\r\nContent-Type: application/sieve\r\n\r\nkeep;',
    'Subject: ..\r\nContent-Type: application/sieve\r\n\r\nkeep;',
    'Subject: a\r\nContent-Type: text/plain\r\n\r\nkeep;',
    'Content-Type: application/sieve\r\n\r\nkeep;',
    'Subject: a\r\nContent-Type: application/sieve\r\n',
  ])('are not what else lies there: %j', (text) => {
    expect(parseScriptMessage(Buffer.from(text))).toBeUndefined();
  });
});

class Memory implements ScriptMemory {
  readonly results = new Map<string, string>();
  scriptResult(digest: string): string | undefined {
    return this.results.get(digest);
  }
  saveScriptResults(results: ReadonlyMap<string, string>): void {
    for (const [digest, error] of results) this.results.set(digest, error);
  }
}

const isRoot = process.geteuid?.() === 0;
const KEEP = { bytes: Buffer.from('keep;'), needsCompiling: false };

describe('a sievec', () => {
  /** A program in a shell script: `$3` is the script, `$4` the output; `$LOG` counts its runs. */
  function compilerOf(body: string, memory?: ScriptMemory, limits = { secondsEach: 2, secondsInAll: 60 }) {
    const dir = mkdtempSync(join(tmpdir(), 'cyrsync-sievec-'));
    onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
    chmodSync(dir, 0o777);
    const tool = join(dir, 'sievec');
    const log = join(dir, 'log');
    const write = String.raw`printf 'CyrSBytecode\000\000\000\037' > "$4"`;
    writeFileSync(
      tool,
      `#!/bin/sh\necho run >> ${log}\nif grep -q probe <<X\n$3\nX\nthen ${write}; exit 0; fi\n${body.replace('WRITE', write)}\n`,
    );
    chmodSync(tool, 0o755);
    const runs = () => readFileSync(log, 'utf8').split('\n').length - 2; // without the probe
    const { job } = spoolOf('2.5-conv-meta');
    return { compiler: openCompiler(job, memory, limits, [tool]), runs };
  }

  it('tries each content once in the life of a job', async () => {
    const memory = new Memory();
    const body = `if grep -q bogus "$3"; then echo 'Unable to parse script: line 1: no' >&2; exit 1; fi\nWRITE`;
    const first = compilerOf(body, memory);
    const scripts = [KEEP, { bytes: Buffer.from('bogus'), needsCompiling: false }, KEEP];
    const results = await first.compiler.compile(scripts);
    expect(first.compiler.newest).toBe(0x1f);
    expect(results.map(({ kind }) => kind)).toEqual(['compiled', 'failed', 'compiled']);
    expect(results[1]).toEqual({ kind: 'failed', error: 'line 1: no' });
    expect(memory.results.size).toBe(2);
    const before = first.runs();
    expect(await first.compiler.compile(scripts)).toEqual(results);
    expect(first.runs()).toBe(before);
  });

  it('gives bytecode where it is asked for', async () => {
    const { compiler } = compilerOf('WRITE', new Memory());
    const [result] = await compiler.compile([{ ...KEEP, needsCompiling: true }]);
    expect(result?.kind === 'compiled' && result.bytecode && bytecodeVersion(result.bytecode)).toBe(0x1f);
  });

  it('is killed over a script that takes too long, and goes on with the next', async () => {
    const { compiler } = compilerOf(`if grep -q bogus "$3"; then exec sleep 60; fi\nWRITE`, new Memory(), {
      secondsEach: 1,
      secondsInAll: 60,
    });
    const [slow, quick] = await compiler.compile([{ bytes: Buffer.from('bogus'), needsCompiling: false }, KEEP]);
    expect(slow).toEqual({ kind: 'failed', error: 'it was not done after 1 s' });
    expect(quick?.kind).toBe('compiled');
  });

  it('stops at the time for all, and says which were not tried', async () => {
    const { compiler } = compilerOf('WRITE', new Memory(), { secondsEach: 1, secondsInAll: -1 });
    expect(await compiler.compile([KEEP])).toEqual([{ kind: 'unchecked' }]);
  });

  it('that has trouble of its own blames no script', async () => {
    const { compiler } = compilerOf(`echo "Fatal error: can't open configuration file" >&2; exit 75`);
    expect(await compiler.compile([KEEP])).toEqual([{ kind: 'unchecked' }]);
  });

  it('that does not work at all, or is not there, is said', () => {
    const { job } = spoolOf('2.5-conv-meta');
    expect(openCompiler(job, undefined, undefined, ['/nowhere/sievec']).why).toBe('it is not installed here');
    expect(openCompiler(job, undefined, undefined, ['/bin/false']).why).toMatch(/^it does not work here: /);
  });

  it('leaves nothing in /tmp', async () => {
    const before = readdirSync('/tmp').filter((name) => name.startsWith('cyrsync-sieve-'));
    const { compiler } = compilerOf('WRITE');
    await compiler.compile([KEEP]);
    const after = readdirSync('/tmp').filter((name) => name.startsWith('cyrsync-sieve-'));
    expect(after.filter((name) => !before.includes(name))).toEqual([]);
  });

  it.runIf(isRoot && existsSync('/usr/lib/cyrus/bin/sievec'))(
    'of the real Cyrus compiles every script of every spool, and says what is wrong with another',
    async () => {
      for (const name of ['2.2-virt-fullhash', '2.4-netnews-meta', '3.0-uhs-plain']) {
        const spool = spoolOf(name);
        const compiler = openCompiler(spool.job, undefined);
        expect(compiler.why).toBeUndefined();
        const { problems } = await spool.sieve(compiler);
        expect(problems).toEqual([]);
      }
      const { job } = spoolOf('2.2-virt-fullhash');
      const odd = Buffer.from('require ["fileinto"];\r\nif header :contains "x" { fileinto }\r\n');
      const [result] = await openCompiler(job, undefined).compile([{ bytes: odd, needsCompiling: true }]);
      expect(result).toEqual({ kind: 'failed', error: expect.stringMatching(/line 2: /) });
    },
  );
});
