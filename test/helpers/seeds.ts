// SPDX-License-Identifier: MIT
// The one seed of a test run. Everything random in tests is drawn from it, so that a failure can be
// repeated: `SEED=123 npm test`.
import process from "node:process";

const DEFAULT_SEED = 20260101;

/** Seed of this run, a 32-bit integer: `SEED` of the environment, else always the same. */
export const SEED =
  process.env["SEED"] === undefined ? DEFAULT_SEED : Number(process.env["SEED"]) | 0;

/**
 * Derives the seed of one named stream, so that a new consumer does not shift the others.
 * @returns a positive 32-bit integer (FNV-1a of the name, mixed with the run's seed).
 */
export function seedOf(name: string): number {
  let hash = 0x811c9dc5 ^ SEED;
  for (const char of name) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193);
  return (hash >>> 0) % 0x7fffffff;
}

/** Makes a generator of numbers in [0, 1) for one named stream (mulberry32). */
export function randomOf(name: string): () => number {
  let state = seedOf(name);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
