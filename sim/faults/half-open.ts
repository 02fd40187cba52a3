// SPDX-License-Identifier: MIT
// The peer is gone and nothing tells the board: no FIN, no RST, no answer, for ever.
import { defineFault, PEER } from "./fault.ts";

/** The peer of each connection falls silent for ever. */
export const halfOpen = defineFault({
  name: "half-open",
  summary: "The peer of each connection falls silent for ever",
  target: "board",
  params: { peer: PEER },
  isInstant: true,
  begin: (board, { peer }, { network }) => {
    network.freezeConnections({ from: board.name, to: peer });
  },
});
