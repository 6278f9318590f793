import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { html, raw } from '../../src/report/html.js';
import { printMetrics } from '../../src/report/metrics.js';
import { printPage } from '../../src/report/page.js';
import type { StandingView } from '../../src/report/standing-view.js';
import { MAIN } from '../support/cyrsync.js';
import { Lab, type TortureJob } from '../torture/lab.js';

const NASTY = `<script>alert("x")</script> & 'q'\n\x1b[31m`;

const VIEW: StandingView = {
  job: `/srv/${NASTY}/job.toml`,
  version: '9.9.9',
  at: '2026-11-30T14:05:06.000Z',
  final: null,
  waves: [{ final: '2026-11-29T01:02:03.000Z', units: 12 }],
  passes: [
    { kind: 'presync', startedAt: '2026-11-30T02:00:00.000Z', seconds: null, complete: false, figures: null },
    {
      kind: 'presync',
      startedAt: '2026-11-29T02:00:00.000Z',
      seconds: 75,
      complete: true,
      figures: {
        mailboxes: { total: 1010, unchanged: 1000, changed: 7, created: 3 },
        messages: { copied: 1234 },
        bytes: { copied: 5 * 2 ** 30 },
      },
    },
  ],
  mailboxes: 1010,
  dirty: 7,
  never: 3,
  lastFull: null,
  lastChecksum: '2026-11-28T00:00:00.000Z',
  forecast: { seconds: 300, low: 120, high: 600, basis: 'two passes' },
  problems: [
    { code: 'index-damaged', message: NASTY, advice: `do ${NASTY}`, mailbox: NASTY, path: NASTY },
    { code: 'index-damaged', message: 'again', advice: 'wait' },
  ],
  partitions: [{ partition: 'p1', mailboxes: 900, messages: 90_000, bytes: 2 ** 31 }],
  leftovers: {
    at: '2026-11-27T00:00:00.000Z',
    leftovers: [{ class: 'stale-copy', directories: 4, files: 40, bytes: 4000 }],
  },
};

/** Prometheus's text format, plainly: name, labels, value. Throws where a line is none of it. */
function parseMetrics(text: string): Map<string, number> {
  const found = new Map<string, number>();
  const typed = new Set<string>();
  for (const line of text.split('\n')) {
    const type = /^# TYPE (\w+) gauge$/.exec(line);
    if (type) typed.add(type[1]!);
    if (line === '' || line.startsWith('# ')) continue;
    const [, name, labels, value] =
      /^([a-z_]+)\{((?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)+)\} (-?[\d.e+]+)$/.exec(line) ?? [];
    if (name === undefined || !typed.has(name)) throw new Error(`no metric: ${line}`);
    found.set(`${name} ${labels!.replace(/,?job_file="(?:[^"\\]|\\.)*",?/, '')}`, Number(value));
  }
  return found;
}

