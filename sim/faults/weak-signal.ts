// SPDX-License-Identifier: MIT
// A board at the edge: slow, lossy, and below the limit of the radio gone.
import { defineFault, number } from "./fault.ts";

/** The signal is weak. */
export const weakSignal = defineFault({
  name: "weak-signal",
  summary: "The signal is weak",
  target: "board",
  params: { dbm: number("dBm", -85, -100, -30) },
  isInstant: false,
  begin: (board, { dbm }) => board.weakenSignal(dbm),
});
