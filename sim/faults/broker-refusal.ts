// SPDX-License-Identifier: MIT
// CONNACK with a return code (MQTT 3.1.1 section 3.2.2.3).
import { defineFault, number } from "./fault.ts";

/** The broker refuses to let clients in. */
export const brokerRefusal = defineFault({
  name: "broker-refusal",
  summary: "The broker refuses to let clients in",
  target: "broker",
  params: { code: number("code", 5, 1, 5) },
  isInstant: false,
  begin: (broker, { code }) => broker.refuse(code),
});
