// SPDX-License-Identifier: MIT
// A virtual board that runs the built bundle over real sockets and in real time, as a test board.
import { CONFIG_FILE } from "../../firmware/wire/config.ts";
import { createBoard, createRealClock, createRealNetwork } from "../../sim/index.ts";
import { loadBundle } from "../../tools/lib/bundle.ts";
import { createConsoleLog } from "./console-log.ts";
import { seedOf } from "./seeds.ts";
import type { TestBoard } from "./test-board.ts";

/** A virtual board with what only such a board can tell. */
export interface VirtualBoard extends TestBoard {
  /** True when no timer and no socket of the board is left. */
  isDone(): boolean;
}

/** The world that the boards of one test file share. */
export interface VirtualWorld {
  /** Creates a board; its serial number is its name. */
  createBoard(name: string): VirtualBoard;
  /** Ends every connection and thread; after it no board of this world may run. */
  close(): Promise<void>;
}

/** Creates a world with a network of its own. */
export function createVirtualWorld(): VirtualWorld {
  const clock = createRealClock();
  const network = createRealNetwork();
  const bundle = loadBundle();

  function createVirtualBoard(name: string): VirtualBoard {
    const log = createConsoleLog();
    const board = createBoard({
      clock,
      network,
      serial: name,
      seed: seedOf(`board ${name}`),
      onPrint: log.add,
    });
    return {
      console: log,
      configure: async (text) => {
        if (text !== undefined) board.flash.write(CONFIG_FILE, text);
        board.flash.write(".bootcde", bundle.text);
      },
      powerOn: async () => board.powerOn(),
      evaluate: async (expression) => String(board.evaluate(expression)),
      powerOff: async () => board.powerOff(),
      dispose: async () => board.powerOff(),
      isDone: board.isDone,
    };
  }

  return { createBoard: createVirtualBoard, close: () => network.close() };
}
