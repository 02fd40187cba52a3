// SPDX-License-Identifier: MIT
// Records in the flash beside the store: numbers as native bytes with a check sum of 1 to 65535 as
// the last of them. A record that the power cut while it was written does not pass the check, and
// one whose sum was overwritten with 0 is done with: neither needs a mark of its own. Two kinds,
// told by their length: small signed integers, and numbers of any kind.
import type { Runtime } from "./runtime.ts";

/** Bytes of a record of nine 16-bit integers; longer ones are of 64-bit floats. */
export const SHORT_BYTES = 18;

/** The numbers of a record, the check sum as the last. */
export type Numbers = Int16Array | Float64Array;

/** Check sum over the bytes before it and over a text that the record belongs to. */
function sumOf(rt: Runtime, numbers: Numbers, owner: string): number {
  const { buffer, length, byteLength } = numbers;
  const bytes = new Uint8Array(buffer, 0, byteLength - byteLength / length);
  return ((rt.crc32(bytes) + rt.crc32(owner)) % 32767) + 1;
}

/** Reads what stands at an address as a record of so many bytes; see {@link isRecord}. */
export function readNumbers(rt: Runtime, at: number, lengthBytes: number): Numbers {
  const buffer = (rt.flashRead as NonNullable<Runtime["flashRead"]>)(at, lengthBytes).buffer;
  return lengthBytes === SHORT_BYTES ? new Int16Array(buffer) : new Float64Array(buffer);
}

/** Whether what was read is a whole record of this owner that nobody is done with. */
export function isRecord(rt: Runtime, numbers: Numbers, owner: string): boolean {
  return numbers[numbers.length - 1] === sumOf(rt, numbers, owner);
}

/** Writes a record into erased flash. */
export function writeRecord(rt: Runtime, at: number, numbers: Numbers, owner: string): void {
  numbers[numbers.length - 1] = sumOf(rt, numbers, owner);
  (rt.flashWrite as NonNullable<Runtime["flashWrite"]>)(at, new Uint8Array(numbers.buffer));
}

/** Ends a record of 16-bit integers. */
export function endRecord(rt: Runtime, at: number): void {
  const write = rt.flashWrite as NonNullable<Runtime["flashWrite"]>;
  write(at + SHORT_BYTES - 2, new Uint8Array(2));
}
