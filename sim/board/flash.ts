// SPDX-License-Identifier: MIT
// The flash memory in which a board keeps its files: it outlives power cycles. Storage of the
// interpreter as it works on an image of bytes: sizes, refusals, trash, compaction, and what a
// power cut in the middle leaves behind. Measured on the interpreter, and traps all of them:
// - A file is replaced by first making the old one trash, then writing header and data. Without
//   power in between there is neither, and a cut in the data leaves a file with 0xFF at its end.
// - A cut in the first three bytes of a header leaves a store that cannot be written any more: the
//   next header goes to the same place, where bits are cleared already. In the last page the
//   interpreter finds the store corrupt at its next start and erases everything.
// - Replacing a file in a full store loses it: it is trash by the time the refusal comes.
// Not for: the functions that scripts call (modules/storage.ts); the table of names that a Linux
// build writes after 200 files.
import { fromLatin1 } from "./bytes.ts";
import { compactFlash, eraseFlash } from "./flash-compact.ts";
import {
  HEADER_BYTES,
  LINE_FILE,
  MAX_NAME_CHARS,
  aligned,
  findRoom,
  headerBytes,
  headers,
  isRealFile,
  isStorageValid,
  isTrash,
  nameText,
} from "./flash-layout.ts";
import { createFlashMemory } from "./flash-memory.ts";
import type { FlashMemory, FlashWear } from "./flash-memory.ts";

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

/** A file as listings need it. */
export interface FlashFile {
  name: string;
  /** Where its header stands, from the start of the flash. */
  at: number;
  isLineFile: boolean;
}

/** The board that holds the flash. */
export interface FlashHost {
  /** Console output of the interpreter while it compacts or repairs. */
  print(text: string): void;
  /** So many pages were erased, for which the board stands still. */
  erased(pages: number): void;
}

/** How a file is written. */
export interface WriteOptions {
  /** Size of the file to make; 0: the length of the data. */
  sizeBytes?: number;
  isLineFile?: boolean;
}

/** Files of one board. Names and data are bytes, one per character. */
export interface Flash {
  /** Bytes of a file, undefined when there is none. */
  read(name: string): string | undefined;
  /**
   * Writes a file, or a part of one that was created with a size.
   *
   * @param offset 0 (the default) creates the file anew unless it has this size and these bytes
   * @returns false for a negative offset or size
   * @throws FlashError; Abort when the power goes
   */
  write(name: string, data: string, offset?: number, options?: WriteOptions): boolean;
  /** Programs bytes into a file without looking, as line files are extended. */
  program(name: string, offset: number, data: string): void;
  /** Removes a file; returns false when there is none. */
  erase(name: string): boolean;
  eraseAll(): void;
  /** Names in the order in which their present data were written. */
  list(): string[];
  files(): FlashFile[];
  /** Frees the trash; returns true when there was some. */
  compact(): boolean;
  stats(): FlashStats;
  /** What the interpreter does when it starts: erases a store that it finds corrupt. */
  check(): void;
  /** Pages erased and bytes programmed since the flash was made. */
  wear(): FlashWear;
  /** A copy of its bytes, in the format of the interpreter. */
  image(): Uint8Array;
  /** A flash with the same files and no wear; the two share memory until one of them writes. */
  copy(): Flash;
  /** Whether every new file is refused, as in a store full of files that others need. */
  setFull(isFull: boolean): void;
  /** Lets the power go in the middle of writing; see {@link FlashMemory.cutAfter}. */
  cutAfter(bytes: number, onCut: () => void): void;
  /** The power is back after a cut; what was known of the files is read anew. */
  powerUp(): void;
  /** Names the board that stands still while pages are erased; null for none. */
  attach(host: FlashHost | null): void;
  /** Writes to the chip past the files, which are read anew then. @throws Abort as the chip does */
  direct(fn: (chip: FlashMemory) => void): void;
  /** The chip itself, and where the processor sees its first byte. */
  readonly memory: FlashMemory;
  readonly address: number;
}

/** What a flash is made of. */
export interface FlashOptions {
  /** 896 KB unless given. */
  totalBytes?: number;
  /** 4 KB unless given. */
  pageBytes?: number;
  /** Where the processor sees the first byte; that of an ESP32 unless given. */
  address?: number;
  /** Bytes of an image, such as the interpreter's `espruino.flash`; erased unless given. */
  image?: Uint8Array;
}

