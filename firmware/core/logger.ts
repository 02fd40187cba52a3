// SPDX-License-Identifier: MIT
// One ASCII line per event on the console: `<nowMs> <D|I|W|E> <scope> <event> key=value...`, at
// most 160 bytes. The line is a contract with the console tools; see wire/README.md.
import type { Clock } from "../platform/platform.ts";

/** Longest line, bytes. */
export const LINE_MAX_BYTES = 160;

/** Writes log lines; `detail` is `key=value` pairs separated by spaces. */
export interface Logger {
  /** Tells whether debug lines are written, to be asked before text is built for one. */
  verbose(): boolean;
  debug(scope: string, event: string, detail?: string): void;
  info(scope: string, event: string, detail?: string): void;
  warn(scope: string, event: string, detail?: string): void;
  error(scope: string, event: string, detail?: string): void;
}

/** Quotes a text as the value of a pair: printable ASCII without quotes, at most 80 characters. */
export function quoted(text: string): string {
  return '"' + text.slice(0, 80).replace(/[^ -~]|"/g, "?") + '"';
}

/**
 * Creates a logger.
 * @param level lowest level that is written, one of D I W E
 */
export function createLogger(clock: Clock, print: (line: string) => void, level: string): Logger {
  const levels = "DIWE";
  const lowest = levels.indexOf(level);
  function write(rank: number, scope: string, event: string, detail?: string): void {
    if (rank < lowest) return;
    let line = clock.nowMs() + " " + levels[rank] + " " + scope + " " + event;
    if (detail) line += " " + detail;
    print(line.slice(0, LINE_MAX_BYTES));
  }
  return {
    verbose: () => lowest === 0,
    debug: (scope, event, detail) => write(0, scope, event, detail),
    info: (scope, event, detail) => write(1, scope, event, detail),
    warn: (scope, event, detail) => write(2, scope, event, detail),
    error: (scope, event, detail) => write(3, scope, event, detail),
  };
}
