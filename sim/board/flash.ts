// SPDX-License-Identifier: MIT
// The flash memory in which a board keeps its files: it outlives power cycles, and what the
// interpreter's Storage does with it (sizes, refusals, trash, compaction) happens here.
// Measured on the interpreter:
// - A file is a header of 32 bytes and its data, padded to 4 bytes; replacing or erasing it leaves
//   both as trash until the store is full and is compacted.
// - Bytes of a file that were never written are 0xFF, and only those can be written again.
// - Writing a file with the bytes that it has already does nothing.
// Not for: torn writes and wear (nothing asks for them yet); the functions that scripts call
// (modules/storage.ts).

/** Thrown with the interpreter's text when the store refuses. */
export class FlashError extends Error {}

/** Room that a store has and uses, bytes. */
export interface FlashStats {
  totalBytes: number;
  freeBytes: number;
  fileBytes: number;
  fileCount: number;
  trashBytes: number;
  trashCount: number;
}

/** Files of one board. Names and data are bytes, one per character. */
export interface Flash {
  /** Bytes of a file, undefined when there is none. */
  read(name: string): string | undefined;
  /**
   * Writes a file, or a part of one that was created with a size.
   *
   * @param offset 0 (the default) creates the file anew unless it has this size and these bytes
   * @param sizeBytes size of the file; 0 or absent: the length of the data
   * @throws FlashError
   */
  write(name: string, data: string, offset?: number, sizeBytes?: number): void;
  /** Removes a file; one that is not there is no error. */
  erase(name: string): void;
  eraseAll(): void;
  /** Names in the order in which their present data were written. */
  list(): string[];
  /** Frees the trash; returns true when there was some. */
  compact(): boolean;
  stats(): FlashStats;
}

/** Longest file name; what is behind is cut. */
export const MAX_NAME_CHARS = 28;
const HEADER_BYTES = 32;
const UNWRITTEN = "\xff";

interface File {
  data: string;
  footprintBytes: number;
}

function footprint(sizeBytes: number): number {
  return HEADER_BYTES + Math.ceil(sizeBytes / 4) * 4;
}

/** Creates an empty store. */
export function createFlash(options: { totalBytes?: number } = {}): Flash {
  const totalBytes = options.totalBytes ?? 896 * 1024;
  const files = new Map<string, File>();
  let trashBytes = 0;
  let trashCount = 0;

  const cut = (name: string): string => name.slice(0, MAX_NAME_CHARS);
  const used = (): number => [...files.values()].reduce((sum, f) => sum + f.footprintBytes, 0);
  const free = (): number => totalBytes - used() - trashBytes;
  const discard = (name: string): void => {
    const file = files.get(name);
    if (!file) return;
    files.delete(name);
    trashBytes += file.footprintBytes;
    trashCount++;
  };
  const compact = (): boolean => {
    const had = trashCount > 0;
    trashBytes = 0;
    trashCount = 0;
    return had;
  };
  const create = (name: string, sizeBytes: number): File => {
    const footprintBytes = footprint(sizeBytes);
    discard(name);
    if (footprintBytes > free()) compact();
    if (footprintBytes > free()) throw new FlashError("Unable to find or create file");
    const file = { data: UNWRITTEN.repeat(sizeBytes), footprintBytes };
    files.set(name, file);
    return file;
  };

  return {
    read: (name) => files.get(cut(name))?.data,
    write: (name, data, offset = 0, sizeBytes = 0) => {
      const key = cut(name);
      const size = sizeBytes > 0 ? sizeBytes : data.length;
      if (offset === 0 && size === 0) throw new FlashError("Can't create zero length file");
      let file = files.get(key);
      if (offset === 0 && file?.data !== data) {
        if (data.length > size) throw new FlashError("Too much data for file size");
        file = create(key, size);
      }
      if (!file) throw new FlashError("Unable to find or create file");
      if (offset + data.length > file.data.length) {
        throw new FlashError("Too much data for file size");
      }
      const old = file.data.slice(offset, offset + data.length);
      if (old === data) return;
      if (old !== UNWRITTEN.repeat(data.length)) {
        throw new FlashError("File already written with different data");
      }
      file.data = file.data.slice(0, offset) + data + file.data.slice(offset + data.length);
    },
    erase: (name) => discard(cut(name)),
    eraseAll: () => {
      files.clear();
      compact();
    },
    list: () => [...files.keys()],
    compact,
    stats: () => ({
      totalBytes,
      freeBytes: free(),
      fileBytes: used(),
      fileCount: files.size,
      trashBytes,
      trashCount,
    }),
  };
}
