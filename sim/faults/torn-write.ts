// SPDX-License-Identifier: MIT
// The power goes in the middle of a write to the flash.
import { defineFault, number } from "./fault.ts";

/** The power is cut after this many bytes of the next write. */
export const tornWrite = defineFault({
  name: "torn-write",
  summary: "The power is cut after this many bytes of the next write",
  target: "board",
  params: { after_bytes: number("B", 16, 0, 4096), off_ms: number("ms", 1000, 1, 60_000) },
  isInstant: true,
  begin: (board, params) => board.tearWriteAfter(params.after_bytes, params.off_ms),
});
