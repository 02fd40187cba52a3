// SPDX-License-Identifier: MIT
// One board on a manual clock and a stub network, with its console.
import { createBoard } from "../../sim/index.ts";
import type { Board, BoardOptions } from "../../sim/index.ts";
import { createManualClock } from "./manual-clock.ts";
import type { ManualClock } from "./manual-clock.ts";
import { createStubNetwork } from "./stub-network.ts";
import type { StubNetwork } from "./stub-network.ts";

/** A board and its surroundings. */
export interface Lab {
  board: Board;
  clock: ManualClock;
  network: StubNetwork;
  /** Lines of the console. */
  lines: string[];
  /** Runs a script and everything that is due at once; gives the lines printed by it. */
  run(source: string): string[];
}

/** Creates a board of profile `esp32` unless told otherwise; it is off. */
export function createLab(
  options: Partial<BoardOptions> = {},
  clock: ManualClock = createManualClock(),
): Lab {
  const network = createStubNetwork();
  const lines: string[] = [];
  const board = createBoard({
    clock,
    network,
    seed: 1,
    onPrint: (line) => lines.push(line),
    ...options,
  });
  return {
    board,
    clock,
    network,
    lines,
    run: (source) => {
      const from = lines.length;
      board.runScript(source, "test.js");
      clock.settle();
      return lines.slice(from);
    },
  };
}
