// SPDX-License-Identifier: MIT
// require("Flash"): the bytes of the chip at the addresses of the processor, the very same in which
// Storage keeps its files. Writing clears bits, erasing a page sets them. What lies outside the area
// of Storage (the interpreter itself, partitions of other use) reads as erased and takes nothing.
import { fromLatin1 } from "../bytes.ts";
import { typeName } from "../promises.ts";
import type { ModuleHost } from "./index.ts";

/** Makes the module for one board. */
export function createFlashModule({ realm, globals, flash, profile }: ModuleHost): object {
  const { memory, address } = flash;
  const endAddress = address + memory.totalBytes;
  const integer = (value: unknown): number => Math.trunc(Number(value)) | 0;
  const isInside = (at: number): boolean => at >= address && at < endAddress;
  const area = (addr: number, length: number): object => realm.objectOf({ addr, length });

  const module = realm.object();
  realm.define(module, {
    getPage: (given: unknown) => {
      const at = integer(given) >>> 0;
      if (at >= endAddress || at < profile.flashStart) return undefined;
      return area(at - (at % memory.pageBytes), memory.pageBytes);
    },
    getFree: () => realm.arrayOf(profile.flashFree.map(([at, length]) => area(at, length))),
    erasePage: (given: unknown) => {
      if (typeof given !== "number" || !Number.isInteger(given)) {
        realm.fail("Error", `Address should be an integer, got ${typeName(given)}`);
      }
      const at = Number(given);
      if (!isInside(at)) return;
      const page = Math.floor((at - address) / memory.pageBytes);
      flash.direct((chip) => chip.erasePage(page));
    },
    write: (data: unknown, given: unknown) => {
      if (data === undefined) realm.fail("Error", "Data is not defined");
      const bytes = typeof data === "string" ? fromLatin1(data) : globals.bytes(data);
      const at = integer(given) >>> 0;
      if (!isInside(at)) return;
      flash.direct((chip) => chip.program(at - address, bytes.subarray(0, endAddress - at)));
    },
    read: (length: unknown, given: unknown) => {
      const count = integer(length);
      if (count <= 0) return undefined;
      const at = integer(given) >>> 0;
      return realm.uint8(fromLatin1(memory.read(at - address, count)));
    },
  });
  return module;
}
