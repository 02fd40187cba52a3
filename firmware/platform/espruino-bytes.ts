// SPDX-License-Identifier: MIT
// What WebSocket needs of the interpreter: SHA-1 for its handshake, and masking. Apart from the board
// itself, because entries without WebSocket do not pay for it.
import type { Board } from "./board.ts";

function mask(bytes: string): string {
  const key = new Uint32Array([E.hwRand()]);
  const word = key[0] as number;
  // `E.toString` makes a string of its own, so this array is no alias of the caller's. 2.2 million
  // instructions for 256 bytes (x86, 2v29), a quarter less than by `map`. E.mapInPlace takes every
  // word of 32 bits for 0, and layers of pictures are not in the ESP32 builds.
  const text = E.toString(bytes, "\0\0\0");
  const words = new Uint32Array(E.toArrayBuffer(text), 0, (bytes.length + 3) >> 2);
  let at = 0;
  for (const value of words) words[at++] = value ^ word;
  return E.toString(key.buffer) + E.toString(words.buffer).slice(0, bytes.length);
}

/** Adds to a board what WebSocket needs, in place. Without the module `crypto` there is no SHA-1. */
export function addWebSocketBytes(board: Board): void {
  board.mask = mask;
  try {
    const digest = require("crypto").SHA1;
    if (digest)
      board.sha1 = function (bytes) {
        return E.toString(digest(bytes));
      };
  } catch {
    // ESP32_IDF4 has no such module; opening a WebSocket says so.
  }
}
