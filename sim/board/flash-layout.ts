// SPDX-License-Identifier: MIT
// How the interpreter lays files out on its flash, and how it finds its way through them, also
// where a power cut left half a header. All of it was compared with the real interpreter, byte by
// byte, on images that were cut at every place.
//
//   | size, 3 bytes | flags | name, 28 bytes, 0-padded | data, padded to 4 with 0xFF | next header
//
// - A file whose name begins with four 0 bytes is trash. There is no checksum and no mark that a
//   file is complete: one whose writing was cut off is there, with 0xFF where nothing was written.
// - The chain of headers ends at one that is invalid (erased, size 0, or reaching past the end).
//   Readers then look at the start of the next page and go on there if it has a header.
// Not for: changing anything (flash.ts, flash-compact.ts).
import { fromLatin1 } from "./bytes.ts";
import type { FlashMemory } from "./flash-memory.ts";

/** Bytes of a header. */
export const HEADER_BYTES = 32;
/** Longest file name; what is behind is cut. */
export const MAX_NAME_CHARS = 28;
/** Flag of a chunk of a line file. */
export const LINE_FILE = 64;
/** Flag of a compressed file: an image of variables. */
const COMPRESSED = 128;
const UNSET = 0xffffffff;

/** One header of the chain. */
export interface Header {
  at: number;
  sizeBytes: number;
  flags: number;
  /** All 28 bytes. */
  name: string;
  isValid: boolean;
}

/** Bytes that data takes: whole words. */
export function aligned(bytes: number): number {
  return Math.ceil(bytes / 4) * 4;
}

/** True for the name of a file that was erased or replaced. */
export function isTrash(name: string): boolean {
  return name.startsWith("\0\0\0\0");
}

/** True for a file that is listed, and kept when the store is compacted. */
export function isRealFile(name: string, flags: number): boolean {
  return !isTrash(name) && (flags === 0 || flags === LINE_FILE || flags === COMPRESSED);
}

/** Encodes a header; the name has 28 bytes. */
export function headerBytes(sizeBytes: number, flags: number, name: string): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  new DataView(bytes.buffer).setUint32(0, flags * 0x1000000 + sizeBytes, true);
  bytes.set(fromLatin1(name), 4);
  return bytes;
}

/** Text of a name: up to its first 0 byte. */
export function nameText(name: string): string {
  return name.replace(/\0[^]*$/, "");
}

/** Reads what stands at an address as a header. */
export function headerAt(memory: FlashMemory, at: number): Header {
  const word = memory.word(at);
  const sizeBytes = word % 0x1000000;
  const isValid =
    word !== UNSET && word !== 0 && at + HEADER_BYTES + sizeBytes <= memory.totalBytes;
  return { at, sizeBytes, flags: word >>> 24, name: memory.read(at + 4, MAX_NAME_CHARS), isValid };
}

/** Start of the page behind an address; null behind the last. */
export function nextPageAt(memory: FlashMemory, at: number): number | null {
  const next = (Math.floor(at / memory.pageBytes) + 1) * memory.pageBytes;
  return next < memory.totalBytes ? next : null;
}

/**
 * The header behind another one, invalid at the end of the chain.
 *
 * @param pages `skip`: when there is none, look at the start of the next page
 * @returns null when no room for a header is left
 */
export function nextHeader(
  memory: FlashMemory,
  header: Header,
  pages: "skip" | "stop",
): Header | null {
  const at = aligned(header.at + HEADER_BYTES + header.sizeBytes);
  if (at + HEADER_BYTES > memory.totalBytes) return null;
  const next = headerAt(memory, at);
  if (next.isValid || pages === "stop") return next;
  const pageAt = nextPageAt(memory, at);
  return pageAt === null ? null : headerAt(memory, pageAt);
}

/** All headers in order, those of trash too. */
export function* headers(memory: FlashMemory, from = 0): Generator<Header> {
  let header: Header | null = headerAt(memory, from);
  while (header?.isValid) {
    yield header;
    header = nextHeader(memory, header, "skip");
  }
}

/** Room from an address to the next page, or to the end when that page has no header. */
function spaceAt(memory: FlashMemory, at: number): number {
  const next = nextPageAt(memory, at);
  const isFree = next === null || !headerAt(memory, next).isValid;
  return (isFree ? memory.totalBytes : next) - at;
}

/**
 * Looks for room for a new file in the way of the interpreter: at the end of each page's chain.
 *
 * @returns where, or null with whether compacting could help
 */
export function findRoom(
  memory: FlashMemory,
  bytes: number,
): { at: number } | { at: null; isTrashEnough: boolean } {
  let space = 0;
  let at: number | null = 0;
  while (at !== null) {
    let header: Header | null = headerAt(memory, at);
    while (header?.isValid) {
      if (isTrash(header.name)) space += header.sizeBytes;
      header = nextHeader(memory, header, "stop");
    }
    if (!header) break;
    at = header.at;
    const here = spaceAt(memory, at);
    if (here >= bytes) return { at };
    space += here;
    at = nextPageAt(memory, at);
  }
  return { at: null, isTrashEnough: bytes < space };
}

/**
 * The check that the interpreter makes when it starts: false when the chain ends in something that
 * is neither erased nor the end of the flash. It then erases everything.
 */
export function isStorageValid(memory: FlashMemory): boolean {
  let last = headerAt(memory, 0);
  if (!last.isValid) return memory.isErased(0, HEADER_BYTES) && memory.isErased(0, Infinity);
  for (;;) {
    const next = nextHeader(memory, last, "skip");
    if (!next) break;
    if (!next.isValid) return memory.isErased(next.at, HEADER_BYTES);
    last = next;
  }
  // No room for a header, or what stands in the last page is none.
  const at = aligned(last.at + HEADER_BYTES + last.sizeBytes);
  return at + HEADER_BYTES > memory.totalBytes || memory.isErased(at, HEADER_BYTES);
}
