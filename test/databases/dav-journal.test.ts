/** A server that was killed within a change of a dav database leaves SQLite's journal: both are one database. */
import { copyFileSync, existsSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, it } from 'vitest';
import { spoolOf } from './spool-databases.js';

const NAME = '3.6-uuid-archive';

function davBelow(conf: string): string[] {
  return readdirSync(join(conf, 'user/uuid'), { recursive: true, encoding: 'utf8' })
    .filter((path) => basename(path) === 'dav.db')
    .map((path) => join('user/uuid', path))
    .sort();
}

function scriptsOf(file: string): unknown[] {
  const db = new Database(file);
  try {
    expect(db.pragma('integrity_check', { simple: true })).toBe('ok');
    return db.prepare('SELECT name, isactive FROM sieve_scripts ORDER BY name').all();
  } finally {
    db.close();
  }
}

/** What is on disk when a server is killed in a transaction that did not fit in SQLite's cache. */
function killWithin(file: string): void {
  const db = new Database(file);
  db.pragma('cache_size = 1');
  db.exec('BEGIN; DELETE FROM sieve_scripts; CREATE TABLE half (x)');
  const insert = db.prepare('INSERT INTO half VALUES (randomblob(3000))');
  for (let i = 0; i < 200; i++) insert.run();
  for (const end of ['', '-journal']) copyFileSync(`${file}${end}`, `${file}${end}.killed`);
  db.exec('ROLLBACK');
  db.close();
  for (const end of ['', '-journal']) copyFileSync(`${file}${end}.killed`, `${file}${end}`);
}

it('comes along with the database that it belongs to: the new server takes the half change back', async () => {
  const spool = spoolOf(NAME);
  const path = davBelow(spool.conf).find((one) => scriptsOf(join(spool.conf, one)).length > 1)!;
  const before = scriptsOf(join(spool.conf, path));
  killWithin(join(spool.conf, path));
  const { census } = await spool.migrate();
  expect(census.foreign.filter((one) => one.endsWith('-journal'))).toEqual([]);
  const there = davBelow(spool.newConf).filter((one) => dirname(one) === dirname(path));
  expect(there).toHaveLength(1);
  expect(scriptsOf(join(spool.newConf, there[0]!))).toEqual(before);
});

it('of another database, which a test boot left on the target, goes', async () => {
  const spool = spoolOf(NAME);
  await spool.migrate();
  const journal = join(spool.newConf, `${davBelow(spool.newConf)[0]}-journal`);
  writeFileSync(journal, 'of a database that is no more');
  await spool.migrate();
  expect(existsSync(journal)).toBe(false);
});
