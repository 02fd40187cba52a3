// SPDX-License-Identifier: MIT
// The broker goes and comes back, with what it knew or without; its clients see an orderly end, a
// cut, or nothing at all.
import { choice, defineFault } from "./fault.ts";

/** The broker stops and starts again. */
export const brokerRestart = defineFault({
  name: "broker-restart",
  summary: "The broker stops and starts again",
  target: "broker",
  params: { state: choice(["kept", "lost"]), connections: choice(["end", "cut", "leave"]) },
  isInstant: false,
  begin: (broker, { state, connections }) =>
    broker.stop({
      keepsState: state === "kept",
      connections: connections as "end" | "cut" | "leave",
    }),
});
