// SPDX-License-Identifier: MIT
// Errors of a bundle tell the place in the author's file.
import { describe, expect, it } from "vitest";
import { inlineMapOf } from "../../../sim/board/source-map.ts";
import { BoardError } from "../../../sim/index.ts";
import { createLab } from "../lab.ts";

// Line 1 of the script from column 9 on is line 3, column 5 of src/a.ts.
const MAP = JSON.stringify({
  version: 3,
  sources: ["../src/a.ts"],
  names: [],
  mappings: "QAEI",
});

describe("source maps", () => {
  it("give uncaught errors the place in the author's file", () => {
    const places: unknown[] = [];
    const { clock, run } = createLab({
      sourceMaps: { "test.js": MAP },
      onUncaught: ({ frames }) => places.push(frames[0]?.source),
    });
    run("var a=1;setTimeout(function(){nothere()},1)");
    clock.advance(5);
    expect(places).toEqual([{ file: "src/a.ts", line: 3, column: 5 }]);
  });

  it("give errors that reach the top their place", () => {
    const { run } = createLab({ sourceMaps: { "test.js": MAP }, instrument: true });
    const fails = (): unknown => run("var a=1;undefined.x.y");
    expect(fails).toThrow(BoardError);
    try {
      fails();
    } catch (error) {
      expect((error as BoardError).frames[0]?.source).toMatchObject({ file: "src/a.ts" });
    }
  });

  it("that cannot be read leave frames as they are", () => {
    const { run } = createLab({ sourceMaps: { "test.js": "{" } });
    expect(() => run("nothere()")).toThrow('"nothere" is not defined');
  });

  it("are found in the last line of a script", () => {
    const encoded = Buffer.from(MAP).toString("base64");
    const line = `//# sourceMappingURL=data:application/json;base64,${encoded}`;
    expect(inlineMapOf(`print(1)\n${line}\n`)).toBe(MAP);
    expect(inlineMapOf("print(1)")).toBeNull();
  });
});
