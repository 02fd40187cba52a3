// SPDX-License-Identifier: MIT
// The numbers that outlive a power cut: every byte of writing them is a place to cut.
import { expect, it } from "vitest";
import {
  BOOT_COUNT,
  COMMAND_IAT,
  FLOOR_MS,
  PERSIST_AT,
  RECORD_BYTES,
  RESET,
  persist,
  restore,
} from "../../../firmware/core/persist.ts";
import { FLASH_PAGE_BYTES } from "../../../firmware/platform/board.ts";
import { Abort } from "../../../sim/board/abort.ts";
import { createFlashMemory } from "../../../sim/board/flash-memory.ts";
import { createFakeBoard } from "../../helpers/fake-board.ts";

it("keeps numbers over a restart", () => {
  const board = createFakeBoard();
  const numbers = restore(board);
  expect(numbers.slice(1)).toEqual([0, 0, 0, 0, 0, 0]);
  numbers[BOOT_COUNT] = 4_294_967_295;
  numbers[FLOOR_MS] = 1_800_000_000_123;
  numbers[COMMAND_IAT] = 1_800_000_000;
  numbers[RESET] = 3;
  expect(persist(board, numbers)).toBeUndefined();
  expect(restore(createFakeBoard({ flash: board.flash }))).toEqual(numbers);
});

it("starts on flash that holds something else", () => {
  const image = new Uint8Array(65_536).fill(0x5a);
  const flash = createFlashMemory({ totalBytes: 65_536, pageBytes: FLASH_PAGE_BYTES, image });
  const board = createFakeBoard({ flash });
  const numbers = restore(board);
  numbers[BOOT_COUNT] = 1;
  expect(persist(board, numbers)).toBeUndefined();
  expect(restore(board)[BOOT_COUNT]).toBe(1);
});

it("erases one page of two for each 64 saves, and none beside them", () => {
  const board = createFakeBoard();
  const numbers = restore(board);
  for (let i = 1; i <= 1000; i++) {
    numbers[BOOT_COUNT] = i;
    expect(persist(board, numbers)).toBeUndefined();
  }
  expect(restore(board)[BOOT_COUNT]).toBe(1000);
  const { pageErases } = board.flash.wear();
  expect(pageErases).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 8, 8]);
});

it("loses nothing to a power cut at any byte of a save", () => {
  // The last of a page and the first of the next, which erases.
  for (const before of [62, 63, 64, 127, 128]) {
    const board = createFakeBoard();
    const numbers = restore(board);
    for (let i = 1; i <= before; i++) {
      numbers[BOOT_COUNT] = i;
      persist(board, numbers);
    }
    const isErased = (before + 1) % 64 === 1;
    const places = isErased ? [0, 1, 63, 64, 2000, 4095, 4096, 4097, 4150, 4159, 4160] : [];
    for (let i = 0; i <= RECORD_BYTES; i++) places.push(i);
    for (const place of places) {
      const flash = board.flash.copy();
      const cut = createFakeBoard({ flash });
      const changed = restore(cut);
      changed[BOOT_COUNT] = before + 1;
      flash.cutAfter(place, () => undefined);
      let isOver = false;
      try {
        persist(cut, changed);
      } catch (error) {
        expect(error).toBeInstanceOf(Abort);
        isOver = true;
      }
      flash.powerUp();
      const next = createFakeBoard({ flash });
      const found = restore(next);
      expect([before, before + 1]).toContain(found[BOOT_COUNT]);
      if (!isOver) expect(found[BOOT_COUNT]).toBe(before + 1);
      found[BOOT_COUNT] = before + 2;
      expect(persist(next, found)).toBeUndefined();
      expect(restore(next)[BOOT_COUNT]).toBe(before + 2);
    }
  }
});

it("says that it cannot save", () => {
  const none = createFakeBoard({ flash: null });
  expect(persist(none, restore(none))).toBe("E_STORE flash=none");
  const worn = createFakeBoard();
  worn.flash.program(PERSIST_AT, new Uint8Array(2 * FLASH_PAGE_BYTES));
  worn.flashErase = () => undefined;
  expect(persist(worn, restore(worn))).toBe("E_STORE flash=worn");
});
