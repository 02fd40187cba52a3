// SPDX-License-Identifier: MIT
// A thread that looks on while boards run. A script that loops for ever without returning stops the
// thread that all boards share, and nothing there can say so: this one finds that a callback does
// not end, names the board and the timer, and ends the process.
// Not for: callbacks that return and come again without end (board/runaway.ts), scripts run
// rewritten, which end by themselves (board/instrument.ts).
import { Worker } from "node:worker_threads";
import type { CallWatch } from "./board/loop.ts";

/** Settings of the thread. */
export interface WatchThreadOptions {
  /** How long a callback may last, ms of the host's processors; 10,000 unless given. */
  limitMs?: number;
}

/** The thread. */
export interface WatchThread {
  /** What the board of this name is created with. */
  board(name: string): CallWatch;
  /** Ends it; boards may run on unwatched. */
  close(): Promise<void>;
}

/** Places of the memory that both threads see. `COUNT` changes with each callback. */
const COUNT = 0;
const IS_INSIDE = 1;
const BOARD = 2;
const TIMER = 3;
const PERIOD_US = 4;
const PLACES = 5;

const DEFAULT_LIMIT_MS = 10_000;

/** Source text, because a loader for TypeScript is of no use to a worker. */
const WATCHER = `
"use strict";
const { parentPort, workerData } = require("node:worker_threads");
const { writeSync } = require("node:fs");
const { cells, limitMs } = workerData;
const names = [];
let lastCount = -1;
let sinceMs = 0;
parentPort.on("message", (name) => names.push(name));
setInterval(() => {
  // What loops takes a processor all the time; a machine that stands still takes none.
  const { user, system } = process.cpuUsage();
  const nowMs = (user + system) / 1000;
  const count = Atomics.load(cells, ${COUNT});
  if (count !== lastCount || !Atomics.load(cells, ${IS_INSIDE})) {
    lastCount = count;
    sinceMs = nowMs;
    return;
  }
  if (nowMs - sinceMs < limitMs) return;
  const timer = Atomics.load(cells, ${TIMER});
  const periodMs = Atomics.load(cells, ${PERIOD_US}) / 1000;
  const how = periodMs > 0 ? "every " + periodMs + " ms" : "once";
  const what = timer > 0 ? "the callback of timer " + timer + " (" + how + ")" : "a callback or script";
  const board = names[Atomics.load(cells, ${BOARD})];
  const text = "board " + board + ": " + what + " has not returned for " + limitMs / 1000 + " s";
  writeSync(2, "lubdub: " + text + "; the process ends\\n");
  process.kill(process.pid, "SIGKILL");
}, Math.min(250, limitMs / 4));
`;

/** Starts the thread; it keeps no process alive. */
export function createWatchThread(options: WatchThreadOptions = {}): WatchThread {
  const cells = new Int32Array(new SharedArrayBuffer(PLACES * Int32Array.BYTES_PER_ELEMENT));
  const workerData = { cells, limitMs: options.limitMs ?? DEFAULT_LIMIT_MS };
  const worker = new Worker(WATCHER, { eval: true, execArgv: [], workerData });
  worker.unref();
  let boards = 0;
  return {
    board: (name) => {
      const index = boards++;
      // A worker's port, not a window: there is no origin to name.
      // oxlint-disable-next-line unicorn/require-post-message-target-origin
      worker.postMessage(name);
      return {
        began: (timer) => {
          cells[BOARD] = index;
          cells[TIMER] = timer?.id ?? 0;
          cells[PERIOD_US] = Math.round((timer?.periodMs ?? 0) * 1000);
          cells[IS_INSIDE] = 1;
          Atomics.add(cells, COUNT, 1);
        },
        ended: () => {
          Atomics.store(cells, IS_INSIDE, 0);
        },
      };
    },
    close: async () => {
      await worker.terminate();
    },
  };
}
