// SPDX-License-Identifier: MIT
// Functions written as arrows: which, and that places in the source are still found.
import { TraceMap, originalPositionFor } from "@jridgewell/trace-mapping";
import { describe, expect, it } from "vitest";
import { functionsToArrows } from "../../tools/build-report/to-arrows.ts";

const MAP = JSON.stringify({
  version: 3,
  sources: ["main.ts"],
  names: [],
  // The first two lines are those of the source, shifted by ten.
  mappings: "AAUA;AACA",
});

const arrows = (code: string): string =>
  functionsToArrows(code, MAP).code.replaceAll(/\s+/g, " ").trim();

describe("functions to arrows", () => {
  it.each([
    { name: "a declaration", code: "function f(x){g(x)}", result: "var f = x => { g(x); };" },
    {
      name: "one inside another",
      code: "function f(){function g(){}}",
      result: "var f = () => { var g = () => {}; };",
    },
  ])("are written for $name", ({ code, result }) => {
    expect(arrows(code)).toBe(result);
  });

  it.each([
    { name: "this", code: "function f() { return this.x; }" },
    { name: "arguments", code: "function f() { return arguments[0]; }" },
    { name: "this in an arrow of it", code: "function f() { return () => this.x; }" },
  ])("are not written for a function with $name", ({ code }) => {
    expect(arrows(code)).toBe(code);
  });

  it("leave the map leading to the source", () => {
    const { code, map } = functionsToArrows("f();\nfunction f(){}", MAP);
    const line = code.split("\n").findIndex((text) => text.startsWith("var f")) + 1;
    const origin = originalPositionFor(new TraceMap(map), { line, column: 0 });
    expect(origin).toMatchObject({ source: "main.ts", line: 12 });
  });
});
