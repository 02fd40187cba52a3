// SPDX-License-Identifier: MIT
// require("Storage"): the functions that scripts call on the board's flash; what they are given is
// turned into bytes here. While the flash erases pages the board stands still.
// Not for: line files (storage-file.ts), the bytes on the flash (../flash.ts).
import { crc32 } from "node:zlib";
import { fromLatin1, latin1 } from "../bytes.ts";
import type { FlashFile } from "../flash-catalog.ts";
import { FlashError } from "../flash.ts";
import { jsonText, relaxedText } from "../format.ts";
import { parseJson } from "../json.ts";
import type { ModuleHost } from "./index.ts";
import { createOpen } from "./storage-file.ts";

/** True for an object that is written as JSON. */
function isPlainObject(value: unknown): boolean {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return !ArrayBuffer.isView(value) && !("byteLength" in value);
}

/** Makes the module for one board. */
export function createStorage({ realm, globals, flash }: ModuleHost): object {
  /** Calls the flash; its refusals become errors of the script's world. */
  const guarded = <T>(fn: () => T): T => {
    try {
      return fn();
    } catch (error) {
      if (error instanceof FlashError) return realm.fail("Error", error.message);
      throw error;
    }
  };
  const dataOf = (value: unknown): string => {
    if (value === undefined || value === null) {
      return realm.fail("Error", "Can't get pointer to data to write");
    }
    if (typeof value === "string") return value;
    // The board writes one byte of garbage for a number.
    if (typeof value === "number" || typeof value === "boolean") return String(value).slice(0, 1);
    return isPlainObject(value) ? jsonText(value, realm) : latin1(globals.bytes(value));
  };
  const read = (name: unknown, offset?: unknown, length?: unknown): string | undefined => {
    const data = flash.read(realm.text(name));
    const start = Math.max(0, Math.trunc(Number(offset)) || 0);
    const count = Math.trunc(Number(length)) || 0;
    return data?.slice(start, count > 0 ? start + count : undefined);
  };
  const files = (pattern: unknown, isLineFile?: boolean): FlashFile[] => {
    const regex = pattern as { test(text: string): boolean } | undefined;
    // Of a line file only the first chunk shows.
    return flash
      .files()
      .filter((f) => isLineFile === undefined || f.isLineFile === isLineFile)
      .filter((f) => !f.isLineFile || f.name.endsWith("\x01"))
      .map((f) => (isLineFile ? { ...f, name: f.name.slice(0, -1) } : f))
      .filter((f) => regex === undefined || regex.test(f.name));
  };

  const module = realm.object();
  realm.define(module, {
    read,
    readJSON: (name: unknown, noExceptions?: unknown) => {
      const data = read(name);
      if (data === undefined) return undefined;
      try {
        return parseJson(data, realm, { relaxed: true });
      } catch (error) {
        if (noExceptions) return undefined;
        throw error;
      }
    },
    readArrayBuffer: (name: unknown) => {
      const data = read(name);
      return data === undefined ? undefined : realm.bufferOf(data);
    },
    write: (name: unknown, data: unknown, offset?: unknown, size?: unknown) => {
      const bytes = dataOf(data);
      const at = isPlainObject(data) ? 0 : Math.trunc(Number(offset ?? 0));
      const sizeBytes = isPlainObject(data) ? 0 : Math.trunc(Number(size ?? 0));
      return guarded(() => flash.write(realm.text(name), bytes, at, { sizeBytes }));
    },
    writeJSON: (name: unknown, data: unknown) => {
      const text = relaxedText(data, realm, { hasFunctions: false });
      return guarded(() => flash.write(realm.text(name), text));
    },
    list: (pattern?: unknown, options?: { sf?: unknown }) => {
      const isLineFile = options?.sf === undefined ? undefined : Boolean(options.sf);
      return realm.arrayOf(files(pattern, isLineFile).map((file) => file.name));
    },
    // Of names and places, not of what is in the files.
    hash: (pattern?: unknown) =>
      files(pattern, false).reduce((hash, { at, name }) => {
        const rolled = (hash << 1) | (hash >>> 31);
        return rolled ^ (flash.address + at) ^ crc32(fromLatin1(name));
      }, 0xabcddcba | 0),
    erase: (name: unknown) => {
      flash.erase(realm.text(name));
    },
    eraseAll: () => flash.eraseAll(),
    compact: () => {
      flash.compact();
    },
    getFree: () => flash.stats().freeBytes,
    getStats: () => realm.objectOf(flash.stats()),
    optimise: () => {},
    open: createOpen({ realm, flash, guarded }),
  });
  return module;
}
