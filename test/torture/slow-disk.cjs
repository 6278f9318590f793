// Preloaded (NODE_OPTIONS=--require) into runs with CYRSYNC_NATIVE=0: a disk that seeks for each stat of a mailbox's file.
// Says "slow" on stderr when the first of them comes.
const fs = require('node:fs');
const { lstatSync } = fs;
const sleeper = new Int32Array(new SharedArrayBuffer(4));
let isSaid = false;
fs.lstatSync = (path, ...rest) => {
  if (/\/cyrus\.(header|index|annotations|expunge)$/.test(String(path))) {
    if (!isSaid) fs.writeSync(2, 'slow\n');
    isSaid = true;
    Atomics.wait(sleeper, 0, 0, Number(process.env.TORTURE_STAT_MS));
  }
  return lstatSync(path, ...rest);
};
