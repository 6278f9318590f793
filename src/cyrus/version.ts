/** The release lines of cyrus-imapd that differ on disk. */
export const CYRUS_VERSIONS = ['2.2', '2.3', '2.4', '2.5', '3.0', '3.2', '3.4', '3.6', '3.8', '3.10', '3.12'] as const;
export type CyrusVersion = (typeof CYRUS_VERSIONS)[number];

/** `3.6.1-Debian-3.6.1-4`, `v2.3.16`, `3.10` → the release line; a development release counts as the line before it. */
export function parseCyrusVersion(text: string): CyrusVersion | undefined {
  const found = /^\D{0,20}?(\d+)\.(\d+)(?!\d)/.exec(text.trim());
  if (!found) return undefined;
  const major = Number(found[1]);
  let minor = Number(found[2]);
  if (major === 3 && minor % 2 === 1) minor--; // 3.1.x … 3.11.x are development releases
  return CYRUS_VERSIONS.find((v) => v === `${major}.${minor}`);
}

export function isAtLeast(version: CyrusVersion, than: CyrusVersion): boolean {
  return CYRUS_VERSIONS.indexOf(version) >= CYRUS_VERSIONS.indexOf(than);
}

/** The row of a table that holds for `version`: the newest that is not newer; undefined before the first. */
export function rowFor<T>(rows: Readonly<Partial<Record<CyrusVersion, T>>>, version: CyrusVersion): T | undefined {
  let row: T | undefined;
  for (const known of CYRUS_VERSIONS) {
    if (rows[known] !== undefined) row = rows[known];
    if (known === version) break;
  }
  return row;
}
