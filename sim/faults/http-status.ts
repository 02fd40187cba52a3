// SPDX-License-Identifier: MIT
// An endpoint that refuses (4xx) or fails (5xx).
import { defineFault, number } from "./fault.ts";

/** The HTTP endpoint answers with an error status. */
export const httpStatus = defineFault({
  name: "http-status",
  summary: "The HTTP endpoint answers with an error status",
  target: "http",
  params: { status: number("code", 503, 400, 599) },
  isInstant: false,
  begin: (endpoint, { status }) => endpoint.misbehave({ kind: "status", status }),
});
