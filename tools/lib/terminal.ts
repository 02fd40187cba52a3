// SPDX-License-Identifier: MIT
// Draws frames on the alternate screen of a terminal and gives the terminal back as it was: on
// close, on exit of any kind that lets code run, and while the program is suspended with Ctrl-Z.
//
// Keys are read raw, so that they do not smear over the frame, and so that Ctrl-C reaches this
// program alone: as a signal it would go to npm and its shell as well, which then end with 130
// whatever this program says.
import process from "node:process";
import type { ReadStream, WriteStream } from "node:tty";
import type { ViewSize } from "./live-view.ts";

/** A terminal in use. */
export interface Terminal {
  size(): ViewSize;
  /** Shows a frame; nothing is written when it equals the last one. */
  draw(lines: string[]): void;
  /** Restores the terminal. Safe to call twice. */
  close(): void;
}

/** What a terminal is opened with. */
export interface TerminalOptions {
  output: WriteStream;
  /** Keys; ignored unless it is a terminal too. */
  input: ReadStream;
  env: NodeJS.ProcessEnv;
  /** The frame should be drawn anew. */
  onResize(): void;
  /** Gets each key but Ctrl-C and Ctrl-Z first; true when it has been dealt with. */
  onKey?(key: string): boolean;
}

const ENTER = "\x1b[?1049h\x1b[?25l\x1b[2J";
const LEAVE = "\x1b[?25h\x1b[?1049l";

const CTRL_C = "\x03";
const CTRL_Z = "\x1a";

/** Tells whether the locale can show more than ASCII. */
function isUtf8(env: NodeJS.ProcessEnv): boolean {
  const locale = env["LC_ALL"] || env["LC_CTYPE"] || env["LANG"] || "";
  return /utf-?8/i.test(locale) && env["TERM"] !== "linux";
}

/** Takes the terminal over. Ctrl-C and `q` become SIGINT, Ctrl-Z suspends. */
export function openTerminal(options: TerminalOptions): Terminal {
  const { output, input, env, onResize } = options;
  let last = "";
  let isOpen = true;
  // After SIGCONT, timers may fire before its listener is called.
  let isSuspended = false;

  function enter(): void {
    last = "";
    if (input.isTTY) input.setRawMode(true);
    output.write(ENTER);
  }
  function leave(): void {
    output.write(LEAVE);
    if (input.isTTY) input.setRawMode(false);
  }
  function redraw(): void {
    if (isSuspended) return;
    last = "";
    output.write("\x1b[2J");
    onResize();
  }
  function onKey(bytes: Buffer): void {
    for (const key of bytes.toString("latin1"))
      if (key !== CTRL_C && key !== CTRL_Z && options.onKey?.(key)) continue;
      else if (key === CTRL_C || key === "q") process.emit("SIGINT", "SIGINT");
      // To the whole group, as the terminal would: the shell has to see that all of it stands.
      else if (key === CTRL_Z) stand(0);
  }
  function suspend(): void {
    stand(process.pid);
  }
  /**
   * Stops as without a listener. The terminal is given back before: once the shell has taken it, a
   * process that changes its modes is stopped for that alone.
   */
  function stand(pid: number): void {
    isSuspended = true;
    leave();
    process.off("SIGTSTP", suspend);
    process.kill(pid, "SIGTSTP");
  }
  function resume(): void {
    if (isSuspended) process.on("SIGTSTP", suspend);
    isSuspended = false;
    enter();
    onResize();
  }
  function close(): void {
    if (!isOpen) return;
    isOpen = false;
    output.off("resize", redraw);
    input.off("data", onKey);
    // Or it would keep the process waiting for keys.
    if (input.isTTY) input.pause();
    process.off("SIGTSTP", suspend);
    process.off("SIGCONT", resume);
    process.off("exit", close);
    leave();
  }

  output.on("resize", redraw);
  if (input.isTTY) input.on("data", onKey);
  process.on("SIGTSTP", suspend);
  process.on("SIGCONT", resume);
  process.on("exit", close);
  enter();

  return {
    size: () => ({
      columns: output.columns || 80,
      rows: output.rows || 24,
      hasColour: !env["NO_COLOR"] && env["TERM"] !== "dumb",
      hasUnicode: isUtf8(env),
    }),
    draw: (lines) => {
      const frame = lines.map((line) => `${line}\x1b[K`).join("\r\n");
      // A terminal that cannot keep up misses frames instead of filling our memory.
      if (!isOpen || isSuspended || frame === last || output.writableNeedDrain) return;
      last = frame;
      output.write(`\x1b[H${frame}\x1b[J`);
    },
    close,
  };
}
