// Preloaded (NODE_OPTIONS=--require) into runs with CYRSYNC_NATIVE=0: a disk at TORTURE_COLD that has nothing cached. The
// first stat in a mailbox's directory waits for it, unless that was asked for early. At the end it says on stderr how
// often that was.
const fs = require('node:fs');
const { dirname } = require('node:path');
const { lstat, lstatSync } = fs;
const sleeper = new Int32Array(new SharedArrayBuffer(4));
const cached = new Set();
let waits = 0;

function isFirst(path) {
  if (!String(path).startsWith(`${process.env.TORTURE_COLD}/`)) return false;
  if (!/\/cyrus\.(header|index|annotations|expunge)$/.test(String(path))) return false;
  const directory = dirname(String(path));
  return !cached.has(directory) && cached.add(directory);
}

fs.lstat = (path, ...rest) => {
  isFirst(path);
  lstat(path, ...rest);
};
fs.lstatSync = (path, ...rest) => {
  if (isFirst(path)) {
    waits++;
    Atomics.wait(sleeper, 0, 0, 2);
  }
  return lstatSync(path, ...rest);
};
process.on('exit', () => fs.writeSync(2, `waited ${waits} times\n`));
