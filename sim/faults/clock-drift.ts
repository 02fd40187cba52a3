// SPDX-License-Identifier: MIT
// A crystal that is off.
import { defineFault, number } from "./fault.ts";

/** The system clock runs fast or slow. */
export const clockDrift = defineFault({
  name: "clock-drift",
  summary: "The system clock runs fast or slow",
  target: "board",
  params: { ppm: number("ppm", 100, -50_000, 50_000) },
  isInstant: false,
  begin: (board, { ppm }) => board.driftClock(ppm),
});
