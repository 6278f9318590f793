/** Every mailbox of the real spools, and made-up names at 3.6.1, against what each version's own mbpath printed. */
import { describe, expect, it } from 'vitest';
import { sieveDir, userFile } from '../../../src/cyrus/layout/config-paths.js';
import { mailboxDir, mailboxNameOfDir, placeOf, uniqueidOfDir } from '../../../src/cyrus/layout/mailbox-place.js';
import {
  asInternalName,
  type InternalName,
  inboxOf,
  toExternal,
  userOf,
} from '../../../src/cyrus/names/mailbox-name.js';
import type { CyrusVersion } from '../../../src/cyrus/version.js';
import { confOf, confOfSpool, fixture } from '../conf/conf-of.js';

interface Listed {
  readonly name: InternalName;
  readonly partition: string;
  readonly uniqueid?: string | undefined;
  readonly legacy: boolean;
  /** A tombstone, `T d`. */
  readonly gone?: boolean;
}

/** ctl_mboxlist -d: text to 3.4, JSON from 3.6 on. */
function listed(spool: string): Listed[] {
  const text = fixture(`${spool}/ctl_mboxlist-d.txt`);
  if (text.startsWith('{')) {
    const all = JSON.parse(text) as Record<
      string,
      { name: string; mbtype?: string; partition: string; uniqueid: string }
    >;
    return Object.values(all).map(({ name, mbtype = '', partition, uniqueid }) => {
      return {
        name: asInternalName(name),
        partition,
        uniqueid,
        legacy: mbtype.includes('l'),
        gone: mbtype.includes('d'),
      };
    });
  }
  const lines = text.trimEnd().split('\n');
  return lines.map((line) => {
    const [name = '', rest = ''] = line.split('\t');
    return { name: asInternalName(name), partition: rest.split(' ')[1] ?? '', legacy: true };
  });
}

interface Answer {
  readonly data: string;
  readonly meta: string;
  readonly archive?: string | undefined;
  readonly sieve?: string | undefined;
  readonly user?: string | undefined;
}

function answers(spool: string): Map<string, Answer> {
  const text = fixture(`${spool}/mbpath.txt`);
  const found = new Map<string, Answer>();
  if (text.startsWith('#')) {
    for (const line of text.trimEnd().split('\n').slice(1)) {
      const [name = '', data = '', meta = ''] = line.split('\t');
      if (data.startsWith('/')) found.set(name, { data, meta });
    }
    return found;
  }
  for (const block of text.split(/\n(?!\t)/)) {
    const [first = '', ...more] = block.split('\n');
    const [name = '', ...rest] = first.split('\t');
    const lines = [rest.join('\t'), ...more.map((line) => line.slice(1))];
    const get = (what: string) => lines.find((line) => line.startsWith(`${what}: `))?.slice(what.length + 2);
    const data = get('Data');
    if (data !== undefined) {
      found.set(name, {
        data,
        meta: get('Meta') ?? '',
        archive: get('Archive'),
        sieve: get('Sieve'),
        user: get('User'),
      });
    }
  }
  return found;
}

describe.each([
  ['2.3', '2.3-skiplist-uhs', 120],
  ['2.4', '2.4-netnews-meta', 100],
  ['3.0', '3.0-uhs-plain', 100],
  ['3.2', '3.2-netnews-plain', 70],
  ['3.2', '3.2-uhs-meta', 100],
  ['3.6', '3.6-netnews-mixed', 100],
  ['3.6', '3.6-uuid-archive', 100],
  ['3.10', '3.10-fullhash-meta', 90],
] as const)('mailboxes of %s in %s', (version: CyrusVersion, spool: string, atLeast: number) => {
  const conf = confOfSpool(version, spool);
  const printed = answers(spool);
  const all = listed(spool);
  const inboxes = new Map(all.map((one) => [one.name, one]));
  const known = all.flatMap((mailbox) => {
    // mbpath.txt of 2.x lost blanks at the end of names.
    const external = toExternal(mailbox.name, conf);
    const answer = printed.get(external);
    return answer ? [{ mailbox, answer }] : [];
  });

  it(`are where its mbpath says, at least ${atLeast} of them`, () => {
    expect(known.length).toBeGreaterThanOrEqual(atLeast);
    for (const { mailbox, answer } of known) {
      const place = placeOf(conf, mailbox);
      const partition = conf.partitions.get(mailbox.partition);
      // mbpath asks for no kind of file in particular, and then the metapartition counts, used by a kind or not.
      const meta = `${partition?.metaPartition ?? partition?.data}/${place?.relative}`;
      expect([mailbox.name, place?.data, meta]).toEqual([mailbox.name, answer.data, answer.meta]);
      if (answer.archive !== undefined) expect(place?.archive ?? place?.data).toBe(answer.archive);
    }
  });

  it('have the user files and scripts of their owner where its mbpath says', () => {
    for (const { mailbox, answer } of known) {
      const user = userOf(mailbox.name, conf);
      if (!user || !answer.user) continue;
      const inbox = inboxes.get(inboxOf(user));
      const uuid = inbox && !inbox.legacy ? inbox.uniqueid : undefined;
      // The tombstone of an INBOX still decides over user files (mboxlist_lookup_allow_all), not over scripts (3.10).
      const sieveUuid = inbox?.gone ? undefined : uuid;
      expect(`${conf.configDirectory}/${userFile(conf, user, 'seen', uuid)}`.replace(/\/[^/]*$/, '')).toBe(answer.user);
      if (answer.sieve) expect(`${conf.sieveDir}/${sieveDir(conf, user, sieveUuid)}`).toBe(answer.sieve);
    }
  });

  it('are known again by their directories', () => {
    for (const { mailbox, answer } of known) {
      const root = conf.partitions.get(mailbox.partition)?.data ?? '';
      const relative = answer.data.slice(root.length + 1);
      if (mailbox.legacy) expect(mailboxNameOfDir(relative, conf)).toEqual({ name: mailbox.name, canonical: true });
      else expect(uniqueidOfDir(relative)).toBe(mailbox.uniqueid);
    }
  });
});

describe.each(
  fixture('names-3.6.1.tsv')
    .split(/^# /m)
    .slice(1)
    .map((block) => block.trimEnd().split('\n')),
)('names by name at 3.6.1, with %s', (options, ...lines) => {
  const conf = confOf('3.6', Object.fromEntries(options.split(' ').map((pair) => pair.split('=') as [string, string])));

  it('lie where mbpath -a -7 says', () => {
    expect(lines.length).toBeGreaterThan(30);
    for (const line of lines) {
      const [internal = '', , data, sieve, userDirectory] = line.split('\t');
      const name = asInternalName(internal);
      expect(`/D/spool/${mailboxDir(name, conf)}`).toBe(data);
      const user = userOf(name, conf);
      if (user) expect(`/D/conf/${userFile(conf, user, 'seen')}`.replace(/\/[^/]*$/, '')).toBe(userDirectory);
      if (user && sieve) expect(`/D/sieve/${sieveDir(conf, user)}`).toBe(sieve);
    }
  });

  it('are known again by their directories', () => {
    for (const line of lines) {
      const [internal = '', , data = ''] = line.split('\t');
      expect(mailboxNameOfDir(data.slice('/D/spool/'.length), conf)).toEqual({ name: internal, canonical: true });
    }
  });
});
