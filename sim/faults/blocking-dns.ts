// SPDX-License-Identifier: MIT
// The interpreter stands still while it resolves a name (ESPRUINO: DNS blocks).
import { PEER, defineFault, number } from "./fault.ts";
import { onLink } from "./link.ts";

/** Resolving a name takes this long, and the board stands still */
export const blockingDns = defineFault({
  name: "blocking-dns",
  summary: "Resolving a name takes this long, and the board stands still",
  target: "board",
  params: { peer: PEER, block_ms: number("ms", 5000, 1, 120_000) },
  isInstant: false,
  begin: (board, params, { network }) =>
    onLink(network, board.name, params.peer, { dns: { delayMs: params.block_ms } }),
});
