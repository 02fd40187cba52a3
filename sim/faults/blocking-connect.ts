// SPDX-License-Identifier: MIT
// The interpreter stands still while a connection is made.
import { PEER, defineFault, number } from "./fault.ts";
import { onLink } from "./link.ts";

/** Making a connection takes this long, and the board stands still. */
export const blockingConnect = defineFault({
  name: "blocking-connect",
  summary: "Making a connection takes this long, and the board stands still",
  target: "board",
  params: { peer: PEER, block_ms: number("ms", 5000, 1, 120_000) },
  isInstant: false,
  begin: (board, params, { network }) =>
    onLink(network, board.name, params.peer, { connectMs: params.block_ms }),
});
