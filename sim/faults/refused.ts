// SPDX-License-Identifier: MIT
// Connection attempts are answered by RST, as by a host whose server is not running.
import { PEER, defineFault } from "./fault.ts";
import { onLink } from "./link.ts";

/** New connections are refused; those that stand go on */
export const refused = defineFault({
  name: "refused",
  summary: "New connections are refused; those that stand go on",
  target: "board",
  params: { peer: PEER },
  isInstant: false,
  begin: (board, { peer }, { network }) => onLink(network, board.name, peer, { isRefused: true }),
});
