// SPDX-License-Identifier: MIT
// The one source of chance in a simulation: from one seed, each component draws from a stream of
// its own name, so that a new consumer does not shift what the others draw.
// Not for: keys or tokens, and not the board's own Math.random (globals-math.ts has that).

/** A sequence of numbers that seed and name alone decide. */
export interface RandomStream {
  /** Next number, 0 <= n < 1, with 32 random bits. */
  next(): number;
  /** Next integer from `min` to `max`, both included. */
  integer(min: number, max: number): number;
}

/** Streams by name. */
export interface Random {
  seed: number;
  /** The stream of this name; asking again continues the same stream. */
  stream(name: string): RandomStream;
}

/** 32-bit FNV-1a of a text, continued from `start`. */
function hash32(text: string, start: number): number {
  let h = start >>> 0;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return h;
}

/** sfc32 (Chris Doty-Humphrey, PractRand): small, fast, 128 bits of state. */
function createSfc32(a: number, b: number, c: number): () => number {
  let counter = 1;
  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    c |= 0;
    return sum >>> 0;
  };
  for (let i = 0; i < 12; i++) next();
  return next;
}

/**
 * Creates the streams of one simulation.
 *
 * @param seed any number; its integer part counts
 */
export function createRandom(seed: number): Random {
  const streams = new Map<string, RandomStream>();
  return {
    seed,
    stream: (name) => {
      let stream = streams.get(name);
      if (!stream) {
        const first = hash32(name, 0x811c9dc5);
        const draw = createSfc32(Math.trunc(seed) | 0, first, hash32(name, first ^ 0x9e3779b9));
        stream = {
          next: () => draw() / 0x1_0000_0000,
          integer: (min, max) => min + Math.floor((draw() / 0x1_0000_0000) * (max - min + 1)),
        };
        streams.set(name, stream);
      }
      return stream;
    },
  };
}
