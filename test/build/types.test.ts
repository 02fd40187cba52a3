// SPDX-License-Identifier: MIT
// What the types of the firmware do not know: the browser, Node, and what the interpreter lacks of
// the language's library. Each name is used once in a planted project; one run of the compiler.
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { PROJECT, plantFiles } from "../helpers/planted.ts";

const REFUSED = [
  "document.title;",
  "window.location;",
  "fetch;",
  'Buffer.from("x");',
  "setImmediate(() => {});",
  "console;",
  "process.exitCode;",
  "new Map();",
  "Promise.resolve();",
  "Number.isInteger(1);",
  "Math.trunc(1.5);",
  "[1].at(0);",
  "[[1]].flat();",
  "structuredClone({});",
];

const ACCEPTED = [
  '"abc".startsWith("a");',
  "Object.assign({}, { a: 1 });",
  "for (const value of [1, 2]) value.toFixed();",
  "new Uint8Array(4).fill(1);",
  'require("net").connect;',
];

/** Lines of the compiler, each starting with the file it is about. */
let errors: string[];

beforeAll(() => {
  const read = (file: string): string => readFileSync(path.join(PROJECT, file), "utf8");
  const files: { [file: string]: string } = {
    "tsconfig.json": read("tsconfig.json"),
    "package.json": '{ "type": "module" }',
    "firmware/tsconfig.json": read("firmware/tsconfig.json"),
    "firmware/espruino.d.ts": read("firmware/espruino.d.ts"),
  };
  for (const [index, source] of REFUSED.entries()) files[`firmware/refused${index}.ts`] = source;
  for (const [index, source] of ACCEPTED.entries()) files[`firmware/accepted${index}.ts`] = source;
  const root = plantFiles(files);
  const tsc = path.join(PROJECT, "node_modules/.bin/tsc");
  const result = spawnSync(tsc, ["-p", "firmware", "--pretty", "false"], {
    cwd: root,
    encoding: "utf8",
  });
  errors = result.stdout.split("\n");
  rmSync(root, { recursive: true });
});

function errorsOf(file: string): string[] {
  return errors.filter((line) => line.startsWith(`firmware/${file}.ts(`));
}

describe("types of the firmware", () => {
  it.each(REFUSED.map((source, index) => ({ source, index })))("refuse `$source`", ({ index }) =>
    expect(errorsOf(`refused${index}`)).toHaveLength(1),
  );

  it.each(ACCEPTED.map((source, index) => ({ source, index })))("accept `$source`", ({ index }) =>
    expect(errorsOf(`accepted${index}`)).toEqual([]),
  );
});
