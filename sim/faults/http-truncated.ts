// SPDX-License-Identifier: MIT
// The platform reports a body that is too short as complete (ESPRUINO section 6).
import { defineFault, number } from "./fault.ts";

/** The HTTP endpoint ends in the middle of its answer. */
export const httpTruncated = defineFault({
  name: "http-truncated",
  summary: "The HTTP endpoint ends in the middle of its answer",
  target: "http",
  params: { bytes: number("B", 20, 0, 10_000) },
  isInstant: false,
  begin: (endpoint, { bytes }) => endpoint.misbehave({ kind: "truncated", bytes }),
});
