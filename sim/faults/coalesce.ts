// SPDX-License-Identifier: MIT
// What was sent apart arrives together, as behind a radio that sleeps.
import { PEER, defineFault, number } from "./fault.ts";
import { onLink } from "./link.ts";

/** Bytes are held back and arrive together */
export const coalesce = defineFault({
  name: "coalesce",
  summary: "Bytes are held back and arrive together",
  target: "board",
  params: { peer: PEER, hold_ms: number("ms", 300, 1, 5000) },
  isInstant: false,
  begin: (board, params, { network }) =>
    onLink(network, board.name, params.peer, { coalesceMs: params.hold_ms }),
});
