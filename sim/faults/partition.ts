// SPDX-License-Identifier: MIT
// Packets vanish, in both directions or in one. Connections stall and go on if it heals in time.
import { PEER, choice, defineFault } from "./fault.ts";
import { onLink } from "./link.ts";

/** Packets between the board and its peer vanish. */
export const partition = defineFault({
  name: "partition",
  summary: "Packets vanish, both ways or one way",
  target: "board",
  params: { peer: PEER, direction: choice(["both", "out", "in"]) },
  isInstant: false,
  begin: (board, { peer, direction }, { network }) => {
    const effect = { isBlocked: true };
    if (direction === "both") return onLink(network, board.name, peer, effect);
    const [from, to] = direction === "out" ? [board.name, peer] : [peer, board.name];
    return network.conditions.add({ from, to, effect });
  },
});