describe('the page', () => {
  it('shows text of a server as text, and what stands', () => {
    const page = printPage(VIEW);
    expect(page).not.toContain('<script');
    expect(page).not.toMatch(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/);
    expect(page.match(/&lt;script&gt;alert\(&quot;x&quot;\)/g)!.length).toBeGreaterThanOrEqual(6);
    for (const shown of [
      '1,000 of 1,010',
      '5 min 0 s',
      '2 min 0 s to 10 min 0 s',
      'did not end',
      '5.0 GiB',
      'stale-copy',
    ])
      expect(page).toContain(shown);
    // nothing is fetched from anywhere
    expect(page).not.toMatch(/(?:src|href)=|@import|url\(/);
  });

  it('is whole where nothing is known yet', () => {
    const none = { ...VIEW, passes: [], waves: [], forecast: null, problems: [], partitions: [], leftovers: null };
    const page = printPage({ ...none, mailboxes: 0, dirty: 0, never: 0 });
    for (const shown of ['no forecast', 'Not surveyed yet', 'None stands']) expect(page).toContain(shown);
    expect(page).not.toMatch(/NaN|undefined|null|Infinity/);
  });

  it('has its own kind of text', () => {
    expect(html`<p>${'a<b'}${[raw('<i>'), 'c&d', html`</i>`]}</p>`.text).toBe('<p>a&lt;b<i>c&amp;d</i></p>');
  });
});

describe('the metrics', () => {
  it('say the same, each with its type', async () => {
    const metrics = parseMetrics(await printMetrics(VIEW));
    expect(Object.fromEntries(metrics)).toMatchObject({
      'cyrsync_info version="9.9.9"': 1,
      'cyrsync_final ': 0,
      'cyrsync_units_final ': 12,
      'cyrsync_mailboxes state="current"': 1000,
      'cyrsync_mailboxes state="dirty"': 7,
      'cyrsync_mailboxes state="never"': 3,
      'cyrsync_last_pass_complete kind="presync"': 0,
      'cyrsync_last_complete_pass_timestamp_seconds ': Date.parse('2026-11-29T02:00:00Z') / 1000,
      'cyrsync_last_pass_duration_seconds kind="presync"': 75,
      'cyrsync_last_pass_mailboxes outcome="changed"': 7,
      'cyrsync_last_pass_messages outcome="copied"': 1234,
      'cyrsync_cutover_forecast_seconds bound="high"': 600,
      'cyrsync_problems code="index-damaged"': 2,
      'cyrsync_standing_problems ': 2,
      'cyrsync_partition_bytes partition="p1"': 2 ** 31,
      'cyrsync_leftovers_files class="stale-copy"': 40,
    });
    expect([...metrics.keys()].filter((key) => key.includes('last_full'))).toEqual([]);
  });
});

describe('cyrsync report', () => {
  let lab: Lab;
  let job: TortureJob;
  beforeAll(async () => {
    lab = await Lab.open('2.3-skiplist-uhs', { hash: 'full', partitions: ['n1', 'n2'] });
    job = await lab.job('job');
    await job.must([0, 3], 'survey');
    await job.presync();
    await job.presync();
  });
  afterAll(() => lab.close());

  it('writes both, in place of what was there', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'cyrsync-report-'));
    try {
      const [page, metrics] = [join(dir, 'page.html'), join(dir, 'cyrsync.prom')];
      for (let n = 0; n < 2; n++) await job.must(0, 'report', '--html', page, '--prometheus', metrics);
      expect(readdirSync(dir).sort()).toEqual(['cyrsync.prom', 'page.html']);
      expect(statSync(page).mode & 0o777).toBe(0o666 & ~process.umask());
      const text = readFileSync(page, 'utf8');
      for (const shown of ['n1', 'n2', 'stale-copy', 'presync', 'The cutover will take about'])
        expect(text).toContain(shown);
      const found = parseMetrics(readFileSync(metrics, 'utf8'));
      const { forecast, problems } = (await job.must(0, 'status')) as unknown as {
        forecast: { seconds: number };
        problems: unknown[];
      };
      expect(found.get('cyrsync_standing_problems ')).toBe(problems.length);
      expect(found.get('cyrsync_cutover_forecast_seconds bound="expected"')).toBeCloseTo(forecast.seconds, 0);
      expect(found.get('cyrsync_mailboxes state="never"')).toBe(0);
      const onTarget = [...found].filter(([key]) => key.startsWith('cyrsync_partition_mailboxes'));
      expect(onTarget.reduce((sum, [, value]) => sum + value, 0)).toBe(found.get('cyrsync_mailboxes state="current"'));
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });

  it('says what it needs', async () => {
    expect((await job.must(2, 'report')).problems[0]!.message).toContain('--html');
    const nowhere = join(lab.dir, 'none', 'page.html');
    expect((await job.must(2, 'report', '--html', nowhere)).problems[0]!.message).toContain(nowhere);
    expect((await job.must(2, 'report', '--html', '-')).problems[0]!.message).toContain('stdout');
    const plain = execFileSync(process.execPath, [MAIN, 'report', '--prometheus', '-', '--job', job.file]);
    expect(parseMetrics(plain.toString()).get('cyrsync_final ')).toBe(0);
  });
});
