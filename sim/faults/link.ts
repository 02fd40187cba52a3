// SPDX-License-Identifier: MIT
// Puts an effect on the way between a board and its peers, both directions.
import type { Effect } from "../network/conditions.ts";
import type { VirtualNetwork } from "../network/virtual-network.ts";

/** Adds the effect to both directions of the links between two hosts; gives what removes it. */
export function onLink(
  network: VirtualNetwork,
  board: string,
  peer: string,
  effect: Effect,
): () => void {
  const there = network.conditions.add({ from: board, to: peer, effect });
  const back = network.conditions.add({ from: peer, to: board, effect });
  return () => {
    there();
    back();
  };
}
