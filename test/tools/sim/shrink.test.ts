// SPDX-License-Identifier: MIT
// Shrinking finds the smallest list that still fails, within its bound.
import { describe, expect, it } from "vitest";
import { shrink } from "../../../tools/sim/shrink.ts";

describe("shrinking", () => {
  it("leaves only the items that matter, each in its smallest form", async () => {
    const fails = async (items: readonly number[]) =>
      items.some((n) => n >= 40) && items.some((n) => n % 7 === 0);
    const smaller = (n: number) => (n > 1 ? [Math.floor(n / 2), n - 7] : []);
    const found = await shrink([3, 90, 5, 49, 80, 12, 1], { fails, smaller, maxRuns: 1000 });
    expect(found).toEqual([42]);
  });

  it("keeps a pair that only fails together", async () => {
    const fails = async (items: readonly string[]) => items.includes("a") && items.includes("d");
    const options = { fails, smaller: () => [], maxRuns: 100 };
    expect(await shrink(["a", "b", "c", "d", "e"], options)).toEqual(["a", "d"]);
  });

  it("gives up after its number of runs with a list that fails", async () => {
    let runs = 0;
    const fails = async (items: readonly number[]) => {
      runs++;
      return items.includes(9);
    };
    const list = Array.from({ length: 10 }, (_, i) => i);
    const found = await shrink(list, { fails, smaller: () => [], maxRuns: 3 });
    expect(found).toContain(9);
    expect(runs).toBe(3);
  });
});
