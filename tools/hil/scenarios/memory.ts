// SPDX-License-Identifier: MIT
// What the firmware holds of the interpreter's memory, in JsVars after a garbage collection, and
// that stopping and starting again gives back all it took.
import { expectThat } from "../../scenario/scenario.ts";
import type { Scenario } from "../../scenario/scenario.ts";
import type { Rig } from "../../scenario/rig.ts";

const START_MS = 15_000;

/** Bound for an answer on the console, ms. */
const CONSOLE_MS = 10_000;

/** Beats after which the figure is taken. */
const BEATS = 20;

const CYCLES = 5;

/** What ends the first asking for the time after a start, and its bound, ms. */
const TIME_LINE = / time (synced|failed) /;
const TIME_MS = 60_000;

const READINGS = 3;

/** Most JsVars by which two readings of an idle program may differ. */
const NOISE_VARS = 10;

/** The least of a few readings: a beat on its way holds some that it gives back. */
async function jsVars(rig: Rig): Promise<number> {
  const ask = 'print("js"+"vars="+process.memory().usage)';
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < READINGS; i++) {
    const line = await rig.type(ask, /jsvars=\d+/, CONSOLE_MS);
    least = Math.min(least, Number(/jsvars=(\d+)/.exec(line)?.[1]));
  }
  return least;
}

/** @returns where the events of the new start begin */
async function cycle(rig: Rig): Promise<number> {
  await rig.type("lubdub.stop()", / I app stopped/, CONSOLE_MS);
  const from = rig.events.length;
  await rig.type("lubdub.start()", / I heartbeat started/, CONSOLE_MS);
  await rig.line(/ I uplink online/, "connection", START_MS, from);
  await rig.beats(1, START_MS + rig.intervalMs * 2);
  return from;
}

export const scenario: Scenario = {
  name: "memory",
  title: "memory in use is told, and a stop and start gives back what it took",
  needs: ["console", "memory"],
  // Three starts a minute on a busy machine, and the beats between.
  boundMs: (intervalMs) => 300_000 + 2 * BEATS * intervalMs,
  run: async (rig) => {
    await rig.boot();
    await rig.beats(1, START_MS + rig.intervalMs * 2);
    const connected = await jsVars(rig);
    await rig.beats(BEATS, START_MS + rig.intervalMs * BEATS);
    const after = await jsVars(rig);
    // The first cycle fills what is made only once.
    let from = await cycle(rig);
    // Asking for the time takes a hundred JsVars for twenty seconds.
    await rig.line(TIME_LINE, "time", TIME_MS, from);
    const first = await jsVars(rig);
    for (let i = 0; i < CYCLES; i++) from = await cycle(rig);
    await rig.line(TIME_LINE, "time", TIME_MS, from);
    const last = await jsVars(rig);
    expectThat(last - first <= NOISE_VARS, `${last - first} JsVars more after ${CYCLES} restarts`);
    return {
      connected_jsvars: connected,
      after_20_beats_jsvars: after,
      growth_over_5_restarts_jsvars: last - first,
    };
  },
};
