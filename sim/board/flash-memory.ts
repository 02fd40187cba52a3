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
  /** A chip with the same bytes and no wear; both can be used on. Options as for a new one. */
  copy(poweredWith?: FlashMemory): FlashMemory;
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
  /** Another part of the same chip: what is written there counts for its power cut, and here. */
  poweredWith?: FlashMemory | undefined;
}

/** The power of a chip. */
interface Power {
  isOn: boolean;
  cut: { bytesLeft: number; onCut: () => void } | null;
}

/** Creates a chip, erased unless an image is given. */
export function createFlashMemory(options: FlashMemoryOptions): FlashMemory {
  const { totalBytes, pageBytes, image, poweredWith } = options;
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
  return new PagedMemory(totalBytes, pageBytes, pages, poweredWith);
}

// A class, because there is one for each of ten thousand boards: its functions are made once.
class PagedMemory implements FlashMemory {
  readonly totalBytes: number;
  readonly pageBytes: number;
  eraseCount = 0;
  private readonly pages: Map<number, Page>;
  private readonly pageErases: number[] = [];
  private bytesProgrammed = 0;
  private readonly power: Power;

  constructor(
    totalBytes: number,
    pageBytes: number,
    pages: Map<number, Page>,
    poweredWith: FlashMemory | undefined,
  ) {
    this.totalBytes = totalBytes;
    this.pageBytes = pageBytes;
    this.pages = pages;
    this.power = poweredWith instanceof PagedMemory ? poweredWith.power : { isOn: true, cut: null };
  }

  read(at: number, lengthBytes: number): string {
    let data = "";
    this.walk(at, lengthBytes, (page, from, to) => {
      const bytes = this.pages.get(page)?.bytes;
      data += bytes ? latin1(bytes.subarray(from, to)) : "\xff".repeat(to - from);
      return true;
    });
    return data;
  }

  word(at: number): number {
    let word = 0;
    for (let i = 3; i >= 0; i--) word = word * 256 + this.byteAt(at + i);
    return word;
  }

  isErased(at: number, lengthBytes: number): boolean {
    let isErased = true;
    this.walk(at, lengthBytes, (page, from, to) => {
      const bytes = this.pages.get(page)?.bytes;
      isErased = !bytes || bytes.subarray(from, to).every((byte) => byte === 0xff);
      return isErased;
    });
    return isErased;
  }

  program(at: number, data: Uint8Array): void {
    const count = this.granted(data.length);
    let done = 0;
    this.walk(at, count, (page, from, to) => {
      const bytes = this.pageToWrite(page);
      for (let i = from; i < to; i++) bytes[i] = (bytes[i] as number) & (data[done++] as number);
      return true;
    });
    this.bytesProgrammed += count;
    this.spend(count);
  }

  erasePage(page: number): void {
    const count = this.granted(this.pageBytes);
    if (count === this.pageBytes) this.pages.delete(page);
    else if (count > 0) this.pageToWrite(page).fill(0xff, 0, count);
    const { pageErases } = this;
    while (pageErases.length <= page) pageErases.push(0);
    pageErases[page] = (pageErases[page] as number) + 1;
    this.eraseCount++;
    this.spend(count);
  }

  wear(): FlashWear {
    return {
      pageErases: [...this.pageErases],
      total: this.eraseCount,
      max: this.pageErases.reduce((most, n) => Math.max(most, n), 0),
      bytesProgrammed: this.bytesProgrammed,
    };
  }

  image(): Uint8Array {
    return fromLatin1(this.read(0, this.totalBytes));
  }

  copy(poweredWith?: FlashMemory): FlashMemory {
    for (const page of this.pages.values()) page.isShared = true;
    return new PagedMemory(this.totalBytes, this.pageBytes, new Map(this.pages), poweredWith);
  }

  cutAfter(bytes: number, onCut: () => void): void {
    this.power.cut = { bytesLeft: Math.max(0, bytes), onCut };
  }

  powerUp(): void {
    this.power.isOn = true;
  }

  private byteAt(at: number): number {
    return this.pages.get(Math.floor(at / this.pageBytes))?.bytes[at % this.pageBytes] ?? 0xff;
  }

  private pageToWrite(index: number): Uint8Array {
    let page = this.pages.get(index);
    if (!page || page.isShared) {
      const bytes = page ? page.bytes.slice() : new Uint8Array(this.pageBytes).fill(0xff);
      page = { bytes, isShared: false };
      this.pages.set(index, page);
    }
    return page.bytes;
  }

  /** How many of so many bytes get written before the power goes. */
  private granted(bytes: number): number {
    const { isOn, cut } = this.power;
    if (!isOn) throw new Abort("power-off");
    return cut ? Math.min(bytes, cut.bytesLeft) : bytes;
  }

  private spend(bytes: number): void {
    const { cut } = this.power;
    if (!cut) return;
    cut.bytesLeft -= bytes;
    if (cut.bytesLeft > 0) return;
    this.power.cut = null;
    this.power.isOn = false;
    cut.onCut();
    throw new Abort("power-off");
  }

  /** Calls `fn` for each page's part of a range until it returns false. */
  private walk(
    at: number,
    lengthBytes: number,
    fn: (page: number, from: number, to: number) => boolean,
  ): void {
    const end = Math.min(at + lengthBytes, this.totalBytes);
    for (let next = at; next < end;) {
      const page = Math.floor(next / this.pageBytes);
      const to = Math.min(end, (page + 1) * this.pageBytes);
      if (!fn(page, next - page * this.pageBytes, to - page * this.pageBytes)) return;
      next = to;
    }
  }
}
