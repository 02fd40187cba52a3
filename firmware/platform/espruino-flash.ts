// SPDX-License-Identifier: MIT
// Flash beside Storage, where the board has some. On ESP32 that is the 64 KB partition `flash`,
// which lies in front of Storage in every partition table of the interpreter and which nothing in it
// uses. `getFree` tells of two more areas: of those one ends in what newer builds keep for
// themselves, and the other is the end of Storage.
// The Linux build has Storage only: there the last 64 KB of it are taken, which files must not reach.
import { FLASH_BYTES, FLASH_PAGE_BYTES } from "./board.ts";
import type { Board } from "./board.ts";

/** Where the partition is on ESP32. */
const ESP32_AT = 0x310000;

/** Adds reading, writing and erasing to a board; nothing where there is no such flash. */
export function addFlash(board: Board): void {
  let flash: EspruinoFlash;
  let from = 0;
  try {
    flash = require("Flash");
  } catch {
    return;
  }
  const isLinux = process.env.BOARD.startsWith("LINUX");
  for (const area of flash.getFree())
    if (isLinux) from = area.addr + area.length - FLASH_BYTES;
    else if (area.addr === ESP32_AT && area.length === FLASH_BYTES) from = ESP32_AT;
  if (!from) return;
  board.flashRead = function (at, lengthBytes) {
    return flash.read(lengthBytes, from + at);
  };
  board.flashWrite = function (at, bytes) {
    flash.write(bytes, from + at);
  };
  board.flashErase = function (at) {
    // The pages of the Linux build have 1 KB.
    const page = flash.getPage(from + at).length;
    // An address that came from arithmetic on floats is refused, even a whole one.
    for (let i = 0; i < FLASH_PAGE_BYTES; i += page) flash.erasePage((from + at + i) | 0);
  };
}
