// SPDX-License-Identifier: MIT
// The interpreter's error flags: what went wrong without an exception (memory, full buffers, lost
// events). A flag that is new is told once, to the listeners of E's 'errorFlag' and on the console.
// Not for: exceptions (globals.ts).
import type { Events } from "./events.ts";
import type { Loop } from "./loop.ts";
import type { Realm } from "./realm.ts";

/** The flags, in the order in which they are told. */
const FLAGS = [
  "FIFO_FULL", // events were lost
  "BUFFER_FULL", // bytes of a stream were lost
  "CALLBACK", // a callback was cut off and its timer or watch removed
  "LOW_MEMORY", // little is left: a warning, told only together with others
  "MEMORY", // out of memory
] as const;

/** Name of a flag. */
export type ErrorFlag = (typeof FLAGS)[number];

/** The flags of one board. */
export interface ErrorFlags {
  /** Returns true unless the flag was up already. */
  raise(flag: ErrorFlag): boolean;
  /** The flags that are up; lowers them. */
  take(): ErrorFlag[];
}

const inOrder = (flags: ReadonlySet<ErrorFlag>): ErrorFlag[] =>
  FLAGS.filter((flag) => flags.has(flag));

/** Creates the flags of one board; `E` gets the events. */
export function createErrorFlags(
  realm: Realm,
  loop: Loop,
  events: Events,
  E: object,
  write: (text: string) => void,
): ErrorFlags {
  const up = new Set<ErrorFlag>();
  let told = new Set<ErrorFlag>();
  let isChecking = false;
  const check = (): void => {
    isChecking = false;
    const fresh = inOrder(up).filter((flag) => !told.has(flag));
    told = new Set(up);
    if (fresh.every((flag) => flag === "LOW_MEMORY")) return;
    const outcome = events.callNow(E, "errorFlag", [realm.arrayOf(fresh)]);
    write(`New interpreter error: ${fresh.join(",")}\n`);
    if (outcome) loop.raise(outcome.thrown);
  };
  const checkSoon = (): void => {
    if (isChecking) return;
    isChecking = true;
    loop.atEnd(check);
  };
  return {
    raise: (flag) => {
      const isNew = !up.has(flag);
      up.add(flag);
      checkSoon();
      return isNew;
    },
    take: () => {
      const flags = inOrder(up);
      up.clear();
      if (flags.length > 0) checkSoon();
      return flags;
    },
  };
}
