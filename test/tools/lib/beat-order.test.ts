// SPDX-License-Identifier: MIT
// Order of beats by boot and seq, and the bounds of the memory behind it.
import { assert, property, array, nat, tuple } from "fast-check";
import { describe, expect, it } from "vitest";
import { BOOTS_KEPT, WINDOW, createBeatOrder } from "../../../tools/lib/beat-order.ts";
import type { Order } from "../../../tools/lib/beat-order.ts";

function see(...beats: [boot: number, seq: number][]): Order[] {
  const order = createBeatOrder();
  return beats.map(([boot, seq]) => order.see(boot, seq));
}

describe("beat order", () => {
  it("calls a higher seq fresh, an equal one duplicate, a skipped one late once", () => {
    expect(see([1, 1], [1, 2], [1, 2], [1, 5], [1, 3], [1, 3])).toEqual([
      "fresh",
      "fresh",
      "duplicate",
      "fresh",
      "late",
      "duplicate",
    ]);
  });

  it("calls the first beat of a higher boot fresh whatever its seq", () => {
    expect(see([1, 900], [2, 1])).toEqual(["fresh", "fresh"]);
  });

  it("calls unseen beats of an earlier boot late, also those above its newest", () => {
    expect(see([1, 5], [2, 1], [1, 4], [1, 6], [1, 5])).toEqual([
      "fresh",
      "fresh",
      "late",
      "late",
      "duplicate",
    ]);
  });

  it("remembers exactly the window", () => {
    const newest = 5000;
    expect(see([1, newest], [1, newest - WINDOW + 1], [1, newest - WINDOW])).toEqual([
      "fresh",
      "late",
      "old",
    ]);
  });

  it("forgets nothing within the window when seq jumps", () => {
    expect(see([1, 10], [1, 10 + WINDOW - 1], [1, 10], [1, 11])).toEqual([
      "fresh",
      "fresh",
      "duplicate",
      "late",
    ]);
  });

  it("refuses boots below those it remembers", () => {
    const boots = Array.from({ length: BOOTS_KEPT + 1 }, (_, i): [number, number] => [10 + i, 1]);
    expect(see(...boots, [10, 1], [9, 1]).slice(-2)).toEqual(["old", "old"]);
  });

  it("never calls one beat fresh or late twice", () => {
    assert(
      property(array(tuple(nat(6), nat(3000)), { maxLength: 300 }), (beats) => {
        const order = createBeatOrder();
        const counted = new Set<string>();
        for (const [boot, seq] of beats) {
          const verdict = order.see(boot, seq);
          if (verdict !== "fresh" && verdict !== "late") continue;
          expect(counted.has(`${boot}.${seq}`)).toBe(false);
          counted.add(`${boot}.${seq}`);
        }
      }),
    );
  });
});
