// SPDX-License-Identifier: MIT
// The fake board with the simulator's flash behind its store, so that files behave as on a board,
// power cuts included.
import type { Flash } from "../../sim/index.ts";
import { FlashError } from "../../sim/board/flash.ts";
import { createFakeBoard } from "./fake-board.ts";
import type { FakeBoard, FakeBoardOptions } from "./fake-board.ts";

/** Creates a fake board that keeps its files on a flash. */
export function createFlashBoard(flash: Flash, options?: FakeBoardOptions): FakeBoard {
  return Object.assign(createFakeBoard(options), {
    read: (name: string, offset = 0, length?: number): string | undefined =>
      flash.read(name)?.slice(offset, length ? offset + length : undefined),
    write: (name: string, data: string, offset?: number, sizeBytes = 0): string | undefined => {
      try {
        flash.write(name, data, offset, { sizeBytes });
      } catch (error) {
        if (error instanceof FlashError) return error.message;
        throw error;
      }
      return undefined;
    },
    erase: (name: string): void => void flash.erase(name),
    storeFreeBytes: (): number => flash.stats().freeBytes,
  });
}
