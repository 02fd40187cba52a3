// SPDX-License-Identifier: MIT
// The peer reads slowly, so the window closes and the board's bytes stay with the board.
import { PEER, defineFault, number } from "./fault.ts";
import { onLink } from "./link.ts";

/** The peer takes the board's bytes at a bounded rate */
export const slowReader = defineFault({
  name: "slow-reader",
  summary: "The peer takes the board's bytes at a bounded rate",
  target: "board",
  params: { peer: PEER, bytes_per_s: number("B/s", 20, 0, 100_000) },
  isInstant: false,
  begin: (board, params, { network }) =>
    onLink(network, board.name, params.peer, { readBytesPerSec: params.bytes_per_s }),
});
