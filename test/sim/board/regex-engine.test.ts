// SPDX-License-Identifier: MIT
// The interpreter's regular expressions against the engine's, where both mean the same.
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { findMatch, RegexError } from "../../../sim/board/regex-engine.ts";

const atom = fc.constantFrom("a", "b", "[ab]", "[^a]", "\\d", "\\w", "x", "[a-c]", "1");
const part = fc.tuple(atom, fc.constantFrom("", "", "*")).map(([a, q]) => a + q);
const sequence = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join(""));
const text = fc.string({ unit: fc.constantFrom("a", "b", "c", "x", "1", "-"), maxLength: 10 });

describe("findMatch", () => {
  it("finds what the engine finds for sequences of repeated characters", () => {
    fc.assert(
      fc.property(sequence, text, (pattern, subject) => {
        const engine = new RegExp(pattern).exec(subject);
        const own = findMatch(pattern, subject, 0, { ignoreCase: false });
        expect(own && subject.slice(own.index, own.end)).toBe(engine && engine[0]);
        expect(own?.index).toBe(engine?.index);
      }),
    );
  });

  it("refuses sets without end and references", () => {
    expect(() => findMatch("[a", "b", 0, { ignoreCase: false })).toThrow(RegexError);
    expect(() => findMatch("(a)\\1", "aa", 0, { ignoreCase: false })).toThrow(RegexError);
  });
});