interface Entry {
  at: number;
  sizeBytes: number;
  flags: number;
  /** Known once it was written or read; boards that run the same files share the text. */
  data?: string | undefined;
}

/** What reading the whole chain once tells; kept up to date while nothing unusual happens. */
interface Catalog {
  /** By name, 0-padded to 28 bytes; the first of each, as a reader finds it. */
  entries: Map<string, Entry>;
  fileBytes: number;
  fileCount: number;
  trashBytes: number;
  trashCount: number;
  /** Behind the last file. */
  endAt: number;
  /** The chain has no gap and no name twice, and free flash behind it: changes are foreseeable. */
  isRegular: boolean;
}

/** Creates a store, empty unless an image is given. */
export function createFlash(options: FlashOptions = {}): Flash {
  const { totalBytes = 896 * 1024, pageBytes = 4096, address = 0x320000, image } = options;
  return onMemory(createFlashMemory({ totalBytes, pageBytes, image }), address, null);
}

/** Name as it stands in a header. A drive letter is taken off. */
function keyOf(name: string): string {
  const bytes = name.slice(0, MAX_NAME_CHARS).padEnd(MAX_NAME_CHARS, "\0");
  return bytes[1] === ":" ? bytes.slice(2).padEnd(MAX_NAME_CHARS, "\0") : bytes;
}

function footprint(sizeBytes: number): number {
  return HEADER_BYTES + aligned(sizeBytes);
}

function scan(memory: FlashMemory): Catalog {
  const catalog: Catalog = {
    entries: new Map(),
    fileBytes: 0,
    fileCount: 0,
    trashBytes: 0,
    trashCount: 0,
    endAt: 0,
    isRegular: true,
  };
  const { entries } = catalog;
  for (const header of headers(memory)) {
    const { at, sizeBytes, flags, name } = header;
    const bytes = footprint(sizeBytes);
    if (at !== catalog.endAt) catalog.isRegular = false;
    catalog.endAt = at + bytes;
    if (isTrash(name)) {
      catalog.trashBytes += bytes;
      catalog.trashCount++;
      continue;
    }
    catalog.fileBytes += bytes;
    catalog.fileCount++;
    if (entries.has(name)) catalog.isRegular = false;
    else entries.set(name, { at, sizeBytes, flags });
  }
  if (!memory.isErased(catalog.endAt, Infinity)) catalog.isRegular = false;
  return catalog;
}

function filesOf(catalog: Catalog): FlashFile[] {
  return [...catalog.entries]
    .filter(([key, entry]) => isRealFile(key, entry.flags))
    .map(([key, { at, flags }]) => ({ name: nameText(key), at, isLineFile: flags === LINE_FILE }));
}

