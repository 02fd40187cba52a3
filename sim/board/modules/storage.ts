// SPDX-License-Identifier: MIT
// require("Storage"): the functions that scripts call on the board's flash; what they are given is
// turned into bytes here. Line files (`open`) are chains of chunks whose names end in a number, as
// on the board, so that `list` shows the same.
import { fromLatin1, latin1 } from "../bytes.ts";
import { FlashError, MAX_NAME_CHARS } from "../flash.ts";
import { jsonText, relaxedText } from "../format.ts";
import { parseJson } from "../json.ts";
import type { ModuleHost } from "./index.ts";

/** Data bytes of one chunk of a line file: a flash page without the header. */
const CHUNK_BYTES = 4096 - 32;

/** Makes the module for one board. */
export function createStorage({ realm, globals, flash, write }: ModuleHost): object {
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
    const isPlain =
      !Array.isArray(value) && !ArrayBuffer.isView(value) && !("byteLength" in Object(value));
    return isPlain ? jsonText(value, realm) : latin1(globals.bytes(value));
  };
  const read = (name: unknown, offset?: unknown, length?: unknown): string | undefined => {
    const data = flash.read(realm.text(name));
    const start = Number(offset ?? 0);
    return data?.slice(start, Number(length) > 0 ? start + Number(length) : undefined);
  };
  const list = (pattern?: unknown, options?: { sf?: unknown }): string[] => {
    const regex = pattern as { test(text: string): boolean } | undefined;
    const names = flash.list().map((name) => ({ name, isChunk: isChunk(name) }));
    const wanted = names.filter(
      (n) => options?.sf === undefined || Boolean(options.sf) === n.isChunk,
    );
    // With `sf: true` a line file is one name; without it every chunk shows.
    const shown = wanted
      .filter((n) => !options?.sf || n.name.endsWith("\x01"))
      .map((n) => (options?.sf ? n.name.slice(0, -1) : n.name));
    return shown.filter((name) => regex === undefined || regex.test(name));
  };

  const open = (name: unknown, mode: unknown): object => {
    const base = realm.text(name).slice(0, MAX_NAME_CHARS - 1);
    const chunk = (i: number): string => base + String.fromCharCode(i);
    const content = (): string | undefined => {
      let text: string | undefined;
      for (let i = 1; i < 256; i++) {
        const data = flash.read(chunk(i));
        if (data === undefined) break;
        text = (text ?? "") + data.replace(/\xff+$/, "");
      }
      return text;
    };
    const erase = (): void => {
      for (let i = 1; i < 256 && flash.read(chunk(i)) !== undefined; i++) flash.erase(chunk(i));
    };
    const how = realm.text(mode);
    if (how !== "r" && how !== "w" && how !== "a") {
      realm.fail("Error", `Invalid mode "${how}"`);
    }
    if (how === "w") erase();
    let at = 0;
    const append = (data: string): void => {
      let rest = data;
      for (let i = 1; rest !== ""; i++) {
        if (i > 255) realm.fail("Error", "Unable to find or create file");
        const used = flash.read(chunk(i))?.replace(/\xff+$/, "").length;
        const part = rest.slice(0, CHUNK_BYTES - (used ?? 0));
        if (part === "") continue;
        guarded(() => flash.write(chunk(i), part, used ?? 0, used === undefined ? CHUNK_BYTES : 0));
        rest = rest.slice(part.length);
      }
    };
    const file = realm.object();
    realm.define(file, {
      write: (data: unknown) => {
        if (how === "r") realm.fail("Error", "Can't write in this mode");
        append(typeof data === "string" ? data : realm.text(data));
      },
      read: (length: unknown) => {
        const text = content();
        if (text === undefined || at >= text.length) return undefined;
        const part = text.slice(at, at + Number(length));
        at += part.length;
        return part;
      },
      readLine: () => {
        const text = content();
        if (text === undefined || at >= text.length) return undefined;
        const end = text.indexOf("\n", at);
        const line = text.slice(at, end < 0 ? undefined : end + 1);
        at += line.length;
        return line;
      },
      getLength: () => content()?.length ?? 0,
      erase,
    });
    return file;
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
      return data === undefined ? undefined : realm.buffer(fromLatin1(data));
    },
    write: (name: unknown, data: unknown, offset?: unknown, size?: unknown) => {
      const text = dataOf(data);
      guarded(() => flash.write(realm.text(name), text, Number(offset ?? 0), Number(size ?? 0)));
      return true;
    },
    writeJSON: (name: unknown, data: unknown) => {
      const text = relaxedText(data, realm, { hasFunctions: false });
      guarded(() => flash.write(realm.text(name), text));
      return true;
    },
    list: (pattern?: unknown, options?: { sf?: unknown }) => realm.arrayOf(list(pattern, options)),
    hash: (pattern?: unknown) => {
      let h = 0x811c9dc5;
      for (const name of list(pattern)) {
        for (const c of name + String(flash.read(name))) {
          h = Math.imul(h ^ c.charCodeAt(0), 0x01000193) >>> 0;
        }
      }
      return h;
    },
    erase: (name: unknown) => flash.erase(realm.text(name)),
    eraseAll: () => flash.eraseAll(),
    compact: () => {
      write("Compacting... \n");
      flash.compact();
    },
    getFree: () => flash.stats().freeBytes,
    getStats: () => realm.objectOf(flash.stats()),
    optimise: () => {},
    open,
  });
  return module;
}

function isChunk(name: string): boolean {
  const last = name.charCodeAt(name.length - 1);
  return last > 0 && last < 32;
}
