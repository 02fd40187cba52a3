// SPDX-License-Identifier: MIT
// What updates need of the interpreter: which slot the loader started, and room in Storage.
//
// The interpreter compacts Storage by itself in the middle of a write that finds no room, and moves
// the code that runs from it. Measured on 2v29: with mapped flash, as on the ESP32, functions go on at
// their old addresses, where something else is then; with unmapped flash they go along, but the
// erasing of the running file kills them. So it is done at the start of the program, long before.

// Text is run as well; functions run from flash, text does not.
declare function setTimeout(code: string, delayMs: number): void;

/** Least free bytes to go on with: an update, and what is written until the next start. */
const FREE_BYTES = 98304;

/** Least trash that is worth it, bytes: one compaction never leads to another. */
const TRASH_BYTES = 32768;

/** Tells which file the loader has started, see wire/slots.ts; undefined without the loader. */
export function runningSlot(): string | undefined {
  return (global as unknown as { slot?: string })["slot"];
}

/**
 * Compacts Storage and starts the board anew, from the idle loop and as text in RAM, if that is due.
 * It blocks for seconds, and a power cut meanwhile can cost all files: docs/decisions/0031.
 *
 * @returns true when it will; then nothing else may be started
 */
export function compactStorage(): boolean {
  const storage = require("Storage");
  if (storage.getFree() > FREE_BYTES || storage.getStats().trashBytes < TRASH_BYTES) return false;
  setTimeout("require('Storage').compact();load()", 0);
  return true;
}
