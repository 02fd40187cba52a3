// SPDX-License-Identifier: MIT
// The few numbers that a restart and a power cut must not lose, in two pages of the flash beside the
// store. Each save writes all of them as one more record and reads it back; a page is erased when
// the other is full. Whatever byte the power goes at, the numbers of the last save that returned are
// there at the next start, or those of the one that was cut.
//
//   page 8  | 128 | 129 | 130 | ... | 191 |      records by serial number
//   page 9  | 192 | 193 | torn | 195 | erased    the newest whole one counts
import { isRecord, readNumbers, writeRecord } from "./record.ts";
import type { Failure, Runtime } from "./runtime.ts";
import { FLASH_PAGE_BYTES } from "../platform/board.ts";

/** Where the two pages begin, behind the ring of services/outbox.ts. */
export const PERSIST_AT = 8 * FLASH_PAGE_BYTES;

/** Bytes of a record. */
export const RECORD_BYTES = 64;

// Records of a page; the serial number of the first one.
const PER_PAGE = FLASH_PAGE_BYTES / RECORD_BYTES;
const FIRST = 2 * PER_PAGE;

// What is kept, by place; 0: nothing yet. The first number is the record's own.
/** Number of the last start. */
export const BOOT_COUNT = 1;
/** The last synced time, epoch ms: no time before it is believed. */
export const FLOOR_MS = 2;
/** When the newest command was issued that was obeyed, epoch s. */
export const COMMAND_IAT = 3;
/** Why the board is about to start anew: place in RESETS; 0: nobody has planned it. */
export const RESET = 4;
/** The last time known, epoch ms, whoever said it; 0: FLOOR_MS is. */
export const KNOWN_MS = 5;
/** Starts of a configuration on trial: see config-store.ts. */
export const TRIAL = 6;

function addressOf(serial: number): number {
  return PERSIST_AT + (serial % FIRST) * RECORD_BYTES;
}

/** Reads what was saved last; on a new board zeros. Change the numbers, then {@link persist} them. */
export function restore(rt: Runtime): number[] {
  let newest = [FIRST - 1, 0, 0, 0, 0, 0, 0];
  for (let first = 0; rt.flashRead && first < FIRST; first += PER_PAGE) {
    const page = new Float64Array(rt.flashRead(addressOf(first), FLASH_PAGE_BYTES).buffer);
    // Downwards, because the newest of a page is its last.
    for (let i = PER_PAGE; i--;)
      if ((page[i * 8] as number) > (newest[0] as number)) {
        const record = readNumbers(rt, addressOf(first + i), RECORD_BYTES);
        if (isRecord(rt, record, "")) newest = [].slice.call(record, 0, -1);
      }
  }
  return newest;
}

/** Saves the numbers. Fails with E_STORE when the board has no such flash, or one that is worn out. */
export function persist(rt: Runtime, numbers: number[]): Failure | undefined {
  // A place that a power cut left half written is passed over.
  for (let tries = 0; rt.flashErase && tries < PER_PAGE; tries++) {
    const serial = ++(numbers[0] as number);
    const at = addressOf(serial);
    if (serial % PER_PAGE === 0) rt.flashErase(at);
    writeRecord(rt, at, new Float64Array(numbers.concat(0)), "");
    if (isRecord(rt, readNumbers(rt, at, RECORD_BYTES), "")) return undefined;
  }
  return "E_STORE flash=" + (rt.flashErase ? "worn" : "none");
}
