// SPDX-License-Identifier: MIT
// Turns the bytes of an interpreter's console into lines, without prompts and cursor movements, and
// notices when they come faster than any firmware means them to.

/** Longest line kept, characters; the rest of it is dropped. */
export const LINE_MAX_CHARS = 2000;

/** More than this within a second is a flood, bytes. */
export const FLOOD_BYTES = 1_000_000;

/** A reader of one console. */
export interface ConsoleReader {
  /** Takes bytes as they come, at host time `nowMs`. */
  feed(bytes: Buffer, nowMs: number): void;
}

// Colours and "clear to the end"; the interpreter sends the latter before each line it prints over
// its prompt.
const ESCAPES = /\x1b\[[0-9;]*[A-Za-z]/g;
const UNPRINTABLE = /[^\x20-\x7e]/g;

/** Creates a reader; `onFlood` is called at most once, and nothing is read after it. */
export function createConsoleReader(
  onLine: (line: string) => void,
  onFlood: () => void,
): ConsoleReader {
  let pending = "";
  let windowStartMs = 0;
  let windowBytes = 0;
  let isFlooded = false;

  return {
    feed: (bytes, nowMs) => {
      if (isFlooded) return;
      if (nowMs - windowStartMs >= 1000) {
        windowStartMs = nowMs;
        windowBytes = 0;
      }
      windowBytes += bytes.length;
      if (windowBytes > FLOOD_BYTES) {
        isFlooded = true;
        onFlood();
        return;
      }
      const parts = (pending + bytes.toString("latin1")).split("\n");
      pending = (parts.pop() as string).slice(0, LINE_MAX_CHARS);
      for (const part of parts) {
        const line = part.slice(0, LINE_MAX_CHARS).replace(ESCAPES, "").replace(UNPRINTABLE, "");
        // The prompt stands before whatever is printed next.
        const text = line.replace(/^>+/, "");
        if (text) onLine(text);
      }
    },
  };
}
