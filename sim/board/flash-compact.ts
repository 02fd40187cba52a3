// SPDX-License-Identifier: MIT
// How the interpreter gets rid of trash: files behind the first trash move forward, through a
// buffer of one page, and each page is erased just before it is written anew. A power cut in the
// middle therefore loses what was in the buffer.
import { fromLatin1 } from "./bytes.ts";
import {
  HEADER_BYTES,
  aligned,
  headerAt,
  headers,
  isRealFile,
  isTrash,
  nextHeader,
  nextPageAt,
} from "./flash-layout.ts";
import type { Header } from "./flash-layout.ts";
import type { FlashMemory } from "./flash-memory.ts";

/** Bytes of progress for each turn of the bar that the console shows. */
const PROGRESS_BYTES = 1 << 14;
const BAR = "/-\\|";

/** Start of the first page that begins with a header and has trash; null without trash. */
function firstPageWithTrash(memory: FlashMemory): number | null {
  let pageAt = 0;
  for (const header of headers(memory)) {
    if (header.at % memory.pageBytes === 0) pageAt = header.at;
    if (isTrash(header.name)) return pageAt;
  }
  return null;
}

/** What is read ahead of what is written. */
function createMover(
  memory: FlashMemory,
  from: number,
): {
  add(data: string, readAt: number): void;
  /** Where the next byte goes. */
  readonly writeAt: number;
} {
  const pieces: Uint8Array[] = [];
  let writeAt = from;
  return {
    get writeAt() {
      return writeAt;
    },
    add: (data, readAt) => {
      if (data !== "") pieces.push(fromLatin1(data));
      while (pieces.length > 0) {
        const piece = pieces[0] as Uint8Array;
        const pageEnd = nextPageAt(memory, writeAt) ?? memory.totalBytes;
        // What stands in the page has not been read yet.
        if (readAt < pageEnd) return;
        if (writeAt % memory.pageBytes === 0) memory.erasePage(writeAt / memory.pageBytes);
        const part = piece.subarray(0, pageEnd - writeAt);
        memory.program(writeAt, part);
        writeAt += part.length;
        if (part.length === piece.length) pieces.shift();
        else pieces[0] = piece.subarray(part.length);
      }
    },
  };
}

/**
 * Compacts the files of a flash.
 *
 * @param print gets what the interpreter says meanwhile; nothing when there is no trash
 * @returns true when there was some
 */
export function compactFlash(memory: FlashMemory, print: (text: string) => void): boolean {
  const start = firstPageWithTrash(memory);
  if (start === null) return false;
  print("Compacting... ");
  const { totalBytes, pageBytes } = memory;
  const mover = createMover(memory, start);
  let progress = 0;
  let endAt: number | null = start;
  let header: Header | null = headerAt(memory, start);
  while (header?.isValid) {
    if (isRealFile(header.name, header.flags)) {
      const dataAt = header.at + HEADER_BYTES;
      mover.add(memory.read(header.at, HEADER_BYTES), dataAt);
      const dataEnd = dataAt + aligned(header.sizeBytes);
      for (let at = dataAt; at < dataEnd;) {
        const end = Math.min(dataEnd, (Math.floor(at / pageBytes) + 1) * pageBytes);
        mover.add(memory.read(at, end - at), end);
        at = end;
      }
      const done = Math.floor((header.at - start) / PROGRESS_BYTES);
      if (done !== progress) print(`\b${BAR[done & 3]}`);
      progress = done;
    }
    header = nextHeader(memory, header, "skip");
    endAt = header?.at ?? null;
  }
  mover.add("", totalBytes);
  const { writeAt } = mover;
  const eraseFrom = writeAt === start ? start : nextPageAt(memory, writeAt - 1);
  const eraseTo = endAt ?? totalBytes;
  for (let at = eraseFrom ?? eraseTo; at < eraseTo; at += pageBytes) {
    memory.erasePage(at / pageBytes);
  }
  print("\n");
  return true;
}

/** Erases every page. */
export function eraseFlash(memory: FlashMemory): void {
  for (let page = 0; page * memory.pageBytes < memory.totalBytes; page++) memory.erasePage(page);
}
