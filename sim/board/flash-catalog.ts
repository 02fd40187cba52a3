// SPDX-License-Identifier: MIT
// What is known of the files on a flash after its chain of headers was read once: so that finding a
// file, writing one behind the last and telling what is free need no further reading.
// Not for: changing anything on the flash (flash.ts).
import {
  HEADER_BYTES,
  LINE_FILE,
  MAX_NAME_CHARS,
  aligned,
  headers,
  isRealFile,
  isTrash,
  nameText,
} from "./flash-layout.ts";
import type { FlashMemory } from "./flash-memory.ts";

/** A file as listings need it. */
export interface FlashFile {
  name: string;
  /** Where its header stands, from the start of the flash. */
  at: number;
  isLineFile: boolean;
}

/** A file that can be found by its name. */
export interface Entry {
  at: number;
  sizeBytes: number;
  flags: number;
  /** Known once it was written or read; boards that run the same files share the text. */
  data?: string | undefined;
}

/** What reading the whole chain once tells; kept up to date while nothing unusual happens. */
export interface Catalog {
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

/** Name as it stands in a header. A drive letter is taken off. */
export function keyOf(name: string): string {
  const bytes = name.slice(0, MAX_NAME_CHARS).padEnd(MAX_NAME_CHARS, "\0");
  return bytes[1] === ":" ? bytes.slice(2).padEnd(MAX_NAME_CHARS, "\0") : bytes;
}

/** Bytes that a file takes, with its header. */
export function footprint(sizeBytes: number): number {
  return HEADER_BYTES + aligned(sizeBytes);
}

/** Reads the whole chain. */
export function scan(memory: FlashMemory): Catalog {
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

/** The files that are listed, in order. */
export function filesOf(catalog: Catalog): FlashFile[] {
  return [...catalog.entries]
    .filter(([key, entry]) => isRealFile(key, entry.flags))
    .map(([key, { at, flags }]) => ({ name: nameText(key), at, isLineFile: flags === LINE_FILE }));
}

/** A copy that can change by itself; texts of files stay shared. */
export function copyOf({ entries, ...rest }: Catalog): Catalog {
  const copies = new Map([...entries].map(([key, entry]) => [key, { ...entry }] as const));
  return { ...rest, entries: copies };
}
