// SPDX-License-Identifier: MIT
// HMAC-SHA256, RFC 2104, over a hash passed in. Keys and messages are byte strings of any length;
// the two padded keys are made once per key, which is where all per-byte work happens.

const BLOCK_BYTES = 64;

/** Computes the 32-byte tag of a message. */
export type Mac = (message: string) => string;

/**
 * Prepares a key.
 * @param sha256 32-byte digest of a byte string
 * @param key byte string of any length
 */
export function createHmac(sha256: (bytes: string) => string, key: string): Mac {
  const short = key.length > BLOCK_BYTES ? sha256(key) : key;
  let inner = "";
  let outer = "";
  for (let i = 0; i < BLOCK_BYTES; i++) {
    const byte = i < short.length ? short.charCodeAt(i) : 0;
    inner += String.fromCharCode(byte ^ 0x36);
    outer += String.fromCharCode(byte ^ 0x5c);
  }
  return (message) => sha256(outer + sha256(inner + message));
}
