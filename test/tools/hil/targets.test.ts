// SPDX-License-Identifier: MIT
// From the text of `--target` to a target.
import process from "node:process";
import { describe, expect, it } from "vitest";
import { allTargets, chooseTarget } from "../../../tools/hil/targets/index.ts";

describe("targets", () => {
  it.each([
    ["an unknown name", "moon", {}, 'unknown target "moon"; there are virtual and exec:/path'],
    ["exec without a path", "exec:", {}, "unknown target"],
    ["exec without LUBDUB_ESPRUINO", "exec", {}, "exec:/path or LUBDUB_ESPRUINO"],
    ["a path where nothing is", "exec:/nowhere/x", {}, "there is no interpreter at /nowhere/x"],
    ["the same by LUBDUB_ESPRUINO", "exec", { LUBDUB_ESPRUINO: "/nowhere/x" }, "at /nowhere/x"],
  ])("refuses %s as a wrong call", (_name, text, env, message) => {
    expect(() => chooseTarget(text, env)).toThrow(
      expect.objectContaining({ exitCode: 2, message: expect.stringContaining(message) as string }),
    );
  });

  it("runs the suite on the virtual board and tells what else is missing", () => {
    const [virtual, exec] = allTargets({});
    expect(virtual).toMatchObject({ name: "virtual" });
    expect(exec?.missing).toContain("LUBDUB_ESPRUINO is not set");
  });

  it("adds the interpreter that LUBDUB_ESPRUINO names", () => {
    const targets = allTargets({ LUBDUB_ESPRUINO: process.execPath });
    expect(targets.map(({ name }) => name)).toEqual(["virtual", `exec:${process.execPath}`]);
    expect(targets.every(({ missing }) => missing === undefined)).toBe(true);
  });
});
