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
import { copyOf, filesOf, footprint, keyOf, scan } from "./flash-catalog.ts";
import type { Catalog, Entry, FlashFile } from "./flash-catalog.ts";
import { compactFlash, eraseFlash } from "./flash-compact.ts";
import {
  HEADER_BYTES,
  LINE_FILE,
  aligned,
  findRoom,
  headerBytes,
  isStorageValid,
  isTrash,
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
  /**
   * Writes to the chip past the files, which are read anew then.
   *
   * @param part `memory` unless given, or `spare`
   * @throws Abort as the chip does
   */
  direct(fn: (chip: FlashMemory) => void, part?: FlashMemory): void;
  /** The chip itself, and where the processor sees its first byte. */
  readonly memory: FlashMemory;
  readonly address: number;
  /** The part of it beside the files, for programs; where it is seen. No bytes: there is none. */
  readonly spare: FlashMemory;
  readonly spareAddress: number;
}

/** What a flash is made of. */
export interface FlashOptions {
  /** 896 KB unless given. */
  totalBytes?: number;
  /** 4 KB unless given. */
  pageBytes?: number;
  /** Where the processor sees the first byte; that of an ESP32 unless given. */
  address?: number;
  /** Bytes beside the files, and where the processor sees the first; none unless given. */
  spareBytes?: number;
  spareAddress?: number;
  /** Bytes of an image, such as the interpreter's `espruino.flash`; erased unless given. */
  image?: Uint8Array;
}

/** Creates a store, empty unless an image is given. */
export function createFlash(options: FlashOptions = {}): Flash {
  const { totalBytes = 896 * 1024, pageBytes = 4096, address = 0x320000, image } = options;
  const { spareBytes = 0, spareAddress = 0 } = options;
  const memory = createFlashMemory({ totalBytes, pageBytes, image });
  const spare = createFlashMemory({ totalBytes: spareBytes, pageBytes, poweredWith: memory });
  return new Store(memory, address, spare, spareAddress, null);
}

// A class, because there is one for each of ten thousand boards: its functions are made once.
class Store implements Flash {
  readonly memory: FlashMemory;
  readonly address: number;
  readonly spare: FlashMemory;
  readonly spareAddress: number;
  private catalog: Catalog | null;
  private isFull = false;
  private host: FlashHost | null = null;

  constructor(
    memory: FlashMemory,
    address: number,
    spare: FlashMemory,
    spareAddress: number,
    known: Catalog | null,
  ) {
    this.memory = memory;
    this.address = address;
    this.spare = spare;
    this.spareAddress = spareAddress;
    this.catalog = known;
  }

  read(name: string): string | undefined {
    const entry = this.find(name);
    return entry && this.dataOf(entry);
  }

  write(name: string, data: string, offset = 0, options: WriteOptions = {}): boolean {
    const { sizeBytes = 0, isLineFile = false } = options;
    if (offset < 0 || sizeBytes < 0) return false;
    const size = sizeBytes > 0 ? sizeBytes : data.length;
    if (size === 0) throw new FlashError("Can't create zero length file");
    const flags = isLineFile ? LINE_FILE : 0;
    let entry = this.find(name);
    if (offset === 0 && !this.isBlank(entry, size, flags)) {
      const isSame = entry?.sizeBytes === size && entry.flags === flags;
      if (entry && isSame && this.dataOf(entry) === data) return true;
      if (entry) this.discard(name, entry);
      entry = this.create(name, size, flags);
    }
    if (!entry) throw new FlashError("Unable to find or create file");
    const at = entry.at + HEADER_BYTES + offset;
    if (offset + data.length > entry.sizeBytes) {
      throw new FlashError("Too much data for file size");
    }
    if (!this.memory.isErased(at, data.length)) {
      throw new FlashError("File already written with different data");
    }
    this.programWords(at, data);
    entry.data = data.length === entry.sizeBytes ? data : undefined;
    return true;
  }

  program(name: string, offset: number, data: string): void {
    const entry = this.find(name);
    if (!entry || data === "") return;
    entry.data = undefined;
    this.programWords(entry.at + HEADER_BYTES + offset, data);
  }

  erase(name: string): boolean {
    const entry = this.find(name);
    if (entry) this.discard(name, entry);
    return entry !== undefined;
  }

  eraseAll(): void {
    this.direct(eraseFlash);
  }

  list(): string[] {
    return this.files().map((file) => file.name);
  }

