// SPDX-License-Identifier: MIT
// At whatever event is next.
import { defineFault } from "./fault.ts";

/** The power is cut. */
export const powerCut = defineFault({
  name: "power-cut",
  summary: "The power is cut",
  target: "board",
  params: {},
  isInstant: false,
  begin: (board) => board.cutPower(),
});
