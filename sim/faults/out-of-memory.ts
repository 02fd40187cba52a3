// SPDX-License-Identifier: MIT
// An allocation fails where the platform is called; no try of the script catches it.
import { defineFault, number } from "./fault.ts";

/** The n-th call into the platform runs out of memory. */
export const outOfMemory = defineFault({
  name: "out-of-memory",
  summary: "The n-th call into the platform runs out of memory",
  target: "board",
  params: { call: number("n", 1, 1, 10_000) },
  isInstant: true,
  begin: (board, { call }) => board.failAllocation(call),
});
