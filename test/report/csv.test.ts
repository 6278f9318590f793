import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../src/base/errors.js';
import { csvName, nameOfCsv, printCsv, readCsv } from '../../src/report/csv.js';

const bytes = fc.array(fc.integer({ min: 0, max: 255 })).map((codes) => String.fromCharCode(...codes));

describe('names in a spreadsheet', () => {
  it.each([
    ['user.ben', 'user.ben'],
    ["user.o'neil", "user.o'neil"],
    ['one.example!user.c^d', 'one.example!user.c^d'],
    ['=cmd|x', '\\x3dcmd|x'],
    ['007', '\\x3007'],
    ['user.m\xc3\xbc', 'user.m\\xc3\\xbc'],
    ['user.a\\b', 'user.a\\x5cb'],
    ['user.a ', 'user.a\\x20'],
    ['user.x\x1b[31m', 'user.x\\x1b[31m'],
  ])('%j is written as %s', (name, text) => {
    expect(csvName(name)).toBe(text);
    expect(nameOfCsv(text)).toBe(name);
  });

  it('come back as they were, whatever bytes they have, through all of a file', () =>
    fc.assert(
      fc.property(fc.array(bytes, { maxLength: 8 }), (names) => {
        const text = printCsv(
          ['name', 'partition'],
          names.map((name) => [csvName(name), 'p1']),
        );
        expect(text).toMatch(/^[\x20-\x7e\r\n]*$/);
        const rows = readCsv(text, 'f', ['name', 'partition']);
        expect(rows.map(({ cells }) => nameOfCsv(cells.name!))).toEqual(names);
      }),
    ));

  it('never begin as a formula or a number would', () =>
    fc.assert(fc.property(bytes, (name) => void expect(csvName(name)).toMatch(/^(?:[A-Za-z\\].*)?$/s))));
});

describe('a CSV file', () => {
  it.each([
    ['commas, as cyrsync writes it', 'name,partition\r\nuser.a,p1\r\nuser.b,p2\r\n'],
    ['semicolons, a byte order mark, more columns', '\uFEFFpartition;Name;x\np1;user.a;\np2;user.b;"1;2"\n'],
    ['tabs, no end of the last line, empty lines', 'name\tpartition\n\nuser.a\tp1\n\t\n"user.b"\tp2'],
    ['quotes', '"name","partition"\n"user.a","p1"\n"user.b","p2"\n'],
  ])('is read with %s', (_case, text) => {
    const rows = readCsv(text, 'f', ['name', 'partition']);
    expect(rows.map(({ cells }) => [cells.name, cells.partition])).toEqual([
      ['user.a', 'p1'],
      ['user.b', 'p2'],
    ]);
  });

  it('has rows that know their line, over line ends in cells', () => {
    const rows = readCsv('name,partition\n"a\nb",p1\n\nc,p2\n', 'f', ['name']);
    expect(rows.map(({ line, cells }) => [line, cells.name])).toEqual([
      [2, 'a\nb'],
      [5, 'c'],
    ]);
  });

  it('comes back cell by cell, whatever is in them', () =>
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.string({ minLength: 1 }), fc.string()), { maxLength: 6 }), (cells) => {
        const rows = readCsv(printCsv(['a', 'b'], cells), 'f', ['a', 'b']);
        expect(rows.map((row) => [row.cells.a, row.cells.b])).toEqual(cells);
      }),
    ));

  it.each([
    ['without the column of partitions', 'name\nuser.a\n', 'no column "partition"'],
    ['that is empty', '', 'no column "name"'],
    ['with an open quote', 'name,partition\n"user.a,p1\n', 'line 2: a quote is left open'],
    ['with text after a quote', 'name,partition\n"user.a"b,p1\n', 'line 2: text follows a quoted cell'],
  ])('%s is refused', (_case, text, message) => {
    expect(() => readCsv(text, 'f', ['name', 'partition'])).toThrow(ConfigError);
    expect(() => readCsv(text, 'f', ['name', 'partition'])).toThrow(message);
  });
});
