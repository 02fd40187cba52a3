// SPDX-License-Identifier: MIT
// Draws frames on the alternate screen of a terminal and gives the terminal back as it was: on
// close, on exit of any kind that lets code run, and while the program is suspended with Ctrl-Z.
import type { WriteStream } from "node:tty";
import type { ViewSize } from "./live-view.ts";

/** A terminal in use. */
export interface Terminal {
  size(): ViewSize;
  /** Shows a frame; nothing is written when it equals the last one. */
  draw(lines: string[]): void;
  /** Restores the terminal. Safe to call twice. */
  close(): void;
}

const ENTER = "\x1b[?1049h\x1b[?25l";
const LEAVE = "\x1b[?25h\x1b[?1049l";

/** Tells whether the locale can show more than ASCII. */
function isUtf8(env: NodeJS.ProcessEnv): boolean {
  const locale = env["LC_ALL"] || env["LC_CTYPE"] || env["LANG"] || "";
  return /utf-?8/i.test(locale) && env["TERM"] !== "linux";
}

/** Takes the terminal over. `onResize` is called when the frame should be drawn anew. */
export function openTerminal(
  stream: WriteStream,
  env: NodeJS.ProcessEnv,
  onResize: () => void,
): Terminal {
  let last = "";
  let isOpen = true;

  function enter(): void {
    last = "";
    stream.write(`${ENTER}\x1b[2J`);
  }
  function resized(): void {
    last = "";
    if (!isOpen) return;
    stream.write("\x1b[2J");
    onResize();
  }
  function suspend(): void {
    stream.write(LEAVE);
    // What Ctrl-Z does without a listener.
    process.kill(process.pid, "SIGSTOP");
  }
  function resume(): void {
    enter();
    onResize();
  }
  function close(): void {
    if (!isOpen) return;
    isOpen = false;
    stream.off("resize", resized);
    process.off("SIGTSTP", suspend);
    process.off("SIGCONT", resume);
    process.off("exit", close);
    stream.write(LEAVE);
  }

  stream.on("resize", resized);
  process.on("SIGTSTP", suspend);
  process.on("SIGCONT", resume);
  process.on("exit", close);
  enter();

  return {
    size: () => ({
      columns: stream.columns || 80,
      rows: stream.rows || 24,
      hasColour: !env["NO_COLOR"] && env["TERM"] !== "dumb",
      hasUnicode: isUtf8(env),
    }),
    draw: (lines) => {
      const frame = lines.map((line) => `${line}\x1b[K`).join("\r\n");
      // A terminal that cannot keep up misses frames instead of filling our memory.
      if (!isOpen || frame === last || stream.writableNeedDrain) return;
      last = frame;
      stream.write(`\x1b[H${frame}\x1b[J`);
    },
    close,
  };
}
