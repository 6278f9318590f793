/** Quota roots: how much is used and allowed below a mailbox. One small file per root, or one database entry. */

import { FormatError } from '../../base/errors.js';
import { type CyrusVersion, isAtLeast } from '../version.js';
import { type Dlist, DlistMap, parseDlist, printDlist } from './dlist.js';

export type QuotaResource = 'STORAGE' | 'MESSAGE' | 'X-ANNOTATION-STORAGE' | 'X-NUM-FOLDERS';

/** Resources in the order written, with their key in the record. */
export const QUOTA_RESOURCES: readonly (readonly [QuotaResource, string])[] = [
  ['STORAGE', 'S'],
  ['MESSAGE', 'M'],
  ['X-ANNOTATION-STORAGE', 'AS'],
  ['X-NUM-FOLDERS', 'NF'],
];

export interface QuotaUse {
  /** As recorded: bytes for the two storages, else a count. Old records hold negative and wrapped numbers. */
  used: bigint;
  /** KiB (1024 bytes) for the two storages, else a count; undefined is unlimited. */
  limit?: bigint | undefined;
}

export interface Quota {
  /** What the record has; 2.2 to 2.4 know STORAGE only. */
  resources: Partial<Record<QuotaResource, QuotaUse>>;
  /** 3.2+ */
  modseq?: bigint | undefined;
}

/**
 * Reads a quota file or database value of any version (latin1): two lines or words, `%(S (…) …)`, or the forms between.
 * @returns undefined for an empty record, which stands for no root (2.4+).
 * @throws FormatError
 * @see cyrus-imapd 3.6.1 imap/quota_db.c quota_parseval
 */
export function parseQuota(text: string, file: string): Quota | undefined {
  const value = text.replace(/[\s\0]+$/, '');
  if (value === '') return undefined;
  return value.startsWith('%') ? parseDlistQuota(value, file) : parseWords(value, file);
}

function parseDlistQuota(value: string, file: string): Quota {
  const record = parseDlist(value, file);
  if (!(record instanceof DlistMap)) throw new FormatError(file, 0, '%(', value.slice(0, 20));
  const quota: Quota = { resources: {} };
  for (const [resource, key] of QUOTA_RESOURCES) {
    const item = record.get(key);
    if (item === undefined) continue;
    if (!Array.isArray(item)) throw new FormatError(file, 0, `a list for ${key}`, printDlist(item));
    const [used, limit] = item.map((number) => integer(number, file));
    if (used === undefined) continue;
    quota.resources[resource] = { used, limit: limitOf(limit) };
  }
  const modseq = record.get('MODSEQ');
  if (modseq !== undefined) quota.modseq = integer(modseq, file);
  return quota;
}

function parseWords(value: string, file: string): Quota {
  const words = value.split(/\s+/);
  const quota: Quota = { resources: {} };
  let resource: QuotaResource = 'STORAGE';
  for (let at = 0; ; ) {
    const used = integer(words[at++], file);
    const limit = integer(words[at++], file);
    quota.resources[resource] = { used, limit: limitOf(limit) };
    // what an interrupted `quota -f` had counted so far
    if (/^-?\d+$/.test(words[at] ?? '')) at++;
    if (at >= words.length) return quota;
    const next = QUOTA_RESOURCES.find(([, key]) => key === words[at]?.toUpperCase());
    if (!next) throw new FormatError(file, 0, 'M, AS or NF', String(words[at]));
    resource = next[0];
    at++;
  }
}

function integer(text: Dlist | undefined, file: string): bigint {
  if (typeof text === 'string' && /^-?\d{1,20}$/.test(text)) return BigInt(text);
  throw new FormatError(file, 0, 'an integer', text === undefined ? 'the end' : printDlist(text).slice(0, 40));
}

/** -1 is unlimited; so is what a negative number looks like when printed as unsigned. */
function limitOf(limit: bigint | undefined): bigint | undefined {
  return limit === undefined || limit < 0n || limit >= 1n << 63n ? undefined : limit;
}

/** Value for a quota database (`quotas.db`) of `version`. Up to 2.4 only STORAGE is kept. */
export function printQuotaValue(quota: Quota, version: CyrusVersion): string {
  if (isAtLeast(version, '2.5')) return printDlistQuota(quota, version);
  return oldNumbers(quota).join(' ');
}

/** Contents of a quota file (quotalegacy) of `version`: two lines up to 2.4, one since. */
export function printQuotaFile(quota: Quota, version: CyrusVersion): string {
  if (isAtLeast(version, '2.5')) return `${printDlistQuota(quota, version)}\n`;
  return oldNumbers(quota)
    .map((number) => `${number}\n`)
    .join('');
}

function oldNumbers({ resources: { STORAGE } }: Quota): [bigint, bigint] {
  return [STORAGE?.used ?? 0n, STORAGE?.limit ?? -1n];
}

function printDlistQuota(quota: Quota, version: CyrusVersion): string {
  const pairs: [string, Dlist][] = QUOTA_RESOURCES.map(([resource, key]) => {
    const { used, limit } = quota.resources[resource] ?? { used: 0n };
    return [key, limit === undefined ? [String(used)] : [String(used), String(limit)]];
  });
  if (isAtLeast(version, '3.2')) pairs.push(['MODSEQ', String(quota.modseq ?? 0n)]);
  return printDlist(new DlistMap(pairs));
}

const TWO_TO_31 = 1n << 31n;
const TWO_TO_32 = 1n << 32n;

/**
 * Whether a wrong number is that of a 32-bit counter that overflowed or went below zero: it is off by a multiple of
 * 2^32, or has passed 2^31 where the truth has not.
 */
export function isWrapped(recorded: bigint, actual: bigint): boolean {
  if (recorded === actual) return false;
  return (recorded - actual) % TWO_TO_32 === 0n || (recorded >= TWO_TO_31 && actual < TWO_TO_31);
}
