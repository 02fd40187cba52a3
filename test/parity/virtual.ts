// SPDX-License-Identifier: MIT
// Runs one probe on a virtual board of profile `linux`, with instrumented scripts, and gives its
// console output. A probe without a server runs in virtual time, so nothing depends on the machine.
import {
  BoardError,
  createBoard,
  createRealClock,
  createVirtualClock,
  utf8AsBytes,
} from "../../sim/index.ts";
import type { SimNetwork, VirtualClock } from "../../sim/index.ts";
import { delay } from "../helpers/wait.ts";

const POLL_MS = 2;
/** Events that one probe may take; a storm ends here. */
const MAX_EVENTS = 100_000;

/** What to run, and how. */
export interface VirtualRun {
  /** UTF-8 text. */
  source: string;
  /** Ends it, unless nothing is left to do before. */
  runMs: number;
  network: SimNetwork;
  /** The clock of a virtual network; one of its own without it. */
  clock?: VirtualClock | undefined;
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
  const virtual: VirtualClock | null = run.inRealTime ? null : (run.clock ?? createVirtualClock());
  const board = createBoard({
    clock: virtual ?? createRealClock(),
    network: run.network,
    profile: "linux",
    seed: 1,
    serial: "00000000-addeadde-addeadde",
    instrument: true,
    onPrint: (line) => (output += `${line}\n`),
  });
  try {
    board.runScript(utf8AsBytes(run.source), "probe.js");
    if (virtual) virtual.run(virtual.now() + run.runMs, MAX_EVENTS);
    const endMs = performance.now() + run.runMs;
    while (run.inRealTime && !board.isDone() && performance.now() < endMs) await delay(POLL_MS);
  } catch (error) {
    if (!(error instanceof BoardError)) throw error;
    const wasCutOff = /^(?:stack|out-of-memory|endless)$/.test(error.type);
    if (error.type === "stack" || !wasCutOff) output += `Uncaught ${error.message}\n`;
    if (wasCutOff) {
      output += "Execution Interrupted.\n";
      virtual?.run(virtual.now());
    }
  } finally {
    board.powerOff();
  }
  return output;
}
