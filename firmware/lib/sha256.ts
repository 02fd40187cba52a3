// SPDX-License-Identifier: MIT
// SHA-256 in software, FIPS 180-4, for builds of the interpreter without a native one. Two thousand
// times slower than that: a board takes seconds for a heartbeat. In a bundle only when the build is
// asked for it, see sha256-option.ts.

/** Halves of the gaps between the primes from 3 to 311, whose roots the constants are made of. */
const GAPS = "11212123132123313213234212127231513323315121662123153331321572";

/**
 * Makes the hash.
 * @returns gives the 32-byte digest of a byte string of less than 512 MB
 */
export function softwareSha256(): (bytes: string) => string {
  const constants = new Uint32Array(64);
  const start = new Uint32Array(8);
  const words = new Uint32Array(64);
  let prime = 2;
  for (let i = 0; i < 64; i++) {
    // The first 32 bits behind the point of the cube root, and of the square root.
    constants[i] = ((Math.pow(prime, 1 / 3) % 1) * 4294967296) >>> 0;
    if (i < 8) start[i] = ((Math.sqrt(prime) % 1) * 4294967296) >>> 0;
    prime += i === 0 ? 1 : +GAPS.charAt(i - 1) * 2;
  }

  function compress(text: string, at: number, state: Uint32Array): void {
    let a = state[0] as number;
    let b = state[1] as number;
    let c = state[2] as number;
    let d = state[3] as number;
    let e = state[4] as number;
    let f = state[5] as number;
    let g = state[6] as number;
    let h = state[7] as number;
    for (let i = 0; i < 64; i++) {
      let word = 0;
      if (i < 16) {
        for (let k = 0; k < 4; k++) word = (word << 8) | text.charCodeAt(at + i * 4 + k);
      } else {
        const x = words[i - 15] as number;
        const y = words[i - 2] as number;
        word =
          (words[i - 16] as number) +
          (((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3)) +
          (words[i - 7] as number) +
          (((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10));
      }
      words[i] = word >>> 0;
      const first =
        h +
        (((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7))) +
        ((e & f) ^ (~e & g)) +
        (constants[i] as number) +
        (word >>> 0);
      const second =
        (((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10))) +
        ((a & b) ^ (a & c) ^ (b & c));
      h = g;
      g = f;
      f = e;
      e = (d + first) | 0;
      d = c;
      c = b;
      b = a;
      a = (first + second) | 0;
    }
    const sums = [a, b, c, d, e, f, g, h];
    for (let i = 0; i < 8; i++) state[i] = ((state[i] as number) + (sums[i] as number)) >>> 0;
  }

  function sha256(bytes: string): string {
    const bits = bytes.length * 8;
    let text = bytes + "\x80";
    while (text.length % 64 !== 56) text += "\0";
    text +=
      "\0\0\0\0" +
      String.fromCharCode(bits >>> 24, (bits >>> 16) & 255, (bits >>> 8) & 255, bits & 255);
    const state = new Uint32Array(start);
    for (let at = 0; at < text.length; at += 64) compress(text, at, state);
    let digest = "";
    for (let i = 0; i < 8; i++) {
      const x = state[i] as number;
      digest += String.fromCharCode(x >>> 24, (x >>> 16) & 255, (x >>> 8) & 255, x & 255);
    }
    return digest;
  }
  return sha256;
}
