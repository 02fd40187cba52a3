// SPDX-License-Identifier: MIT
// Runs one probe on a virtual board of profile `linux` and gives its console output.
import { BoardError, createBoard, createRealClock, utf8AsBytes } from "../../sim/index.ts";
import type { SimNetwork } from "../../sim/index.ts";

/**
 * Runs a script until nothing is left to do, or its time is over.
 *
 * @param source UTF-8 text
 * @returns output as bytes, one per character
 */
export async function runOnVirtualBoard(
  source: string,
  runMs: number,
  network: SimNetwork,
): Promise<string> {
  let output = "";
  const board = createBoard({
    clock: createRealClock(),
    network,
    profile: "linux",
    seed: 1,
    serial: "00000000-addeadde-addeadde",
    onPrint: (line) => (output += `${line}\n`),
  });
  try {
    board.runScript(utf8AsBytes(source), "probe.js");
  } catch (error) {
    if (!(error instanceof BoardError)) throw error;
    board.powerOff();
    return `${output}Uncaught ${error.message}\n`;
  }
  const endMs = performance.now() + runMs;
  while (!board.isDone() && performance.now() < endMs) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  board.powerOff();
  return output;
}
