// SPDX-License-Identifier: MIT
// Distance, and a way that is not always the same.
import { PEER, defineFault, number } from "./fault.ts";
import { onLink } from "./link.ts";

/** Every segment takes longer, by a time that varies */
export const latency = defineFault({
  name: "latency",
  summary: "Every segment takes longer, by a time that varies",
  target: "board",
  params: {
    peer: PEER,
    delay_ms: number("ms", 200, 0, 5000),
    jitter_ms: number("ms", 50, 0, 5000),
  },
  isInstant: false,
  begin: (board, params, { network }) =>
    onLink(network, board.name, params.peer, {
      latencyMs: params.delay_ms,
      jitterMs: params.jitter_ms,
    }),
});
