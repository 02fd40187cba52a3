// SPDX-License-Identifier: MIT
// SYN packets vanish: the board stands still until its own stack gives up.
import { PEER, defineFault } from "./fault.ts";
import { onLink } from "./link.ts";

/** Connection attempts get no answer at all; connections that stand go on */
export const blackHole = defineFault({
  name: "black-hole",
  summary: "Connection attempts get no answer at all; connections that stand go on",
  target: "board",
  params: { peer: PEER },
  isInstant: false,
  begin: (board, { peer }, { network }) => onLink(network, board.name, peer, { isBlackHole: true }),
});
