// SPDX-License-Identifier: MIT
// Runs one probe on a virtual board of profile `linux` and gives its console output. A probe without
// a server runs on a clock of its own that moves a little whenever somebody looks at it, so that
// scripts which wait in a loop come to an end and a busy machine changes nothing.
import { BoardError, createBoard, createRealClock, utf8AsBytes } from "../../sim/index.ts";
import type { ClockTimer, SimClock, SimNetwork } from "../../sim/index.ts";
import { delay } from "../helpers/wait.ts";

const START_MS = 1_800_000_000_000;
/** What passes with each look at the clock; the interpreter takes about as long. */
const LOOK_MS = 0.01;
const POLL_MS = 2;

interface Entry {
  atMs: number;
  fn: () => void;
}

/** A clock for one board, and a way to let it run. */
function createTickingClock(): SimClock & { runUntil(isOver: () => boolean, ms: number): void } {
  let nowMs = START_MS;
  let entries: Entry[] = [];
  return {
    now: () => (nowMs += LOOK_MS),
    setTimer: (fn, delayMs) => {
      const entry = { atMs: nowMs + Math.max(0, delayMs), fn };
      entries.push(entry);
      return entry;
    },
    clearTimer: (timer: ClockTimer) => {
      entries = entries.filter((entry) => entry !== timer);
    },
    runUntil: (isOver, ms) => {
      while (!isOver()) {
        const next = entries.reduce<Entry | undefined>(
          (a, b) => (a && a.atMs <= b.atMs ? a : b),
          undefined,
        );
        if (!next || next.atMs > START_MS + ms) return;
        entries = entries.filter((entry) => entry !== next);
        nowMs = Math.max(nowMs, next.atMs);
        next.fn();
      }
    },
  };
}

/** What to run, and how. */
export interface VirtualRun {
  /** UTF-8 text. */
  source: string;
  /** Ends it, unless nothing is left to do before. */
  runMs: number;
  network: SimNetwork;
  /** The script talks to a server, which keeps the host's time. */
  inRealTime: boolean;
}

/**
 * Runs a script until nothing is left to do, or its time is over.
 *
 * @returns output as bytes, one per character
 */
export async function runOnVirtualBoard(run: VirtualRun): Promise<string> {
  let output = "";
  const ticking = run.inRealTime ? null : createTickingClock();
  const board = createBoard({
    clock: ticking ?? createRealClock(),
    network: run.network,
    profile: "linux",
    seed: 1,
    serial: "00000000-addeadde-addeadde",
    onPrint: (line) => (output += `${line}\n`),
  });
  try {
    board.runScript(utf8AsBytes(run.source), "probe.js");
    ticking?.runUntil(board.isDone, run.runMs);
    const endMs = performance.now() + run.runMs;
    while (run.inRealTime && !board.isDone() && performance.now() < endMs) await delay(POLL_MS);
  } catch (error) {
    if (!(error instanceof BoardError)) throw error;
    output += `Uncaught ${error.message}\n`;
  } finally {
    board.powerOff();
  }
  return output;
}
