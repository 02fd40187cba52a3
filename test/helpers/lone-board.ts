// SPDX-License-Identifier: MIT
// A virtual board by itself, on a wire, whose time the test advances: for what it does with what
// stands in its flash. Not for boards with peers; those live in a world.
import { createBoard } from "../../sim/index.ts";
import type { Board, Flash } from "../../sim/index.ts";
import { createManualClock } from "../sim/manual-clock.ts";
import { createStubNetwork } from "../sim/stub-network.ts";

/** A board that was switched on. */
export interface LoneBoard {
  board: Board;
  /** All it has printed, lines of the firmware's log without their time. */
  lines: string[];
  /** Lets time pass. */
  advance(ms: number): void;
}

function isFlash(contents: object): contents is Flash {
  return "powerUp" in contents;
}

/**
 * Switches a board on and lets `ms` pass. Every connection is refused.
 * @param contents files of its flash, or a flash
 */
export function bootAlone(contents: { [file: string]: string } | Flash, ms: number): LoneBoard {
  const flash = isFlash(contents) ? { flash: contents } : {};
  const clock = createManualClock();
  const network = createStubNetwork();
  network.failure = "refused";
  const lines: string[] = [];
  const board = createBoard({
    clock,
    network,
    wifi: false,
    serial: "a1b2-c3d4",
    seed: 1,
    ...flash,
    onPrint: (line) => lines.push(line.replace(/^\d+ /, "")),
  });
  if (!isFlash(contents))
    for (const [file, text] of Object.entries(contents)) board.flash.write(file, text);
  board.powerOn();
  clock.advance(ms);
  return { board, lines, advance: clock.advance };
}
