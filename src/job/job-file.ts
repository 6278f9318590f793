/** The job file: both imapd.conf files and the migration's own choices. TOML, written by `init`, edited by people. */

import { parse } from 'smol-toml';
import * as v from 'valibot';
import { ConfigError } from '../base/errors.js';
import { parseBytes } from '../base/units.js';
import { CYRUS_VERSIONS } from '../cyrus/version.js';
import { LEFTOVER_CLASSES } from '../model/leftover-class.js';
import { HINT_SOURCES } from '../model/watch-status.js';

const Version = v.picklist(CYRUS_VERSIONS);

/** What counts as use of a user's mail: see inventory/disuse.ts. */
export const USE_KINDS = ['append', 'seen', 'login', 'change'] as const;

/** `2023-01-01`, with or without quotes. */
const Day = v.pipe(
  v.union([v.pipe(v.string(), v.isoDate()), v.date()]),
  v.transform((day) => new Date(day)),
);

const OneOrMore = v.union([v.string(), v.array(v.string())]);

/** What stays free on a file system: a part of it, or so many bytes. */
export type Reserve = { readonly part: number } | { readonly bytes: number };

/** Pipes of valibot: a wrong one shows as an issue of its key. */
const ReserveText = v.pipe(
  v.string(),
  v.rawTransform<string, Reserve>(({ dataset, addIssue, NEVER }) => {
    const percent = /^(\d+(?:\.\d+)?) ?%$/.exec(dataset.value)?.[1];
    const bytes = percent === undefined ? parseBytes(dataset.value) : undefined;
    if (percent !== undefined && Number(percent) < 100) return { part: Number(percent) / 100 };
    if (bytes !== undefined) return { bytes };
    addIssue({ message: `"${dataset.value}" is neither a share such as "2%" nor a size such as "50 GiB"` });
    return NEVER;
  }),
);

const ByteRate = v.pipe(
  v.union([v.string(), v.number()]),
  v.transform((rate) => parseBytes(String(rate))),
  v.number('bytes a second such as "20M"'),
  v.minValue(1),
);

const Seconds = v.pipe(v.number(), v.gtValue(0), v.maxValue(86_400));

