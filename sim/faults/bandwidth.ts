// SPDX-License-Identifier: MIT
// A narrow link: bytes queue in front of it.
import { PEER, defineFault, number } from "./fault.ts";
import { onLink } from "./link.ts";

/** Bytes pass at a bounded rate */
export const bandwidth = defineFault({
  name: "bandwidth",
  summary: "Bytes pass at a bounded rate",
  target: "board",
  params: { peer: PEER, bytes_per_s: number("B/s", 2000, 50, 1_000_000) },
  isInstant: false,
  begin: (board, params, { network }) =>
    onLink(network, board.name, params.peer, { bytesPerSec: params.bytes_per_s }),
});
