// SPDX-License-Identifier: MIT
// Lost segments as TCP shows them: nothing is missing, but what was lost and all behind it comes
// a retransmission later.
import { PEER, defineFault, number } from "./fault.ts";
import { onLink } from "./link.ts";

/** Segments are lost with a chance and come after a retransmission */
export const loss = defineFault({
  name: "loss",
  summary: "Segments are lost with a chance and come after a retransmission",
  target: "board",
  params: { peer: PEER, percent: number("%", 10, 1, 90) },
  isInstant: false,
  begin: (board, params, { network }) =>
    onLink(network, board.name, params.peer, { lossRate: params.percent / 100 }),
});
