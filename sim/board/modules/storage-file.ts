// SPDX-License-Identifier: MIT
// Line files of Storage: what `require("Storage").open` returns. One is a chain of chunks of a page
// each, whose names end in the bytes 1, 2, 3...; its end is the first 0xFF. Where it stands is kept
// in members of the object that scripts see, as on the board.
import type { Flash } from "../flash.ts";
import { MAX_NAME_CHARS } from "../flash-layout.ts";
import type { Realm } from "../realm.ts";

/** What line files are made of. */
export interface LineFileHost {
  realm: Realm;
  flash: Flash;
  /** Calls the flash; its refusals become errors of the script's world. */
  guarded<T>(fn: () => T): T;
}

interface LineFile {
  name: string;
  chunk: number;
  offset: number;
  /** Character code of the mode; 0 once it cannot be written any more. */
  mode: number;
}

const LAST_CHUNK = 255;
const END = "\xff";
/** A line is read in pieces of so many bytes. */
const PIECE_BYTES = 32;

/** Creates the function `open`. */
export function createOpen(host: LineFileHost): (name: unknown, mode: unknown) => object {
  const { realm, flash, guarded } = host;
  const chunkBytes = Math.min(flash.memory.pageBytes, 4096) - 32;
  const chunkName = (file: LineFile, chunk: number): string =>
    file.name.slice(0, MAX_NAME_CHARS - 1) + String.fromCharCode(chunk);
  const read = (file: LineFile, chunk: number): string | undefined =>
    flash.read(chunkName(file, chunk));

  const erase = (file: LineFile): void => {
    for (let chunk = 1; guarded(() => flash.erase(chunkName(file, chunk))); chunk++);
    file.chunk = 1;
    file.offset = 0;
    file.mode = 0;
  };
  /** The chunk that is not full, and where its free bytes begin. */
  const end = (file: LineFile): { chunk: number; offset: number; before: number } => {
    let before = 0;
    for (let chunk = 1; ; chunk++) {
      const data = read(file, chunk);
      if (data === undefined) return { chunk, offset: 0, before };
      if (data.endsWith(END) || chunk === LAST_CHUNK) {
        const at = data.indexOf(END);
        return { chunk, offset: at < 0 ? data.length : at, before };
      }
      before += data.length;
    }
  };
  const create = (file: LineFile, chunk: number, data: string): void => {
    let isWritten = false;
    try {
      const options = { sizeBytes: chunkBytes, isLineFile: true };
      isWritten = guarded(() => flash.write(chunkName(file, chunk), data, 0, options));
    } finally {
      if (!isWritten) file.mode = 0;
    }
    file.chunk = chunk;
    file.offset = data.length;
  };
  const write = (file: LineFile, data: string): void => {
    if (file.mode !== 0x77 && file.mode !== 0x61) {
      realm.fail("Error", "Can't write in this mode");
    }
    if (data === "") return;
    const present = read(file, file.chunk);
    if (present === undefined) return create(file, file.chunk, data);
    const room = present.length - file.offset;
    const { chunk, offset } = file;
    flash.program(chunkName(file, chunk), offset, data.slice(0, room));
    file.offset += Math.min(data.length, room);
    if (data.length < room) return;
    if (chunk === LAST_CHUNK) realm.fail("Error", "File too big!");
    create(file, chunk + 1, data.slice(room));
  };
  /** Reads up to so many bytes, or a line when no length is given. */
  const readOn = (file: LineFile, length: number | null): string | undefined => {
    if (file.mode !== 0x72) realm.fail("Error", "Can't read in this mode");
    let result: string | undefined;
    let data = read(file, file.chunk);
    let left = length ?? PIECE_BYTES;
    while (data !== undefined && left > 0) {
      if (file.offset >= data.length) {
        file.offset = 0;
        data = file.chunk === LAST_CHUNK ? undefined : read(file, ++file.chunk);
        continue;
      }
      let piece = data.slice(file.offset, file.offset + Math.min(left, PIECE_BYTES));
      const atEnd = piece.indexOf(END);
      if (atEnd >= 0) piece = piece.slice(0, atEnd);
      const lineEnd = length === null ? piece.indexOf("\n") + 1 : 0;
      if (lineEnd > 0) piece = piece.slice(0, lineEnd);
      if (piece === "") break;
      result = (result ?? "") + piece;
      file.offset += piece.length;
      if (atEnd >= 0 || lineEnd > 0) break;
      if (length !== null) left -= piece.length;
    }
    return result;
  };

  const prototype = realm.object();
  realm.define(prototype, {
    write(this: LineFile, data: unknown) {
      write(this, realm.text(data));
    },
    read(this: LineFile, length: unknown) {
      return readOn(this, Math.max(0, Math.trunc(Number(length)) || 0));
    },
    readLine(this: LineFile) {
      return readOn(this, null);
    },
    getLength(this: LineFile) {
      const { offset, before } = end(this);
      return before + offset;
    },
    erase(this: LineFile) {
      erase(this);
    },
  });
  const StorageFile = realm.native(function () {});
  Object.defineProperty(StorageFile, "name", { value: "StorageFile", configurable: true });
  Object.defineProperty(StorageFile, "prototype", { value: prototype });
  Object.defineProperty(prototype, "constructor", { value: StorageFile, configurable: true });
  Object.defineProperty(realm.global, "StorageFile", {
    value: StorageFile,
    writable: true,
    configurable: true,
  });

  return (name, mode) => {
    const how = realm.text(mode);
    if (how !== "r" && how !== "w" && how !== "a") {
      realm.fail("Error", `Invalid mode ${typeof mode === "string" ? JSON.stringify(how) : how}`);
    }
    const file = Object.create(prototype) as LineFile;
    file.name = realm.text(name).slice(0, MAX_NAME_CHARS);
    if (how === "w") erase(file);
    const { chunk, offset } = how === "a" ? end(file) : { chunk: 1, offset: 0 };
    return Object.assign(file, { chunk, offset, mode: how.charCodeAt(0) });
  };
}
