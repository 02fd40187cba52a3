// SPDX-License-Identifier: MIT
// The broker goes and comes back, with what it knew or without.
import { choice, defineFault } from "./fault.ts";

/** The broker stops and starts again. */
export const brokerRestart = defineFault({
  name: "broker-restart",
  summary: "The broker stops and starts again",
  target: "broker",
  params: { state: choice(["kept", "lost"]) },
  isInstant: false,
  begin: (broker, { state }) => broker.stop({ keepsState: state === "kept" }),
});
