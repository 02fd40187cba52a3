// SPDX-License-Identifier: MIT
// What the interpreter takes for bytes: strings, numbers, arrays, buffers, {data,count} and
// {callback}, nested. Also strings of bytes, which is what every string on a board is.
import { types } from "node:util";

const TOO_MANY = 1 << 24;

/** Thrown for a value that holds no bytes; the realm turns it into its own TypeError. */
export class NotBytes extends Error {}

/** The same bytes with a Buffer's methods. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** One character per byte. */
export function latin1(bytes: Uint8Array): string {
  return asBuffer(bytes).toString("latin1");
}

/** The low byte of each character. */
export function fromLatin1(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "latin1"));
}

/** Text of a UTF-8 source as the interpreter holds it. */
export function utf8AsBytes(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}

/** Appends the bytes of a value, in one piece or many, to `parts`. */
function collect(value: unknown, parts: Uint8Array[], describe: (value: unknown) => string): void {
  if (typeof value === "string") parts.push(Buffer.from(value, "latin1"));
  else if (typeof value === "number" || typeof value === "boolean") {
    parts.push(Uint8Array.of(Number(value) & 255));
  } else if (Array.isArray(value)) {
    for (const item of value) collect(item, parts, describe);
  } else if (types.isArrayBuffer(value)) {
    parts.push(Buffer.from(value));
  } else if (types.isUint8Array(value)) {
    parts.push(asBuffer(value));
  } else if (ArrayBuffer.isView(value)) {
    parts.push(Uint8Array.from(value as Uint8Array, (element) => element & 255));
  } else if (typeof value === "object" && value !== null) {
    const { data, count, callback } = value as {
      data?: unknown;
      count?: unknown;
      callback?: unknown;
    };
    if (typeof callback === "function") collect(callback(), parts, describe);
    else if (data !== undefined && Number(count) < TOO_MANY) {
      for (let i = 0; i < Number(count); i++) collect(data, parts, describe);
    } else {
      throw new NotBytes(
        "If specifying an object, it must be of the form {data : ..., count : N} or " +
          `{callback : fn} - got ${describe(value)}`,
      );
    }
  } else {
    throw new NotBytes(`Expecting Number or iterable, got ${describe(value)}`);
  }
}

/**
 * Collects the bytes of a value in the way of `E.toString`.
 *
 * @param describe writes a value for the error text
 * @returns bytes to read at once: they may be those of the value itself
 * @throws NotBytes with the interpreter's text
 */
export function bytesOf(value: unknown, describe: (value: unknown) => string): Uint8Array {
  // What most are, without a list of parts.
  if (typeof value === "string") return Buffer.from(value, "latin1");
  if (types.isUint8Array(value)) return value;
  if (types.isArrayBuffer(value)) return new Uint8Array(value);
  const parts: Uint8Array[] = [];
  collect(value, parts, describe);
  if (parts.length === 1) return parts[0] as Uint8Array;
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
