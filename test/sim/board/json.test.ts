// SPDX-License-Identifier: MIT
// JSON of the board against the host's own, and against anything that is no JSON at all.
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { jsonText } from "../../../sim/board/format.ts";
import type { FormatRealm } from "../../../sim/board/format.ts";
import { parseJson } from "../../../sim/board/json.ts";

class Refused extends Error {}
const jsonRealm = {
  object: () => ({}),
  array: () => [],
  syntaxError: (message: string) => new Refused(message),
  noteKey: () => {},
};
const formatRealm: FormatRealm = {
  objectPrototype: Object.prototype,
  className: () => null,
  hasOwnText: () => false,
  text: String,
  pinName: () => null,
  keysOf: Object.keys,
  sourceOf: String,
};
const bytes = fc.string({
  unit: fc.integer({ min: 0, max: 255 }).map((c) => String.fromCharCode(c)),
});
const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { depthSize: "small" },
    fc.constant(null),
    fc.boolean(),
    fc.integer(),
    bytes,
    fc.array(tie("any"), { maxLength: 4 }),
    fc.dictionary(
      bytes.filter((k) => k !== "__proto__" && !/^\d+$/.test(k)),
      tie("any"),
      {
        maxKeys: 4,
        noNullPrototype: true,
      },
    ),
  ),
})).any;

describe("JSON", () => {
  it("reads back what it wrote, and the host reads the same", () => {
    fc.assert(
      fc.property(value, (v) => {
        const text = jsonText(v, formatRealm);
        expect(parseJson(text, jsonRealm)).toEqual(v);
        expect(JSON.parse(text)).toEqual(v);
      }),
    );
  });

  it("reads what the host wrote", () => {
    fc.assert(
      fc.property(value, (v) => {
        expect(parseJson(JSON.stringify(v), jsonRealm)).toEqual(v);
      }),
    );
  });

  it("refuses or reads any text, and never hangs", () => {
    const piece = fc.constantFrom(
      "{",
      "}",
      "[",
      "]",
      ",",
      ":",
      '"',
      "\\",
      "-",
      "1",
      "e",
      "tru",
      "'",
      "/*",
    );
    fc.assert(
      fc.property(
        fc.oneof(
          bytes,
          fc.array(piece).map((p) => p.join("")),
        ),
        (text) => {
          try {
            parseJson(text, jsonRealm);
          } catch (error) {
            expect(error).toBeInstanceOf(Refused);
          }
        },
      ),
    );
  });

  it("refuses a depth that would end the board's stack", () => {
    expect(() => parseJson("[".repeat(100_000), jsonRealm)).toThrow(Refused);
  });
});
