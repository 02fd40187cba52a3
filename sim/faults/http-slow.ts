// SPDX-License-Identifier: MIT
// An endpoint that takes its time; the platform has no time-out of its own.
import { defineFault, number } from "./fault.ts";

/** The HTTP endpoint answers late. */
export const httpSlow = defineFault({
  name: "http-slow",
  summary: "The HTTP endpoint answers late",
  target: "http",
  params: { delay_ms: number("ms", 20_000, 1, 600_000) },
  isInstant: false,
  begin: (endpoint, { delay_ms: delayMs }) => endpoint.misbehave({ kind: "slow", delayMs }),
});
