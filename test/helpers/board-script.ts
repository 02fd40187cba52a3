// SPDX-License-Identifier: MIT
// Scripts that compute something and print it: bundled as the firmware is, and run on a virtual board
// and on the real interpreter, both without a flash. Not for programs that live on a board (entry.ts).
import { createBoard, createRealClock } from "../../sim/index.ts";
import { createStubNetwork } from "../sim/stub-network.ts";
import { createInterpreter } from "./interpreter.ts";
import { PROJECT, buildFirmware } from "./planted.ts";

const INTERPRETER_MS = 30_000;

/**
 * Bundles a script of this project.
 * @param keptNames property names that stand in what a test puts in front of it
 * @throws Error with what the build stopped with
 */
export async function buildScript(
  entry: string,
  keptNames: readonly string[] = [],
): Promise<string> {
  const result = await buildFirmware(PROJECT, entry, keptNames);
  if ("message" in result) throw new Error(result.message);
  return result.files["lubdub.min.js"] as string;
}

/** Runs a script on a virtual board and gives what it prints. */
export function printsOnVirtualBoard(script: string, profile: "esp32" | "linux"): string[] {
  const lines: string[] = [];
  const board = createBoard({
    clock: createRealClock(),
    network: createStubNetwork(),
    profile,
    seed: 1,
    onPrint: (line) => lines.push(line),
  });
  board.runScript(script, "script.js");
  board.powerOff();
  return lines;
}

/** Runs a script on the interpreter and gives its lines from the first to the last that match. */
export async function printsOnInterpreter(
  script: string,
  first: RegExp,
  last: RegExp,
): Promise<string[]> {
  const board = createInterpreter("script");
  const { console: log } = board;
  try {
    board.run(script);
    await log.waitFor(last, INTERPRETER_MS);
    const from = log.lines.findIndex((line) => first.test(line));
    return log.lines.slice(from, 1 + log.lines.findIndex((line) => last.test(line)));
  } finally {
    await board.dispose();
  }
}
