// SPDX-License-Identifier: MIT
// NTP era 1 begins on 2036-02-07 06:28:16 UTC: seconds since 1900 wrap.
import { defineFault } from "./fault.ts";

/** Ms since 1970 at which 32 bits of seconds since 1900 are used up. */
const ERA_END_MS = (2 ** 32 - 2_208_988_800) * 1000;

/** The system clock starts a minute before the NTP era ends. */
export const clock2036 = defineFault({
  name: "clock-2036",
  summary: "The system clock starts a minute before the NTP era ends",
  target: "board",
  params: {},
  isInstant: false,
  begin: (board) => board.restartAt(ERA_END_MS - 60_000),
});
