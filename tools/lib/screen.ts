// SPDX-License-Identifier: MIT
// Where a program that watches boards shows what happens: the live view on a terminal, plain lines
// anywhere else. Both get the same calls.
import type { WriteStream } from "node:tty";
import { plainLine } from "./log-entry.ts";
import type { LogEntry } from "./log-entry.ts";
import { renderView } from "./live-view.ts";
import type { ViewModel } from "./live-view.ts";
import { openTerminal } from "./terminal.ts";

/** A place to show things. */
export interface Screen {
  /** Shows or remembers one entry. */
  log(entry: LogEntry): void;
  /** Brings the view up to date; call it a few times a second. */
  refresh(): void;
  /** Ends the view and leaves `lines` behind. */
  close(lines: string[]): void;
}

/** What a live screen draws, but for the log, which it keeps itself. */
export type ViewSource = () => Omit<ViewModel, "log">;

/** Entries a live screen remembers. */
const LOG_KEPT = 200;

/** Creates a screen of plain lines; entries whose word is in `hidden` are left out. */
export function createPlainScreen(hidden: readonly string[] = []): Screen {
  const write = (line: string): void => void process.stdout.write(`${line}\n`);
  return {
    log: (entry) => {
      if (!hidden.includes(entry.word)) write(plainLine(entry));
    },
    refresh: () => {},
    close: (lines) => lines.forEach(write),
  };
}

/**
 * Creates a live screen on a terminal.
 *
 * @param onCommand gets each line typed behind `:`; there is no such prompt without it
 */
export function createLiveScreen(
  stream: WriteStream,
  source: ViewSource,
  onCommand?: (line: string) => void,
): Screen {
  const log: LogEntry[] = [];
  /** What is being typed; null while nothing is. */
  let typed: string | null = null;
  const onKey = (key: string): boolean => {
    if (!onCommand || (typed === null && key !== ":")) return false;
    if (typed === null) typed = "";
    else if (key === "\r" || key === "\n") {
      const line = typed;
      typed = null;
      onCommand(line);
    } else if (key === "\x1b") typed = null;
    else if (key === "\x7f" || key === "\b") typed = typed.slice(0, -1);
    else if (key >= " ") typed += key;
    refresh();
    return true;
  };
  const terminal = openTerminal({
    output: stream,
    input: process.stdin,
    env: process.env,
    onResize: refresh,
    onKey,
  });
  function refresh(): void {
    const model = source();
    const hint = typed === null ? model.hint : `:${typed}_`;
    terminal.draw(renderView({ ...model, hint, log }, terminal.size()));
  }
  return {
    log: (entry) => {
      log.push(entry);
      if (log.length > LOG_KEPT) log.shift();
    },
    refresh,
    close: (lines) => {
      terminal.close();
      for (const line of lines) stream.write(`${line}\n`);
    },
  };
}
