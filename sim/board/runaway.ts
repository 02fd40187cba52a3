// SPDX-License-Identifier: MIT
// What is told of a script whose callbacks come without end: which timer it was and where its
// function stands. Counting them is the loop's part (loop.ts), a callback that never returns is seen
// from another thread only (../watch-thread.ts).
import type { CallStorm } from "./loop.ts";
import type { Frame } from "./realm.ts";

/** A board that was stopped because its callbacks came without end. */
export interface Runaway {
  /** One line for people. */
  text: string;
  /** What the last callback was: of a timer, an event or promise, a module. */
  kind: CallStorm["kind"];
  /** Of kind `timer` only; `periodMs` null for a timeout. */
  timer: { id: number; periodMs: number | null } | null;
  /** Name of the timer's function; empty for one without. */
  functionName: string;
  /** Where the timer's function begins; empty when unknown. */
  frames: Frame[];
  /** Callbacks, and the virtual time in which they came. */
  calls: number;
  withinMs: number;
}

function placeOf(
  functionName: string,
  text: string,
  sources: ReadonlyMap<string, string>,
): Frame[] {
  for (const [file, source] of sources) {
    const at = source.indexOf(text);
    if (at < 0) continue;
    const before = source.slice(0, at).split("\n");
    const column = (before.at(-1) as string).length + 1;
    return [{ functionName, file, line: before.length, column }];
  }
  return [];
}

/**
 * Describes a storm of callbacks.
 *
 * @param sources scripts that the board has run, by file
 * @param sourceOf source text of a function as its author wrote it
 */
export function runawayOf(
  storm: CallStorm,
  sources: ReadonlyMap<string, string>,
  sourceOf: (fn: object) => string,
): Runaway {
  const { kind, timer, calls, withinMs } = storm;
  const callback = timer?.callback;
  const isFunction = typeof callback === "function";
  const functionName = isFunction ? callback.name : "";
  const frames = isFunction ? placeOf(functionName, sourceOf(callback), sources) : [];
  const what = functionName === "" ? "" : `, function ${functionName}`;
  const how = timer?.periodMs ? `every ${timer.periodMs} ms` : "once";
  const last = timer ? `timer ${timer.id} (${how}${what})` : `a callback of kind ${kind}`;
  return {
    text: `runaway: ${calls} callbacks within ${withinMs.toFixed(1)} ms, the last of ${last}`,
    kind,
    timer: timer && { id: timer.id, periodMs: timer.periodMs },
    functionName,
    frames,
    calls,
    withinMs,
  };
}
