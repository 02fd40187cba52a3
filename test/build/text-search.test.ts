// SPDX-License-Identifier: MIT
// Searching a text for more than one character with the interpreter's own methods finds too much at
// its end (firmware/lib/find.ts). The types of the firmware mark those methods, and lint finds their
// use: each way is planted once.
import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, it } from "vitest";
import { lintFolder } from "../helpers/lint.ts";
import { PROJECT, plantForTest } from "../helpers/planted.ts";

const BEFORE =
  "declare const text: string, part: string, list: string[];\nexport const found = [\n";

const FORBIDDEN = [
  'text.indexOf("ab")',
  "text.indexOf(part)",
  "text.indexOf(part, 2)",
  'text.indexOf("a" + part)',
  'text.includes("ab")',
  "text.includes(part)",
  'text.match("ab")',
  'text.replace("ab", "")',
  'text.replace(part, "")',
  "text.replace(part, (old) => old)",
  'text.replaceAll("ab", "")',
  "text?.indexOf(part)",
  "list[0]?.includes(part)",
];

const ALLOWED = [
  'text.indexOf("a")',
  'text.indexOf("\\xff", 2)',
  'text.includes("a")',
  'text.replace("a", part)',
  'text.replace(/ab/g, "")',
  'text.replace(/ab/g, () => "")',
  'text.replaceAll("a", "")',
  "text.match(/ab/)",
  "text.startsWith(part)",
  "text.endsWith(part)",
  "text.lastIndexOf(part)",
  "text.split(part)",
  "list.indexOf(part)",
  'list.includes("ab")',
];

function plant(expressions: readonly string[]): string {
  const ours = (file: string): string => readFileSync(path.join(PROJECT, file), "utf8");
  return plantForTest({
    ".oxlintrc.json": ours(".oxlintrc.json"),
    "tsconfig.json": ours("tsconfig.json"),
    "firmware/tsconfig.json": ours("firmware/tsconfig.json"),
    "firmware/espruino.d.ts": ours("firmware/espruino.d.ts"),
    "firmware/lib/a.ts": `${BEFORE}${expressions.join(",\n")},\n];\n`,
  });
}

it("finds every search of a text for more than one character", () => {
  const places = FORBIDDEN.map((_, i) => `firmware/lib/a.ts:${i + 3} typescript(no-deprecated)`);
  expect(lintFolder(plant(FORBIDDEN)).sort()).toEqual(places.sort());
});

it("lets methods through that are right, and searches of arrays", () => {
  expect(lintFolder(plant(ALLOWED))).toEqual([]);
});
