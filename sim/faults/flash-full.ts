// SPDX-License-Identifier: MIT
// No room for one more byte, also after compaction.
import { defineFault } from "./fault.ts";

/** Every write that needs room is refused. */
export const flashFull = defineFault({
  name: "flash-full",
  summary: "Every write that needs room is refused",
  target: "board",
  params: {},
  isInstant: false,
  begin: (board) => board.fillFlash(),
});
