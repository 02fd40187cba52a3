// SPDX-License-Identifier: MIT
// What the interpreter takes for bytes: strings, numbers, arrays, buffers, {data,count} and
// {callback}, nested. Also strings of bytes, which is what every string on a board is.

const TOO_MANY = 1 << 24;

/** Thrown for a value that holds no bytes; the realm turns it into its own TypeError. */
export class NotBytes extends Error {}

/** One character per byte. */
export function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

/** The low byte of each character. */
export function fromLatin1(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "latin1"));
}

/** Text of a UTF-8 source as the interpreter holds it. */
export function utf8AsBytes(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}

function isBuffer(value: unknown): value is ArrayBuffer {
  return Object.prototype.toString.call(value) === "[object ArrayBuffer]";
}

/**
 * Collects the bytes of a value in the way of `E.toString`.
 *
 * @param describe writes a value for the error text
 * @throws NotBytes with the interpreter's text
 */
export function bytesOf(value: unknown, describe: (value: unknown) => string): Uint8Array {
  const parts: Uint8Array[] = [];
  const add = (item: unknown): void => {
    if (typeof item === "string") parts.push(fromLatin1(item));
    else if (typeof item === "number" || typeof item === "boolean") {
      parts.push(Uint8Array.of(Number(item) & 255));
    } else if (Array.isArray(item)) {
      for (const inner of item) add(inner);
    } else if (isBuffer(item)) {
      parts.push(Uint8Array.from(new Uint8Array(item)));
    } else if (ArrayBuffer.isView(item)) {
      parts.push(Uint8Array.from(item as Uint8Array, (element) => element & 255));
    } else if (typeof item === "object" && item !== null) {
      const { data, count, callback } = item as {
        data?: unknown;
        count?: unknown;
        callback?: unknown;
      };
      if (typeof callback === "function") add(callback());
      else if (data !== undefined && Number(count) < TOO_MANY) {
        for (let i = 0; i < Number(count); i++) add(data);
      } else {
        throw new NotBytes(
          "If specifying an object, it must be of the form {data : ..., count : N} or " +
            `{callback : fn} - got ${describe(item)}`,
        );
      }
    } else {
      throw new NotBytes(`Expecting Number or iterable, got ${describe(item)}`);
    }
  };
  add(value);
  if (parts.length === 1) return parts[0] as Uint8Array;
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
