// SPDX-License-Identifier: MIT
// The voltage dips: reset without warning.
import { defineFault } from "./fault.ts";

/** The board resets without warning. */
export const brownout = defineFault({
  name: "brownout",
  summary: "The board resets without warning",
  target: "board",
  params: {},
  isInstant: true,
  begin: (board) => board.brownout(),
});
