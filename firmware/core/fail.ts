// SPDX-License-Identifier: MIT
// A failure is a small value, not an Error: 6 blocks instead of 27, and it is passed to the one
// callback that waits for it. Codes are listed in wire/codes.ts.
import type { Code } from "../wire/codes.ts";

/** What went wrong; `text` is `key=value` detail for the log line. */
export interface Failure {
  code: Code;
  text: string;
}

/** Builds a failure. */
export function fail(code: Code, text: string): Failure {
  return { code, text };
}
