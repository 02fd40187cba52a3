// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest";
import {
  BACKOFF_MAX_MS,
  BACKOFF_MIN_MS,
  BACKOFF_STEP,
  backoffMs,
} from "../../../firmware/lib/backoff.ts";
import { randomOf } from "../../helpers/seeds.ts";

/** Largest value below 1 that a generator gives. */
const ALMOST_ONE = 1 - Number.EPSILON / 2;

describe("backoffMs", () => {
  it.each([
    { name: "the spread at first", failures: 0, windowMs: 10_000 },
    { name: "the spread until the step", failures: BACKOFF_STEP - 1, windowMs: 10_000 },
    { name: "double after one step", failures: BACKOFF_STEP, windowMs: 20_000 },
    { name: "four times after two steps", failures: 2 * BACKOFF_STEP, windowMs: 40_000 },
    { name: "the cap after many", failures: 5 * BACKOFF_STEP, windowMs: BACKOFF_MAX_MS },
    { name: "the cap for ever", failures: 1_000_000, windowMs: BACKOFF_MAX_MS },
  ])("draws from a window of $name", ({ failures, windowMs }) => {
    expect(backoffMs(10_000, failures, ALMOST_ONE)).toBe(windowMs - 1);
    expect(backoffMs(10_000, failures, 0)).toBe(BACKOFF_MIN_MS);
    expect(backoffMs(10_000, failures, 0.5)).toBe(windowMs / 2);
  });

  it("never goes below the shortest delay, whatever the spread", () => {
    expect(backoffMs(10, 0, ALMOST_ONE)).toBe(BACKOFF_MIN_MS);
  });

  it("never goes above the cap, whatever the spread", () => {
    expect(backoffMs(6_000_000, 0, ALMOST_ONE)).toBe(BACKOFF_MAX_MS - 1);
  });

  it("spreads a fleet evenly over the window", () => {
    const random = randomOf("backoff");
    const tenths = Array.from({ length: 10 }, () => 0);
    for (let i = 0; i < 10_000; i++) {
      const tenth = Math.floor(backoffMs(10_000, 0, random()) / 1000);
      tenths[tenth] = (tenths[tenth] ?? 0) + 1;
    }
    // 1,000 are expected in each; six standard deviations are 180.
    for (const count of tenths) expect(Math.abs(count - 1000)).toBeLessThan(180);
  });
});
