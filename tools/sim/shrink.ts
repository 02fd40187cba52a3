// SPDX-License-Identifier: MIT
// Makes a failing list smaller while it still fails (delta debugging: Zeller and Hildebrandt, 2002):
// first leaves out halves, quarters, single items, then tries smaller forms of what is left.

/** What shrinking needs to know about the list. */
export interface ShrinkOptions<T> {
  /** True when the list still fails. */
  fails(items: readonly T[]): Promise<boolean>;
  /** Smaller forms of one item, the smallest first. */
  smaller(item: T): readonly T[];
  /** Most calls of `fails`. */
  maxRuns: number;
}

/** Gives the smallest list found that still fails; `items` itself must fail. */
export async function shrink<T>(items: readonly T[], options: ShrinkOptions<T>): Promise<T[]> {
  let runs = 0;
  const fails = async (candidate: readonly T[]): Promise<boolean> =>
    ++runs <= options.maxRuns && (await options.fails(candidate));
  let kept = [...items];

  for (
    let size = Math.ceil(kept.length / 2);
    size >= 1;
    size = size > 1 ? Math.ceil(size / 2) : 0
  ) {
    for (let from = 0; from < kept.length && kept.length > 1;) {
      const candidate = [...kept.slice(0, from), ...kept.slice(from + size)];
      if (candidate.length > 0 && (await fails(candidate))) kept = candidate;
      else from += size;
    }
  }
  for (let i = 0; i < kept.length; i++) {
    for (let isSmaller = true; isSmaller;) {
      isSmaller = false;
      for (const form of options.smaller(kept[i] as T)) {
        const candidate = kept.with(i, form);
        if (!(await fails(candidate))) continue;
        kept = candidate;
        isSmaller = true;
        break;
      }
    }
  }
  return kept;
}
