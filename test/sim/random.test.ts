// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest";
import { createRandom } from "../../sim/index.ts";

const draw = (seed: number, name: string, count = 5): number[] => {
  const stream = createRandom(seed).stream(name);
  return Array.from({ length: count }, () => stream.next());
};

describe("random", () => {
  it("gives the same numbers for the same seed and name", () => {
    expect(draw(7, "wifi")).toEqual(draw(7, "wifi"));
  });

  it("gives other numbers for another seed or another name", () => {
    expect(draw(7, "wifi")).not.toEqual(draw(8, "wifi"));
    expect(draw(7, "wifi")).not.toEqual(draw(7, "net"));
  });

  it("does not shift a stream when another one is used", () => {
    const random = createRandom(7);
    const [first] = draw(7, "wifi");
    random.stream("other").next();
    expect(random.stream("wifi").next()).toBe(first);
  });

  it("continues a stream that is asked for again", () => {
    const random = createRandom(7);
    const expected = draw(7, "wifi", 2);
    expect([random.stream("wifi").next(), random.stream("wifi").next()]).toEqual(expected);
  });

  it("draws integers from both ends of the range", () => {
    const stream = createRandom(1).stream("dice");
    const seen = new Set(Array.from({ length: 500 }, () => stream.integer(1, 6)));
    expect([...seen].sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6]);
  });
});
