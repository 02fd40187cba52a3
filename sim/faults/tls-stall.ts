// SPDX-License-Identifier: MIT
// The handshake of TLS begins and never ends.
import { PEER, defineFault } from "./fault.ts";
import { onLink } from "./link.ts";

/** TLS handshakes hang half way */
export const tlsStall = defineFault({
  name: "tls-stall",
  summary: "TLS handshakes hang half way",
  target: "board",
  params: { peer: PEER },
  isInstant: false,
  begin: (board, { peer }, { network }) => onLink(network, board.name, peer, { tlsStall: true }),
});
