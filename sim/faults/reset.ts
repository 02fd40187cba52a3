// SPDX-License-Identifier: MIT
// A NAT or firewall that forgot the connection, or a peer that died and came back.
import { defineFault, PEER } from "./fault.ts";

/** Connections that stand are reset. */
export const reset = defineFault({
  name: "reset",
  summary: "Connections that stand are reset",
  target: "board",
  params: { peer: PEER },
  isInstant: true,
  begin: (board, { peer }, { network }) => {
    network.resetConnections({ from: board.name, to: peer });
  },
});
