// SPDX-License-Identifier: MIT
// The interactive console of a board: bytes of its serial port in, echo, prompt and results out.
// A line is run when its brackets are closed; its value is shown as "=value". Output of the script
// takes the line that is being typed away and puts it back.
//
// | byte          | does                                                                   |
// | CR, LF        | runs the line, or asks for more of it; LF behind CR is nothing          |
// | 0x10          | in front of a line: no echo and no result for it                       |
// | 0x03          | forgets the line                                                       |
// | 0x05          | in front of a line: tells what this is                                 |
// | 0x08, 0x7f    | takes a character back                                                 |
// | ESC LF        | line break that does not run                                           |
// | ESC [ ...     | cursor, delete, line before (A) and after (B); others are ignored       |
//
// Not for: packets (0x10 0x01), completion by Tab, the debugger.
import { isComplete } from "./console-line.ts";

/** What the console needs of its board. */
export interface ConsoleHost {
  /** Text of the greeting that answers 0x05. */
  identity: string;
  /** False while nobody would see echo and prompt. */
  isWatched(): boolean;
  /** Runs a line; returns what to show behind "=", and reports errors itself. */
  run(line: string): string | null;
  /** Sends bytes out of the console's port. */
  output(bytes: string): void;
  /** Takes a line of output, for those who look at lines only. */
  printed(text: string): void;
  /** Calls at the end of this pass. */
  later(fn: () => void): void;
}

/** The console of one board. */
export interface Console {
  /** Takes bytes of the port. */
  input(bytes: string): void;
  /** Writes output of the board; lines end with \n. */
  write(text: string): void;
  /** Writes what only somebody at the terminal gets to see, while it echoes. */
  notice(text: string): void;
  setEcho(isOn: boolean): void;
  /** Shows the prompt once the board has started. */
  start(): void;
}

const MAX_HISTORY = 50;
const CURSOR_LEFT = "\x1b[D";
const CLEAR_REST = "\x1b[J";

/** Creates the console of one board. */
export function createConsole(host: ConsoleHost): Console {
  let line = "";
  let cursor = 0;
  let hasEcho = true;
  /** This line was begun with 0x10. */
  let isSilent = false;
  let isShown = false;
  let isReturning = false;
  let escape: string | null = null;
  let lastByte = "";
  const history: string[] = [];
  let past = 0;

  const out = (text: string): void => {
    if (host.isWatched()) host.output(text.replace(/\n/g, "\r\n"));
  };
  const isEchoing = (): boolean => hasEcho && !isSilent;
  const echo = (text: string): void => {
    if (isEchoing()) out(text);
  };
  const show = (): void => {
    isReturning = false;
    if (isShown || !isEchoing()) return;
    isShown = true;
    const shownLine = line.replace(/\n/g, "\n:");
    const behind = line.length - cursor;
    out(`>${shownLine}${CURSOR_LEFT.repeat(behind)}`);
  };
  const showLater = (): void => {
    if (isReturning || !host.isWatched()) return;
    isReturning = true;
    host.later(show);
  };
  const hide = (): void => {
    if (!isShown) return;
    isShown = false;
    if (!isEchoing()) return;
    const typed = line.slice(line.lastIndexOf("\n") + 1, cursor);
    out(`${CURSOR_LEFT.repeat(typed.length)}\r${CLEAR_REST}`);
  };
  const write = (text: string): void => {
    hide();
    out(text);
    host.printed(text);
    showLater();
  };
  const notice = (text: string): void => {
    if (!hasEcho) return;
    hide();
    out(text);
    showLater();
  };
  const begin = (): void => {
    line = "";
    cursor = 0;
    past = history.length;
  };

  const runLine = (): void => {
    echo("\n");
    const text = line;
    const wantsResult = isEchoing();
    if (text !== "" && history.at(-1) !== text && wantsResult) history.push(text);
    if (history.length > MAX_HISTORY) history.shift();
    begin();
    if (wantsResult) isShown = false;
    if (text.trim() !== "") {
      const result = host.run(text);
      if (wantsResult && result !== null) write(`=${result}\n`);
    }
    isSilent = false;
    showLater();
  };
  const insert = (text: string): void => {
    const rest = line.slice(cursor);
    line = line.slice(0, cursor) + text + rest;
    cursor += text.length;
    if (!isShown && isEchoing()) return show();
    echo(text + rest + CURSOR_LEFT.repeat(rest.length));
  };
  const breakLine = (): void => {
    line = `${line.slice(0, cursor)}\n${line.slice(cursor)}`;
    cursor++;
    echo("\n:");
  };
  const remove = (from: number, to: number): void => {
    if (from < 0 || to > line.length) return;
    const rest = line.slice(to);
    line = line.slice(0, from) + rest;
    const back = "\b".repeat(cursor - from);
    cursor = from;
    echo(`${back}${rest} ${"\b".repeat(rest.length + 1)}`);
  };
  const recall = (step: number): void => {
    past = Math.min(Math.max(past + step, 0), history.length);
    echo(CURSOR_LEFT.repeat(cursor - line.lastIndexOf("\n", cursor - 1) - 1) + CLEAR_REST);
    line = history[past] ?? "";
    cursor = line.length;
    echo(line.replace(/\n/g, "\n:"));
  };
  const special = (sequence: string): void => {
    const key = sequence.at(-1);
    if (key === "D" && cursor > 0) echo(line[--cursor] === "\n" ? "" : CURSOR_LEFT);
    else if (key === "C" && cursor < line.length) echo(line[cursor++] === "\n" ? "" : "\x1b[C");
    else if (key === "A") recall(-1);
    else if (key === "B") recall(1);
    else if (sequence === "3~") remove(cursor, cursor + 1);
    else if (sequence === "H") for (; cursor > 0; cursor--) echo(CURSOR_LEFT);
    else if (sequence === "F") for (; cursor < line.length; cursor++) echo("\x1b[C");
  };
  const escaped = (c: string): void => {
    const sequence = `${escape}${c}`;
    escape = null;
    if (sequence === "\n") breakLine();
    else if (sequence === "[" || /^\[[\d;]*$/.test(sequence)) escape = sequence;
    else if (sequence.startsWith("[")) special(sequence.slice(1));
  };
  const ended = (): void => {
    if (isComplete(line.slice(0, cursor))) return runLine();
    // An LF behind this CR is one more line break.
    lastByte = "";
    breakLine();
  };
  const typed = (c: string): void => {
    const wasCr = lastByte === "\r";
    lastByte = c;
    if (escape !== null) return escaped(c);
    switch (c) {
      case "\x10":
        if (line === "") isSilent = true;
        return;
      case "\x03":
        hide();
        begin();
        isSilent = false;
        return showLater();
      case "\x05":
        if (line === "") out(`${host.identity}\n`);
        return;
      case "\b":
      case "\x7f":
        return remove(cursor - 1, cursor);
      case "\x1b":
        escape = "";
        return;
      case "\n":
        return wasCr ? undefined : ended();
      case "\r":
        return ended();
      default:
        if (c >= " ") insert(c);
    }
  };

  return {
    input: (bytes) => {
      for (const c of bytes) typed(c);
    },
    write,
    notice,
    setEcho: (isOn) => {
      if (!isOn) isShown = false;
      hasEcho = isOn;
      if (isOn) showLater();
    },
    start: showLater,
  };
}
