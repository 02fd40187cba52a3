// SPDX-License-Identifier: MIT
// What the property tests of the protocols share that put many mutated streams through one client:
// how many, and that the client does not grow with them.
import process from "node:process";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** How many streams are tried: `STREAMS` of the environment; few unless told. */
export const STREAMS = Number(process.env["STREAMS"] ?? 3000);

/** Bound for a test of so many, ms: the slowest takes a tenth of it. */
export const STREAMS_TEST_MS = 60_000 + 10 * STREAMS;

/** What a client may have more at the end than after the first streams; its own state is far less. */
const GROWTH_MAX_BYTES = 400_000;

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** Heap in use, with no garbage in it. */
function heapBytes(): number {
  collect();
  return process.memoryUsage().heapUsed;
}

/**
 * Calls `step` for each stream.
 * @throws Error when the heap has grown meanwhile by more than one client can hold
 */
export function forEachStream(step: (i: number) => void): void {
  // The engine compiles and sets up much meanwhile.
  const warmUp = Math.ceil(STREAMS / 3);
  let beforeBytes = 0;
  for (let i = 0; i < STREAMS; i++) {
    if (i === warmUp) beforeBytes = heapBytes();
    step(i);
  }
  const grown = heapBytes() - beforeBytes;
  if (grown > GROWTH_MAX_BYTES)
    throw new Error(`${grown} bytes more after ${STREAMS - warmUp} streams`);
}
