// SPDX-License-Identifier: MIT
// What WebSocket needs of the interpreter: SHA-1 for its handshake, and masking. Apart from the board
// itself, because entries without WebSocket do not pay for it.
import type { Board } from "./board.ts";

function mask(bytes: string): string {
  const words = new Uint32Array([E.hwRand()]);
  const key = E.toString(words.buffer);
  const width = bytes.length;
  if (!width) return key;
  if (typeof Graphics === "undefined") {
    // `E.toString` makes a string of its own, so the array is no alias of the caller's. Not by
    // E.mapInPlace, which takes all words of 32 bits for 0 (2v29).
    const data = new Uint32Array(E.toArrayBuffer(E.toString(bytes, "\0\0\0")), 0, (width + 3) >> 2);
    const word = words[0] as number;
    return key + E.toString(data.map((value) => value ^ word).buffer).slice(0, width);
  }
  // Pixels are combined natively: a picture of the bytes, and over it the key as a tile. 722,000
  // instructions for 256 bytes, a loop over words takes 2,550,000 (x86, 2v29).
  const picture = Graphics.createArrayBuffer(width, 1, 8);
  picture.drawImages([
    { x: 0, y: 0, image: { width, height: 1, bpp: 8, buffer: bytes } },
    { x: 0, y: 0, image: "\x04\x01\b" + key, repeat: true, compose: "xor" },
  ]);
  return key + E.toString(picture.buffer);
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
