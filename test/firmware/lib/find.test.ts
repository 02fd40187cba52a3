// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest";
import { indexIn } from "../../../firmware/lib/find.ts";

/** A text whose `indexOf` is the interpreter's. */
function boardText(text: string): string {
  const indexOf = (part: string, from = 0): number => {
    for (let at = from; at < text.length; at++)
      if (part.startsWith(text.slice(at, at + part.length))) return at;
    return -1;
  };
  return Object.assign(Object(text) as string, { indexOf });
}

describe("indexIn", () => {
  it.each([
    ["xab", "abc", 0, -1],
    ["xabc", "abc", 0, 1],
    ["abcab", "abc", 1, -1],
    ["abcabc", "abc", 1, 3],
    ["head\r\n", "\r\n\r\n", 0, -1],
    ["", "ab", 0, -1],
  ])("finds in %j the text %j from %i on at %i", (text, part, from, at) => {
    expect(indexIn(boardText(text), part, from)).toBe(at);
    expect(indexIn(text, part, from)).toBe(at);
  });
});
