// SPDX-License-Identifier: MIT
// Answers of a time server that must not be believed (RFC 4330 section 5, RFC 5905 section 7.4).
import { choice, defineFault, number } from "./fault.ts";
import { SNTP_LIES } from "./targets.ts";
import type { SntpLie } from "./targets.ts";

/** The time server answers wrongly. */
export const sntpLie = defineFault({
  name: "sntp-lie",
  summary: "The time server answers wrongly",
  target: "time",
  params: {
    lie: choice(SNTP_LIES),
    offset_ms: number("ms", 86_400_000, -4_000_000_000, 4_000_000_000),
  },
  isInstant: false,
  begin: (server, { lie, offset_ms: offsetMs }) => server.lie(lie as SntpLie, offsetMs),
});
