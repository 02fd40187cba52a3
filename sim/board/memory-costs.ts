// SPDX-License-Identifier: MIT
// What things take on the interpreter, in its variables of 14 bytes; measured there as differences
// of process.memory().usage over many copies.
// Not for: what a script has of them (memory-code.ts, memory-heap.ts).

/** Bytes of text in a variable behind the first, which holds 9. */
const TEXT_BYTES = 10;
const FIRST_TEXT_BYTES = 9;
/** The same of a block of bytes in one piece. */
const FLAT_BYTES = 14;

/** Variables of a text of so many bytes. */
export function textVars(bytes: number): number {
  return 1 + Math.max(0, Math.ceil((bytes - FIRST_TEXT_BYTES) / TEXT_BYTES));
}

/** Bytes of text that fit into so many free variables. */
export function textBytesIn(vars: number): number {
  return Math.max(0, Math.floor(vars) * TEXT_BYTES);
}

/** A name with its slot: of a member, a variable or a parameter. */
export function nameVars(name: string): number {
  return 1 + Math.max(0, Math.ceil((name.length - 4) / TEXT_BYTES));
}

/** A number as the value of a named slot: small whole ones are in the slot itself. */
export function numberVars(value: number): number {
  return Number.isInteger(value) && value >= -8192 && value <= 8191 ? 0 : 1;
}

/** A typed array with a buffer of its own. */
export function bytesVars(bytes: number): number {
  if (bytes <= FIRST_TEXT_BYTES) return 3;
  return bytes < 20 ? 4 : 3 + Math.ceil(bytes / FLAT_BYTES);
}

/** Things of a fixed size. */
export const VARS = {
  /** The interpreter itself after start: its root, its lists, what an idle console needs. */
  idle: 45,
  object: 1,
  /** Of an object with a prototype other than that of plain objects. */
  prototypeLink: 2,
  date: 5,
  regex: 8,
  error: 35,
  functionObject: 1,
  /** The hidden member with the code of a function, and a pointer to code in flash. */
  codeName: 1,
  flashCode: 1,
  /** The hidden member with the scopes of a function that is no member of the program itself. */
  scopeLink: 1,
  /** The list of scopes when there are several; one more for each. */
  scopeList: 1,
  scope: 2,
  class: 6,
  classExtends: 6,
  /** A timer with its record; callback and arguments are counted where they are made. */
  timer: 6,
  /** A socket with its options, listeners and state. */
  socket: 14,
} as const;