function onMemory(memory: FlashMemory, address: number, known: Catalog | null): Flash {
  let catalog = known;
  let isFull = false;
  let host: FlashHost | null = null;

  const current = (): Catalog => (catalog ??= scan(memory));
  const find = (name: string): Entry | undefined => current().entries.get(keyOf(name));
  const dataOf = (entry: Entry): string =>
    (entry.data ??= memory.read(entry.at + HEADER_BYTES, entry.sizeBytes));
  /** Whatever is cut off in the middle must be read anew. */
  const program = (at: number, bytes: Uint8Array): void => {
    const before = catalog;
    catalog = null;
    memory.program(at, bytes);
    catalog = before?.isRegular ? before : null;
  };
  const programWords = (at: number, data: string): void => {
    const from = at - (at % 4);
    const bytes = fromLatin1(memory.read(from, aligned(at + data.length) - from));
    bytes.set(fromLatin1(data), at - from);
    program(from, bytes);
  };
  const erasing = <T>(fn: () => T): T => {
    const before = memory.eraseCount;
    catalog = null;
    try {
      return fn();
    } finally {
      if (memory.eraseCount > before) host?.erased(memory.eraseCount - before);
    }
  };
  const compact = (): boolean => erasing(() => compactFlash(memory, (text) => host?.print(text)));

  const discard = (name: string, entry: Entry): void => {
    program(entry.at + 4, new Uint8Array(4));
    if (!catalog) return;
    const bytes = footprint(entry.sizeBytes);
    catalog.entries.delete(keyOf(name));
    catalog.fileBytes -= bytes;
    catalog.fileCount--;
    catalog.trashBytes += bytes;
    catalog.trashCount++;
  };
  const roomFor = (bytes: number): number | null => {
    const { isRegular, endAt } = current();
    if (isRegular && memory.totalBytes - endAt >= bytes) return endAt;
    const room = findRoom(memory, bytes);
    if (room.at !== null || !room.isTrashEnough || !compact()) return room.at;
    return findRoom(memory, bytes).at;
  };
  const create = (name: string, sizeBytes: number, flags: number): Entry => {
    const key = keyOf(name);
    const bytes = footprint(sizeBytes);
    const at = isFull ? null : roomFor(bytes);
    if (at === null) throw new FlashError("Unable to find or create file");
    program(at, headerBytes(sizeBytes, flags, key));
    const entry = { at, sizeBytes, flags };
    if (catalog && !isTrash(key)) {
      catalog.entries.set(key, entry);
      catalog.fileBytes += bytes;
      catalog.fileCount++;
      catalog.endAt = at + bytes;
    } else {
      catalog = null;
    }
    return entry;
  };

  return {
    memory,
    address,
    read: (name) => {
      const entry = find(name);
      return entry && dataOf(entry);
    },
    write: (name, data, offset = 0, { sizeBytes = 0, isLineFile = false } = {}) => {
      if (offset < 0 || sizeBytes < 0) return false;
      const size = sizeBytes > 0 ? sizeBytes : data.length;
      const flags = isLineFile ? LINE_FILE : 0;
      if (size === 0) throw new FlashError("Can't create zero length file");
      let entry = find(name);
      const isSame = entry?.flags === flags && entry.sizeBytes === size;
      if (
        offset === 0 &&
        !(entry && isSame && memory.isErased(entry.at + HEADER_BYTES, entry.sizeBytes))
      ) {
        if (entry && isSame && dataOf(entry) === data) return true;
        if (entry) discard(name, entry);
        entry = create(name, size, flags);
      }
      if (!entry) throw new FlashError("Unable to find or create file");
      const at = entry.at + HEADER_BYTES + offset;
      if (offset + data.length > entry.sizeBytes) {
        throw new FlashError("Too much data for file size");
      }
      if (!memory.isErased(at, data.length)) {
        throw new FlashError("File already written with different data");
      }
      programWords(at, data);
      entry.data = data.length === entry.sizeBytes ? data : undefined;
      return true;
    },
    program: (name, offset, data) => {
      const entry = find(name);
      if (!entry || data === "") return;
      entry.data = undefined;
      programWords(entry.at + HEADER_BYTES + offset, data);
    },
    erase: (name) => {
      const entry = find(name);
      if (entry) discard(name, entry);
      return entry !== undefined;
    },
    eraseAll: () => erasing(() => eraseFlash(memory)),
    list: () => filesOf(current()).map((file) => file.name),
    files: () => filesOf(current()),
    compact,
    stats: () => {
      const { fileBytes, fileCount, trashBytes, trashCount, endAt } = current();
      const { totalBytes } = memory;
      const freeBytes = isFull ? 0 : totalBytes - endAt;
      return { totalBytes, freeBytes, fileBytes, fileCount, trashBytes, trashCount };
    },
    check: () => {
      if (isStorageValid(memory)) return;
      host?.print("Storage is corrupt.\nErasing Storage Area...\n");
      erasing(() => eraseFlash(memory));
      host?.print("Erase complete.\n");
    },
    wear: memory.wear,
    image: memory.image,
    copy: () => {
      const { entries, ...rest } = current();
      const copies = new Map([...entries].map(([key, entry]) => [key, { ...entry }] as const));
      return onMemory(memory.copy(), address, { ...rest, entries: copies });
    },
    setFull: (value) => {
      isFull = value;
    },
    direct: (fn) => erasing(() => fn(memory)),
    cutAfter: memory.cutAfter,
    powerUp: memory.powerUp,
    attach: (next) => {
      host = next;
    },
  };
}
