// SPDX-License-Identifier: MIT
// Somebody else uses the same client identifier [MQTT-3.1.4-2].
import { defineFault } from "./fault.ts";

/** A stranger takes over the session of each client. */
export const sessionTakeover = defineFault({
  name: "session-takeover",
  summary: "A stranger takes over the session of each client",
  target: "broker",
  params: {},
  isInstant: true,
  begin: (broker) => broker.takeOver(),
});
