// SPDX-License-Identifier: MIT
// What the interpreter lacks or runs wrongly is lowered, or stops the build with the place of it in
// the TypeScript source. Which constructs there are is proved in test/sim/board/syntax.test.ts.
import { describe, expect, it } from "vitest";
import { buildFirmware, buildProblems, plantForTest } from "../helpers/planted.ts";

const DECLARE = "declare function print(...values: unknown[]): void;\n";

describe("syntax gate", () => {
  it.each([
    {
      name: "async functions",
      source: "async function later() {}\nprint(later);",
      problem: "firmware/main.ts:2:1: async function:",
    },
    {
      name: "generators",
      source: "function* all(): Generator<number> {\n  yield 1;\n}\nprint(all);",
      problem: "firmware/main.ts:3:3: yield:",
    },
    {
      name: "labels",
      source: "\n  outer: for (const a of [1, 2]) for (const b of [a]) if (b) break outer;",
      problem: "firmware/main.ts:3:3: label:",
    },
    {
      name: "subclasses of Error",
      source: "class Lost extends Error {}\nprint(new Lost());",
      problem: "firmware/main.ts:2:20: extends Error:",
    },
    {
      name: "calls above the function's declaration",
      source: "print(first());\nfunction first(): number {\n  return 1;\n}",
      problem: "firmware/main.ts:2:7: function used above its declaration:",
    },
    {
      name: "missing globals",
      source: "const seen = new Map<string, number>();\nprint(seen, seen);",
      problem: "firmware/main.ts:2:18: missing global:",
    },
    {
      name: "regular expressions the matcher never matches",
      source: "print(/a{2,3}/, 1);",
      problem: "firmware/main.ts:2:7: {n,m} quantifier:",
    },
    {
      name: "text that is not ASCII",
      source: 'print("\\xff", "\u20ac");',
      problem: "firmware/main.ts:2:15: non-ASCII text:",
    },
  ])("stops at $name with file, line and construct", async ({ source, problem }) => {
    const problems = await buildProblems({ "firmware/main.ts": DECLARE + source });
    expect(problems.filter((line) => line.startsWith(problem))).toHaveLength(1);
  });

  it("names the module a problem is in, not the bundle", async () => {
    const problems = await buildProblems({
      "firmware/main.ts": 'import { lost } from "./lib/lost.ts";\n' + DECLARE + "print(lost);",
      "firmware/lib/lost.ts": "// A line.\nexport const lost = new WeakMap();",
    });
    expect(problems).toEqual([
      expect.stringMatching(/^firmware\/lib\/lost\.ts:2:25: missing global:/),
    ]);
  });

  it("lowers what has an equal the interpreter knows", async () => {
    const source = [
      'const { a, ...rest } = { a: 1, b: 2, ["c" + 1]: 3 };',
      "const tasks: (() => number)[] = [];",
      "for (const item of [1, 2]) tasks.push(() => item);",
      "function sum(x: number, y = 2, ...more: number[]): number {",
      "  let all = x ** y;",
      "  for (const one of more) all += one;",
      "  return all;",
      "}",
      "let maybe: { deep?: () => number } | undefined;",
      "maybe ??= {};",
      "class Point { x = [1]; static zero = 0; }",
      "print(a, rest, [...tasks], sum(1), sum(...([1, 2, 3] as const)), maybe?.deep?.(), new Point());",
      "print({ ...rest, a }, Point.zero);",
    ].join("\n");
    expect(await buildProblems({ "firmware/main.ts": DECLARE + source })).toEqual([]);
  });

  it("stops at a parse error with file and place", async () => {
    const problems = await buildProblems({ "firmware/main.ts": "const a = ;\n" });
    expect(problems).toEqual([
      "the board cannot run this:",
      "firmware/main.ts:1:11: syntax error: Unexpected token",
    ]);
  });

  it("stops at an import cycle, because functions are not hoisted there", async () => {
    const problems = await buildProblems({
      "firmware/main.ts": 'import { a } from "./a.ts";\n' + DECLARE + "print(a);",
      "firmware/a.ts": 'import { b } from "./b.ts";\nexport const a = (): number => b();',
      "firmware/b.ts": 'import { a } from "./a.ts";\nexport const b = (): number => a();',
    });
    expect(problems[0]).toContain("Circular dependency");
  });

  it("keeps bytes above 127 as escapes in an ASCII bundle", async () => {
    const root = plantForTest({ "firmware/main.ts": DECLARE + 'print("\\xc0\\0", "\\u00ff");' });
    const result = await buildFirmware(root);
    expect(result).toMatchObject({
      files: { "lubdub.min.js": 'print("\\xc0\\0","\\xff");' },
    });
  });
});
