// SPDX-License-Identifier: MIT
// The real interpreter as a test board: a process of the Linux build in a folder of its own, which
// holds its flash. The configuration is written by a prelude in a process before; the bundle is the
// very file that the build made.
import { writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { CONFIG_FILE } from "../../firmware/wire/config.ts";
import { BUNDLE_FILE, PROJECT_DIR } from "../../tools/lib/bundle.ts";
import { createConsoleLog } from "./console-log.ts";
import { createTempFolder, startChild } from "./leftovers.ts";
import type { Child } from "./leftovers.ts";
import type { TestBoard } from "./test-board.ts";
import { waitFor } from "./wait.ts";

/** Path of the interpreter, or undefined when none is given. */
export const INTERPRETER = process.env["LUBDUB_ESPRUINO"] || undefined;

/** Why tests that need it are skipped. */
export const NO_INTERPRETER = "LUBDUB_ESPRUINO does not name an interpreter";

const PRELUDE_MS = 5000;

// The Linux build's input thread shares a queue with the main loop without a lock: about one line in
// two hundred loses a character, then waits for a bracket that never comes, and is typed again.
const ANSWER_MS = 600;
const ATTEMPTS = 8;

const KILL_MS = 2000;

/** Most output that is kept, characters: without input its console prints endlessly. */
const OUTPUT_MAX_CHARS = 4_000_000;

// Prompt, cursor movements and carriage returns around the text of a line.
const DECORATION = /^>|\x1b\[[0-9;]*[A-Za-z]|[^ -~]/g;

/** Creates a board, switched off. */
export function createInterpreter(name: string): TestBoard {
  if (!INTERPRETER) throw new Error(NO_INTERPRETER);
  const program = INTERPRETER;
  const folder = createTempFolder(`espruino-${name}`);
  const log = createConsoleLog();
  let child: Child | undefined;
  let asked = 0;

  /** Starts a script; calls `onLine` for every complete line. */
  function launch(script: string, onLine: (line: string) => void): Child {
    let rest = "";
    let chars = 0;
    const started = startChild(program, [script], {
      cwd: folder.path,
      onOutput: (text) => {
        chars += text.length;
        if (chars > OUTPUT_MAX_CHARS) return;
        const parts = (rest + text).split("\n");
        rest = parts.pop() as string;
        for (const part of parts) onLine(part.replace(DECORATION, ""));
      },
    });
    return started;
  }

  async function powerOff(): Promise<void> {
    // It ignores SIGTERM.
    await child?.stop("SIGKILL", KILL_MS);
    child = undefined;
  }

  return {
    console: log,
    configure: async (text) => {
      const file = path.join(folder.path, "prelude.js");
      const write = `require("Storage").write(${JSON.stringify(CONFIG_FILE)},${JSON.stringify(text)})`;
      writeFileSync(file, `print("prelude "+${write});\n`, "latin1");
      let isWritten = false;
      const prelude = launch(file, (line) => (isWritten ||= line === "prelude true"));
      await waitFor(() => isWritten, PRELUDE_MS, "the prelude to write the configuration").finally(
        () => prelude.stop("SIGKILL", KILL_MS),
      );
    },
    powerOn: async () => {
      child = launch(PROJECT_DIR + BUNDLE_FILE, (line) => {
        if (line) log.add(line);
      });
    },
    evaluate: async (expression) => {
      if (!child) throw new Error("the board is off");
      const tag = `=${++asked}:`;
      const from = log.lines.length;
      const pattern = new RegExp(`^${tag}(.*)`);
      for (let attempt = 1; ; attempt++) {
        // Erase what stands in the line; 0x10 at its start: no echo, nothing kept in the history.
        child.write(`\x1b[2H\x10print(${JSON.stringify(tag)}+(${expression}))\n`);
        try {
          return (await log.waitFor(pattern, ANSWER_MS, { from }))[1] as string;
        } catch (error) {
          if (attempt === ATTEMPTS) throw error;
        }
      }
    },
    powerOff,
    dispose: async () => {
      await powerOff();
      folder.remove();
    },
  };
}
