/** The second thread of sweep-halves.ts: looks through its parts of the list and says what changed. */
import { parentPort, workerData } from 'node:worker_threads';
import { inSlices } from '../base/slices.js';
import { StopSignal } from '../base/stop.js';
import { openToRead } from '../state/database.js';
import { SweepRows } from '../state/sweep-rows.js';
import { type HalfSetup, isSecondHalf } from './sweep-halves.js';
import { type Head, searchParts } from './sweep-list.js';

const setup = workerData as HalfSetup;
const db = openToRead(setup.stateFile);
const rows = new SweepRows(db);
const head = rows.head();
// the job is locked: nobody has changed the list since the first thread read it
const found = head && searchParts(rows, JSON.parse(head) as Head, setup, isSecondHalf);
parentPort!.postMessage(found && (await inSlices(found, new StopSignal(), () => {})));
db.close();
