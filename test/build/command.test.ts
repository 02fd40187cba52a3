// SPDX-License-Identifier: MIT
// The build as a person runs it: `rollup -c` in a copy of the project.
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, readFileSync, readdirSync, symlinkSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { PROJECT, plantForTest } from "../helpers/planted.ts";

function plantProject(main: string): string {
  const root = plantForTest({ "firmware/main.ts": main, "dist/firmware/lubdub.min.js": "old" });
  for (const name of ["rollup.config.js", "package.json"])
    cpSync(path.join(PROJECT, name), path.join(root, name));
  for (const name of ["tools", "sim"]) symlinkSync(path.join(PROJECT, name), path.join(root, name));
  return root;
}

function build(root: string): { status: number | null; stdout: string; stderr: string } {
  const bin = path.join(root, "node_modules/.bin/rollup");
  const env = { ...process.env, NO_COLOR: "1", FORCE_COLOR: "0" };
  return spawnSync(bin, ["-c", "--silent"], { cwd: root, encoding: "utf8", env });
}

describe("build command", () => {
  it("leaves no bundle, not even an old one, and one line per problem when it fails", () => {
    const root = plantProject("async function later() {}\nprint(later, new WeakMap());\n");
    const { status, stderr } = build(root);
    expect(status).toBe(1);
    expect(stderr.trim().split("\n").slice(1)).toEqual([
      expect.stringMatching(/^firmware\/main\.ts:1:1: async function: /),
      expect.stringMatching(/^firmware\/main\.ts:2:18: missing global: /),
    ]);
    expect(existsSync(path.join(root, "dist/firmware"))).toBe(false);
  });

  it("writes the bundle and prints the size table", () => {
    const root = plantProject('declare function print(text: string): void;\nprint("lub");\n');
    const { status, stdout } = build(root);
    expect(status).toBe(0);
    expect(stdout).toMatch(/firmware\/main\.ts\n.* total of lubdub /);
    const dist = path.join(root, "dist/firmware");
    expect(readdirSync(dist)).toHaveLength(5);
    expect(readFileSync(path.join(dist, "lubdub.min.js"), "utf8")).toContain('print("lub")');
  });
});
