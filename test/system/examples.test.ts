// SPDX-License-Identifier: MIT
// Each example runs as its head says and shows what it promises. They import the built library.
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { describe, expect, it, onTestFinished } from "vitest";
import { plotTrace } from "../../tools/sim/plot.ts";
import { startProgram } from "../helpers/run-cli.ts";

const EXAMPLES = path.join(import.meta.dirname, "../../examples");
const TSX = import.meta.resolve("tsx");
const VITEST = path.join(EXAMPLES, "../node_modules/vitest/vitest.mjs");

async function run(args: string[]): Promise<string> {
  // The tests that run here must not be told apart by what this vitest tells its own.
  const env = { VITEST: undefined, VITEST_POOL_ID: undefined, VITEST_WORKER_ID: undefined };
  const program = startProgram(process.execPath, args, { ...env, NO_COLOR: "1" });
  const code = await program.ended;
  expect({ code, stderr: program.stderr() }).toEqual({ code: 0, stderr: "" });
  return program.stdout();
}

const runExample = (name: string, ...args: string[]): Promise<string> =>
  run(["--import", TSX, path.join(EXAMPLES, name), ...args]);

describe("examples", () => {
  it("one-board reports for an hour", async () => {
    const stdout = await runExample("one-board.ts");
    expect(stdout).toMatch(/ I app ready\n.* I uplink online/s);
    expect(stdout).toContain("heartbeats in an hour: 59,");
    expect(stdout).toMatch(/the same trace: [0-9a-f]{64}\n$/);
  });

  it("fleet-with-faults holds its assertions and writes a trace that can be drawn", async () => {
    const folder = mkdtempSync(path.join(tmpdir(), "lubdub-example-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const trace = path.join(folder, "fleet.jsonl");
    expect(await runExample("fleet-with-faults.ts", trace)).toMatch(/missed dev-3 for \d+\.\d s/);
    expect(plotTrace(trace).summary).toMatch(/^10 boards, 5 faults, /);
  });

  it("sensor is tested in ten lines", async () => {
    const source = readFileSync(path.join(EXAMPLES, "sensor/sensor.test.ts"), "utf8");
    const [, body = ""] = /\nit\(.*\n([^]*)\}\);\n$/.exec(source) ?? [];
    expect(body.trimEnd().split("\n").length).toBeLessThanOrEqual(10);
    expect(await run([VITEST, "run", "--dir", "examples"])).toMatch(/Tests {2}1 passed/);
  });

  it("own-peer tells a cut answer from a whole one and from none", async () => {
    expect((await runExample("own-peer.ts")).split("\n")).toEqual([
      "60 s: 21 degrees",
      "60 s: LED on",
      "120 s: cut after 7 bytes",
      "120 s: LED off",
      "180 s: 23 degrees",
      "180 s: LED on",
      "240 s: cut after 7 bytes",
      "240 s: LED off",
      expect.stringMatching(/^300 s: ERROR: Connect failed/),
      "300 s: no answer: Unable to create socket",
      "",
    ]);
  });

  it("are all in the list", () => {
    const list = readFileSync(path.join(EXAMPLES, "README.md"), "utf8");
    for (const name of readdirSync(EXAMPLES, { recursive: true }) as string[])
      if (name.endsWith(".ts")) expect(list).toContain(`](${name})`);
  });
});
