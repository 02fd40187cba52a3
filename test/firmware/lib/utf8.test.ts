// SPDX-License-Identifier: MIT
import { isUtf8 as isUtf8OfNode } from "node:buffer";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isUtf8 } from "../../../firmware/lib/utf8.ts";
import { seedOf } from "../../helpers/seeds.ts";
import { bytesOf } from "../../helpers/websocket-rig.ts";

describe("UTF-8", () => {
  // Autobahn 6.5 to 6.23: each boundary of RFC 3629 from both sides.
  it.each([
    ["", true],
    ["00 7f", true],
    ["cebae1bdb9cf83cebcceb5", true],
    ["c280", true],
    ["dfbf", true],
    ["e0a080", true],
    ["ed9fbf", true],
    ["ee8080", true],
    ["efbfbd", true],
    ["efbfbf", true],
    ["f0908080", true],
    ["f48fbfbf", true],
    ["80", false],
    ["bf", false],
    ["6180", false],
    ["c3", false],
    ["c361", false],
    ["c1bf", false],
    ["c080", false],
    ["e09fbf", false],
    ["e180", false],
    ["e18061", false],
    ["eda080", false],
    ["edbfbf", false],
    ["f08fbfbf", false],
    ["f18080", false],
    ["f4908080", false],
    ["f888808080", false],
    ["fc8480808080", false],
    ["fe", false],
    ["ff", false],
    ["c3c3a9a9", false],
    ["cebae1bdb9cf83cebcceb5eda080656469746564", false],
  ])("%s: %s", (hex, isValid) => {
    expect(isUtf8(bytesOf(hex))).toBe(isValid);
  });

  it("is judged as Node judges it", () => {
    const byte = fc.constantFrom(
      ...bytesOf("61 7f 80 8f 90 9f a0 bf c0 c1 c2 df e0 e1 ed ee ef f0 f1 f3 f4 f5 ff").split(""),
    );
    const text = fc.array(byte, { maxLength: 8 }).map((bytes) => bytes.join(""));
    fc.assert(
      fc.property(text, (bytes) => {
        expect(isUtf8(bytes)).toBe(isUtf8OfNode(Buffer.from(bytes, "latin1")));
      }),
      { seed: seedOf("utf8"), numRuns: 20_000 },
    );
  });
});
