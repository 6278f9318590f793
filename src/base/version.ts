import { createRequire } from 'node:module';

/** Put in by bundle.mjs: reading package.json takes 2 ms of a start. */
declare const BUNDLED_VERSION: string;

/** Of this program, as package.json has it. */
export const VERSION =
  typeof BUNDLED_VERSION === 'string'
    ? BUNDLED_VERSION
    : (createRequire(import.meta.url)('../../package.json') as { version: string }).version;
