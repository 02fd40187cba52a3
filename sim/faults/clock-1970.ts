// SPDX-License-Identifier: MIT
// What a board has after power-up without battery or network.
import { defineFault } from "./fault.ts";

/** The system clock starts at 1970. */
export const clock1970 = defineFault({
  name: "clock-1970",
  summary: "The system clock starts at 1970",
  target: "board",
  params: {},
  isInstant: false,
  begin: (board) => board.restartAt(0),
});