  files(): FlashFile[] {
    return filesOf(this.current());
  }

  compact(): boolean {
    return this.direct((memory) => compactFlash(memory, (text) => this.host?.print(text)));
  }

  stats(): FlashStats {
    const { fileBytes, fileCount, trashBytes, trashCount, endAt } = this.current();
    const { totalBytes } = this.memory;
    const freeBytes = this.isFull ? 0 : totalBytes - endAt;
    return { totalBytes, freeBytes, fileBytes, fileCount, trashBytes, trashCount };
  }

  check(): void {
    if (isStorageValid(this.memory)) return;
    this.host?.print("Storage is corrupt.\nErasing Storage Area...\n");
    this.eraseAll();
    this.host?.print("Erase complete.\n");
  }

  wear(): FlashWear {
    return this.memory.wear();
  }

  image(): Uint8Array {
    return this.memory.image();
  }

  copy(): Flash {
    const memory = this.memory.copy();
    const spare = this.spare.copy(memory);
    return new Store(memory, this.address, spare, this.spareAddress, copyOf(this.current()));
  }

  setFull(isFull: boolean): void {
    this.isFull = isFull;
  }

  direct<T>(fn: (chip: FlashMemory) => T, part = this.memory): T {
    const before = part.eraseCount;
    if (part === this.memory) this.catalog = null;
    try {
      return fn(part);
    } finally {
      if (part.eraseCount > before) this.host?.erased(part.eraseCount - before);
    }
  }

  cutAfter(bytes: number, onCut: () => void): void {
    this.memory.cutAfter(bytes, onCut);
  }

  powerUp(): void {
    this.memory.powerUp();
  }

  attach(host: FlashHost | null): void {
    this.host = host;
  }

  private current(): Catalog {
    return (this.catalog ??= scan(this.memory));
  }

  private find(name: string): Entry | undefined {
    return this.current().entries.get(keyOf(name));
  }

  private dataOf(entry: Entry): string {
    return (entry.data ??= this.memory.read(entry.at + HEADER_BYTES, entry.sizeBytes));
  }

  /** True for a file of this kind into which nothing was written yet. */
  private isBlank(entry: Entry | undefined, sizeBytes: number, flags: number): boolean {
    if (entry?.sizeBytes !== sizeBytes || entry.flags !== flags) return false;
    return this.memory.isErased(entry.at + HEADER_BYTES, sizeBytes);
  }

  /** Whatever is cut off in the middle must be read anew. */
  private programBytes(at: number, bytes: Uint8Array): void {
    const before = this.catalog;
    this.catalog = null;
    this.memory.program(at, bytes);
    this.catalog = before?.isRegular ? before : null;
  }

  private programWords(at: number, data: string): void {
    const from = at - (at % 4);
    const bytes = fromLatin1(this.memory.read(from, aligned(at + data.length) - from));
    bytes.set(fromLatin1(data), at - from);
    this.programBytes(from, bytes);
  }

  private discard(name: string, entry: Entry): void {
    this.programBytes(entry.at + 4, new Uint8Array(4));
    const { catalog } = this;
    if (!catalog) return;
    const bytes = footprint(entry.sizeBytes);
    catalog.entries.delete(keyOf(name));
    catalog.fileBytes -= bytes;
    catalog.fileCount--;
    catalog.trashBytes += bytes;
    catalog.trashCount++;
  }

  private roomFor(bytes: number): number | null {
    const { isRegular, endAt } = this.current();
    if (isRegular && this.memory.totalBytes - endAt >= bytes) return endAt;
    const room = findRoom(this.memory, bytes);
    if (room.at !== null || !room.isTrashEnough || !this.compact()) return room.at;
    return findRoom(this.memory, bytes).at;
  }

  private create(name: string, sizeBytes: number, flags: number): Entry {
    const key = keyOf(name);
    const bytes = footprint(sizeBytes);
    const at = this.isFull ? null : this.roomFor(bytes);
    if (at === null) throw new FlashError("Unable to find or create file");
    this.programBytes(at, headerBytes(sizeBytes, flags, key));
    const entry = { at, sizeBytes, flags };
    const { catalog } = this;
    if (catalog && !isTrash(key)) {
      catalog.entries.set(key, entry);
      catalog.fileBytes += bytes;
      catalog.fileCount++;
      catalog.endAt = at + bytes;
    } else {
      this.catalog = null;
    }
    return entry;
  }
}
