// SPDX-License-Identifier: MIT
// The flash chip: pages of bytes in which programming only clears bits and erasing sets all of a
// page. It counts what it goes through, and the power can go at any byte of it.
// Pages that were never programmed take no memory, and copies share pages until one of them writes:
// ten thousand boards with the same files hold those once.
// Not for: files (flash.ts).
import { Abort } from "./abort.ts";
import { fromLatin1, latin1 } from "./bytes.ts";

/** What a flash has gone through. */
export interface FlashWear {
  /** Erases by page, from page 0; pages behind the last that was erased are left out. */
  pageErases: readonly number[];
  /** Erases of all pages, and of the page that has most. */
  total: number;
  max: number;
  bytesProgrammed: number;
}

/** The bytes of one flash chip. */
export interface FlashMemory {
  readonly totalBytes: number;
  readonly pageBytes: number;
  /** Bytes, one per character; what is outside reads as 0xFF. */
  read(at: number, lengthBytes: number): string;
  /** An unsigned 32-bit word, little-endian. */
  word(at: number): number;
  /** True when all bytes of a range are 0xFF. */
  isErased(at: number, lengthBytes: number): boolean;
  /** Clears the bits that are 0 in the data. @throws Abort when the power goes or is gone */
  program(at: number, data: Uint8Array): void;
  /** Sets all bits of a page. @throws Abort when the power goes or is gone */
  erasePage(page: number): void;
  wear(): FlashWear;
  /** Erases since the chip was made; cheap. */
  readonly eraseCount: number;
  /** A copy of all bytes. */
  image(): Uint8Array;
  /** A chip with the same bytes and no wear; both can be used on. */
  copy(): FlashMemory;
  /**
   * Lets the power go when exactly so many more bytes have been programmed; an erase counts as the
   * bytes of its page, and one that is cut has set those from the page's start on. (On a real chip
   * the rest of such a page is undefined.) From then on nothing is written until `powerUp`.
   *
   * @param onCut called at that moment
   */
  cutAfter(bytes: number, onCut: () => void): void;
  /** The power is back; without a cut no effect. An armed cut stays armed. */
  powerUp(): void;
}

interface Page {
  bytes: Uint8Array;
  /** True when another chip may hold the very same page. */
  isShared: boolean;
}

/** What a flash chip can be made from. */
export interface FlashMemoryOptions {
  totalBytes: number;
  pageBytes: number;
  /** Bytes from address 0 on; the rest is erased. */
  image?: Uint8Array | undefined;
}

/** Creates a chip, erased unless an image is given. */
export function createFlashMemory(options: FlashMemoryOptions): FlashMemory {
  const { totalBytes, pageBytes, image } = options;
  const pages = new Map<number, Page>();
  if (image) {
    for (let at = 0; at < Math.min(image.length, totalBytes); at += pageBytes) {
      const part = image.subarray(at, at + pageBytes);
      if (part.every((byte) => byte === 0xff)) continue;
      const bytes = new Uint8Array(pageBytes).fill(0xff);
      bytes.set(part);
      pages.set(at / pageBytes, { bytes, isShared: false });
    }
  }
  return onPages(options, pages);
}

function onPages(options: FlashMemoryOptions, pages: Map<number, Page>): FlashMemory {
  const { totalBytes, pageBytes } = options;
  const pageErases: number[] = [];
  let eraseCount = 0;
  let bytesProgrammed = 0;
  let isPowered = true;
  let cut: { bytesLeft: number; onCut: () => void } | null = null;

  const pageToWrite = (index: number): Uint8Array => {
    let page = pages.get(index);
    if (!page) {
      page = { bytes: new Uint8Array(pageBytes).fill(0xff), isShared: false };
      pages.set(index, page);
    } else if (page.isShared) {
      page = { bytes: page.bytes.slice(), isShared: false };
      pages.set(index, page);
    }
    return page.bytes;
  };
  /** How many of so many bytes get written before the power goes. */
  const granted = (bytes: number): number => {
    if (!isPowered) throw new Abort("power-off");
    return cut ? Math.min(bytes, cut.bytesLeft) : bytes;
  };
  const spend = (bytes: number): void => {
    if (!cut) return;
    cut.bytesLeft -= bytes;
    if (cut.bytesLeft > 0) return;
    const { onCut } = cut;
    cut = null;
    isPowered = false;
    onCut();
    throw new Abort("power-off");
  };
  const byteAt = (at: number): number =>
    pages.get(Math.floor(at / pageBytes))?.bytes[at % pageBytes] ?? 0xff;
  /** Calls `fn` for each page's part of a range until it returns false. */
  const walk = (
    at: number,
    lengthBytes: number,
    fn: (page: number, from: number, to: number) => boolean,
  ): void => {
    const end = Math.min(at + lengthBytes, totalBytes);
    for (let next = at; next < end;) {
      const page = Math.floor(next / pageBytes);
      const to = Math.min(end, (page + 1) * pageBytes);
      if (!fn(page, next - page * pageBytes, to - page * pageBytes)) return;
      next = to;
    }
  };

  const read: FlashMemory["read"] = (at, lengthBytes) => {
    let data = "";
    walk(at, lengthBytes, (page, from, to) => {
      const bytes = pages.get(page)?.bytes;
      data += bytes ? latin1(bytes.subarray(from, to)) : "\xff".repeat(to - from);
      return true;
    });
    return data;
  };

  return {
    totalBytes,
    pageBytes,
    get eraseCount() {
      return eraseCount;
    },
    read,
    word: (at) => {
      let word = 0;
      for (let i = 3; i >= 0; i--) word = word * 256 + byteAt(at + i);
      return word;
    },
    isErased: (at, lengthBytes) => {
      let isErased = true;
      walk(at, lengthBytes, (page, from, to) => {
        const bytes = pages.get(page)?.bytes;
        isErased = !bytes || bytes.subarray(from, to).every((byte) => byte === 0xff);
        return isErased;
      });
      return isErased;
    },
    program: (at, data) => {
      const count = granted(data.length);
      let done = 0;
      walk(at, count, (page, from, to) => {
        const bytes = pageToWrite(page);
        for (let i = from; i < to; i++) bytes[i] = (bytes[i] as number) & (data[done++] as number);
        return true;
      });
      bytesProgrammed += count;
      spend(count);
    },
    erasePage: (page) => {
      const count = granted(pageBytes);
      if (count === pageBytes) pages.delete(page);
      else if (count > 0) pageToWrite(page).fill(0xff, 0, count);
      while (pageErases.length <= page) pageErases.push(0);
      pageErases[page] = (pageErases[page] as number) + 1;
      eraseCount++;
      spend(count);
    },
    wear: () => ({
      pageErases: [...pageErases],
      total: eraseCount,
      max: pageErases.reduce((most, n) => Math.max(most, n), 0),
      bytesProgrammed,
    }),
    image: () => fromLatin1(read(0, totalBytes)),
    copy: () => {
      for (const page of pages.values()) page.isShared = true;
      return onPages(options, new Map(pages));
    },
    cutAfter: (bytes, onCut) => {
      cut = { bytesLeft: Math.max(0, bytes), onCut };
    },
    powerUp: () => {
      isPowered = true;
    },
  };
}
