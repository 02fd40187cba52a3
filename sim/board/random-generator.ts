// SPDX-License-Identifier: MIT
// The board's random numbers: Marsaglia's multiply-with-carry pair, 31 bits a draw, which every
// board starts with the same seed unless that bug is switched off. Whoever wants other numbers calls
// E.srand; that firmware forgets to is a fault that the simulator must show.

/** Draws like the interpreter's Math.random and E.hwRand; both share it. */
export interface RandomGenerator {
  /** 0 to 2^31 - 1. */
  draw(): number;
  seed(value: number): void;
}

/**
 * Creates the generator as it is after power-up.
 *
 * @param seed given to a board that seeds its generator by itself; null for those that do not
 */
export function createRandomGenerator(seed: number | null): RandomGenerator {
  let w = 0xdeadbeef;
  let z = 0xcafebabe;
  const generator: RandomGenerator = {
    draw: () => {
      z = (Math.imul(36969, z & 0xffff) + (z >>> 16)) >>> 0;
      w = (Math.imul(18000, w & 0xffff) + (w >>> 16)) >>> 0;
      return ((z << 16) + w) & 0x7fffffff;
    },
    seed: (value) => {
      const bits = value >>> 0;
      w = ((bits & 0xffff) | (bits << 16)) >>> 0;
      z = ((bits & 0xffff0000) | (bits >>> 16)) >>> 0;
    },
  };
  if (seed !== null) generator.seed(seed);
  return generator;
}
