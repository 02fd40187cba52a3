// SPDX-License-Identifier: MIT
// Any cut of a stream into reads is allowed; this is the finest.
import { PEER, defineFault, number } from "./fault.ts";
import { onLink } from "./link.ts";

/** Bytes arrive in pieces of at most this size */
export const split = defineFault({
  name: "split",
  summary: "Bytes arrive in pieces of at most this size",
  target: "board",
  params: { peer: PEER, bytes: number("B", 1, 1, 536) },
  isInstant: false,
  begin: (board, params, { network }) =>
    onLink(network, board.name, params.peer, { segmentBytes: params.bytes }),
});
