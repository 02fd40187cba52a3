// SPDX-License-Identifier: MIT
// Names cannot be resolved: a server that says so, one that is silent, or a wrong answer.
import { PEER, defineFault, choice } from "./fault.ts";
import { onLink } from "./link.ts";

/** Names have no address, or the name server does not answer */
export const dnsFailure = defineFault({
  name: "dns-failure",
  summary: "Names have no address, or the name server does not answer",
  target: "board",
  params: { peer: PEER, answer: choice(["none", "silent"]) },
  isInstant: false,
  begin: (board, params, { network }) =>
    onLink(network, board.name, params.peer, {
      dns: params.answer === "none" ? "fail" : "timeout",
    }),
});
