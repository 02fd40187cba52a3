// SPDX-License-Identifier: MIT
// Runs a script on the real interpreter with a given image of its flash, and gives the image back:
// it keeps its flash in a file of the folder that it is started in.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { INTERPRETER, NO_INTERPRETER } from "./interpreter.ts";
import { createTempFolder, startChild } from "./leftovers.ts";
import { waitFor } from "./wait.ts";

const IMAGE_FILE = "espruino.flash";
const SCRIPT_FILE = "script.js";
const END = "=END=";
const RUN_MS = 20_000;
const KILL_MS = 2000;

// Prompt, cursor movements, and what its console prints while it has no input.
const DECORATION = /^>|\x1b\[[0-9;]*[A-Za-z]|[^ -~]/g;

/** What a run left. */
export interface ImageRun {
  /** Lines that begin with `= `, without that. */
  lines: string[];
  image: Uint8Array;
}

/**
 * Runs a script as `espruino script.js` does, or as a board boots when none is given.
 *
 * @param image flash as it is found; erased without it
 * @param script prints what is to be seen in lines that begin with `= `; ends at its last statement
 *   unless it prints `=END=` itself
 */
export async function runWithImage(
  image: Uint8Array | null,
  script: string | null,
): Promise<ImageRun> {
  if (!INTERPRETER) throw new Error(NO_INTERPRETER);
  const folder = createTempFolder("flash");
  const file = path.join(folder.path, IMAGE_FILE);
  if (image) writeFileSync(file, image);
  if (script !== null) {
    writeFileSync(path.join(folder.path, SCRIPT_FILE), `echo(0);${script}\nprint("${END}");`);
  }
  let output = "";
  const child = startChild(INTERPRETER, script === null ? [] : [SCRIPT_FILE], {
    cwd: folder.path,
    onOutput: (text) => {
      // Without a script its console may print endlessly.
      if (output.length < 4_000_000) output += text;
    },
  });
  try {
    const hasEnded = (): boolean => output.includes(END) || child.ended() !== undefined;
    await waitFor(hasEnded, RUN_MS, () => `the end of the script; it printed\n${output}`);
    await child.stop("SIGKILL", KILL_MS);
    const lines = output
      .split(/\r?\n/)
      .map((line) => line.replace(DECORATION, ""))
      .filter((line) => line.startsWith("= "))
      .map((line) => line.slice(2));
    return { lines, image: existsSync(file) ? readFileSync(file) : new Uint8Array() };
  } finally {
    await child.stop("SIGKILL", KILL_MS);
    folder.remove();
  }
}