const JobFile = v.strictObject({
  state: v.optional(v.pipe(v.string(), v.nonEmpty())),
  source: v.strictObject({
    imapd_conf: v.string(),
    root: v.optional(v.string(), ''),
    version: Version,
    /** A `ctl_mboxlist -d` dump that stands in for mailboxes.db. */
    mailboxes_dump: v.optional(v.string()),
  }),
  target: v.strictObject({
    imapd_conf: v.string(),
    root: v.optional(v.string(), ''),
    version: Version,
    owner: v.optional(v.string()),
    group: v.optional(v.string()),
    layout: v.optional(v.picklist(['name', 'keep', 'uuid'])),
  }),
  placement: v.optional(
    v.strictObject({
      policy: v.optional(v.picklist(['balance', 'keep', 'map'])),
      /** What stays together: a user's tree (and a shared tree), or each mailbox by itself. */
      unit: v.optional(v.picklist(['user', 'mailbox']), 'user'),
      map: v.optional(v.record(v.string(), v.string()), {}),
      /** Internal name or glob of one, for it and all below it: the partition, or those to balance over. */
      pins: v.optional(v.record(v.string(), OneOrMore), {}),
      /** The same by domain. */
      domains: v.optional(v.record(v.string(), OneOrMore), {}),
      /** The same for mailboxes that are nobody's. */
      shared: v.optional(OneOrMore),
      /** Partitions to which nothing new goes that no rule names them for. */
      exclude: v.optional(OneOrMore, []),
      /** Whether the indexes are looked through for messages that are hard links, where that may change the plan. */
      links: v.optional(v.boolean(), true),
      /** Left free on each file system: `"2%"` of it, or a size as `"50 GiB"`. */
      reserve: v.optional(ReserveText, '2%'),
      /** What `plan --rebalance` comes down to: the fullest partition against the mean. */
      wanted_spread: v.optional(v.pipe(v.number(), v.minValue(1)), 1.02),
      /** Reported from here on. */
      spread_limit: v.optional(v.pipe(v.number(), v.minValue(1)), 1.2),
      /** How long the mail may grow as it did, before a partition is full. 0: growth is left out. */
      growth_days: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0)), 30),
    }),
    {},
  ),
  migrate: v.optional(
    v.strictObject({
      deleted: v.optional(v.picklist(['migrate', 'leave']), 'migrate'),
      upgrade_indexes: v.optional(v.picklist(['needed', 'all', 'never']), 'needed'),
      /** What becomes of messages of leftovers that exist nowhere else. */
      rescue: v.optional(v.picklist(['copy', 'mailbox', 'off']), 'copy'),
      /** Where copies go, as the target's server would name it; default: `rescued` beside the default partition. */
      rescue_directory: v.optional(v.pipe(v.string(), v.startsWith('/'))),
    }),
    {},
  ),
  /** Who comes along. Patterns: see cyrus/names/name-pattern.ts; `list:FILE` for one that has one a line. */
  select: v.optional(
    v.pipe(
      v.strictObject({
        /** These alone, into a target that may serve others. */
        only: v.optional(v.array(v.string())),
        leave_out: v.optional(v.array(v.string()), []),
        /** Users without any sign of use since then. */
        unused_since: v.optional(Day),
        unused_days: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1))),
        unused_by: v.optional(v.pipe(v.array(v.picklist(USE_KINDS)), v.minLength(1)), [...USE_KINDS]),
      }),
      v.check(
        ({ unused_since, unused_days }) => unused_since === undefined || unused_days === undefined,
        'unused_since and unused_days say the same: give one of them',
      ),
    ),
    {},
  ),
  /** The first that fits a leftover decides about it. All keys of a rule must fit; of a list, one. */
  leftovers: v.optional(
    v.array(
      v.pipe(
        v.strictObject({
          /** Paths as the old server names them. */
          path: v.optional(OneOrMore),
          /** The same with picomatch patterns: `*` within a name, `**` across. */
          glob: v.optional(OneOrMore),
          class: v.optional(v.union([v.picklist(LEFTOVER_CLASSES), v.array(v.picklist(LEFTOVER_CLASSES))])),
          /** Internal name. With migrate-as-live: which mailbox's files the directory in `path` holds. */
          mailbox: v.optional(v.string()),
          action: v.picklist(['skip', 'rescue', 'migrate-as-live']),
        }),
        v.check(
          ({ action, path, mailbox }) =>
            action !== 'migrate-as-live' || (typeof path === 'string' && mailbox !== undefined),
          'migrate-as-live takes one path, and the mailbox that it is',
        ),
      ),
    ),
    [],
  ),
  guard: v.optional(
    v.strictObject({
      mailboxes: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0)), 20),
      mailboxes_percent: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(100)), 10),
      messages_percent: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(100)), 10),
    }),
    {},
  ),
  run: v.optional(
    v.strictObject({
      workers: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(64))),
      // These hold for passes beside a live server; a cutover takes what it can get.
      /** Read from the source a second: `"20M"`. */
      bwlimit: v.optional(ByteRate),
      /** Message files copied a second. */
      iops: v.optional(v.pipe(v.number(), v.minValue(1))),
      max_load: v.optional(v.pipe(v.number(), v.gtValue(0))),
      io_class: v.optional(v.picklist(['idle', 'low'])),
      nice: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(19))),
    }),
    {},
  ),
  /** How `watch` follows. Times in seconds. */
  watch: v.optional(
    v.strictObject({
      /** Nothing new happened to a mailbox for so long: it is copied. */
      quiet_time: v.optional(Seconds, 3),
      /** It is copied in any case once it has waited so long. */
      max_delay: v.optional(Seconds, 60),
      /** From one copy of a mailbox to its next. */
      at_most_every: v.optional(Seconds, 15),
      /** Of one processor, that sweeps may take. */
      sweep_percent: v.optional(v.pipe(v.number(), v.gtValue(0), v.maxValue(100)), 2),
      /** No longer than this from one sweep to the next, whatever it takes. */
      sweep_most: v.optional(Seconds, 300),
      /** Where it hears of changes, beside the sweeps. */
      hints: v.optional(v.union([v.literal('auto'), v.array(v.picklist(HINT_SOURCES))]), 'auto'),
      /** So many mailboxes chokidar watches. */
      busiest: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0)), 500),
    }),
    {},
  ),
});

export type JobFile = v.InferOutput<typeof JobFile>;

/** @throws ConfigError naming each line or key that is wrong. */
export function parseJobFile(text: string, file: string): JobFile {
  let value: unknown;
  try {
    value = parse(text);
  } catch (error) {
    throw new ConfigError(
      `${file} is not valid TOML`,
      String(error instanceof Error ? error.message : error),
      'Correct the file.',
      { cause: error },
    );
  }
  const result = v.safeParse(JobFile, value);
  if (result.success) return result.output;
  const why = result.issues.map((issue) => `${v.getDotPath(issue) ?? 'file'}: ${issue.message}`).join('; ');
  throw new ConfigError(
    `${file} is not a job file as cyrsync knows it`,
    why,
    'Correct these keys; `cyrsync init` writes a file with all of them.',
  );
}
