// SPDX-License-Identifier: MIT
// require("Flash"): the bytes of the chip at the addresses of the processor: the very same in which
// Storage keeps its files, and the partition for programs. Writing clears bits, erasing a page sets
// them. What lies outside (the interpreter itself, partitions of other use) reads as erased and
// takes nothing.
import { fromLatin1 } from "../bytes.ts";
import type { FlashMemory } from "../flash-memory.ts";
import { typeName } from "../promises.ts";
import type { ModuleHost } from "./index.ts";

/** Makes the module for one board. */
export function createFlashModule({ realm, globals, flash, profile }: ModuleHost): object {
  const { memory, address } = flash;
  const endAddress = address + memory.totalBytes;
  const integer = (value: unknown): number => Math.trunc(Number(value)) | 0;
  const area = (addr: number, length: number): object => realm.objectOf({ addr, length });

  /** The part of the chip that an address is in, and where in it. */
  function placeOf(at: number): { part: FlashMemory; offset: number } | undefined {
    for (const [part, from] of [
      [memory, address],
      [flash.spare, flash.spareAddress],
    ] as const)
      if (at >= from && at < from + part.totalBytes) return { part, offset: at - from };
    return undefined;
  }

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
      const place = placeOf(Number(given));
      if (!place) return;
      const { part, offset } = place;
      flash.direct((chip) => chip.erasePage(Math.floor(offset / part.pageBytes)), part);
    },
    write: (data: unknown, given: unknown) => {
      if (data === undefined) realm.fail("Error", "Data is not defined");
      const bytes = typeof data === "string" ? fromLatin1(data) : globals.bytes(data);
      const place = placeOf(integer(given) >>> 0);
      if (!place) return;
      const { part, offset } = place;
      flash.direct(
        (chip) => chip.program(offset, bytes.subarray(0, part.totalBytes - offset)),
        part,
      );
    },
    read: (length: unknown, given: unknown) => {
      const count = integer(length);
      if (count <= 0) return undefined;
      const at = integer(given) >>> 0;
      const { part, offset } = placeOf(at) ?? { part: memory, offset: at - address };
      return realm.uint8(fromLatin1(part.read(offset, count).padEnd(count, "\xff")));
    },
  });
  return module;
}
