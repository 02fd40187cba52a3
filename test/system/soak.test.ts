// SPDX-License-Identifier: MIT
// The proofs of `npm run soak`, small: they hold for the built bundle, and a defect that is planted in
// it makes each of them fail. The long ones are docs/measurements/soak.json.
import { readFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { beforeAll, describe, expect, it } from "vitest";
import { loadBundle, PROJECT_DIR } from "../../tools/lib/bundle.ts";
import { repeated, runBoots } from "../../tools/soak/boots.ts";
import { FAILURES, runReconnects } from "../../tools/soak/reconnects.ts";
import { restartFigures, runRestart } from "../../tools/soak/restart.ts";
import { runTrial } from "../../tools/soak/trial.ts";
import { plantForTest } from "../helpers/planted.ts";
import { startProgram } from "../helpers/run-cli.ts";

let bundle = "";
let readable = "";
beforeAll(() => {
  bundle = loadBundle().text;
  readable = readFileSync(`${PROJECT_DIR}dist/firmware/lubdub.js`, "latin1");
});

/** The readable bundle with one defect. */
function planted(good: string, bad: string): string {
  expect(readable.split(good).length, `places of ${good}`).toBe(2);
  return readable.replace(good, () => bad);
}

describe("boards under random faults", () => {
  it.each([1003, 1007])("keep every invariant, seed %i", async (seed) => {
    const { violations, boardHours } = await runTrial({ seed, rounds: 1, bundle });
    expect(violations, `npm run soak -- --show ${seed}`).toEqual([]);
    expect(boardHours).toBeGreaterThan(0.3);
  });

  it("do not keep them with a defect", async () => {
    const defect = planted(
      "rt.arm(slot, delayMs, attempt);",
      "rt.after(function () {}, 1e9); rt.arm(slot, delayMs, attempt);",
    );
    const { violations } = await runTrial({ seed: 1003, rounds: 1, bundle: defect });
    expect(violations.map(({ invariant }) => invariant)).toContain("bounded");
  });
});

describe("reconnects", () => {
  it.each(FAILURES)("after `%s` leave what was there before", async (failure) => {
    const { violations, before } = await runReconnects({ failure, reconnects: 3, seed: 1, bundle });
    expect(violations).toEqual([]);
    expect(before.sockets).toBe(1);
  });

  it("that leave a listener behind are found", async () => {
    const defect = planted(
      "rt.arm(slot, delayMs, attempt);",
      'E.on("nobody", function () {}); rt.arm(slot, delayMs, attempt);',
    );
    const options = { failure: "dropped", reconnects: 3, seed: 1, bundle: defect } as const;
    const { violations } = await runReconnects(options);
    expect(violations.map(({ text }) => text).join()).toContain("dropped: listeners was");
  });
});

describe("boots", () => {
  const devices = ["a", "b", "c"];

  it("repeat no identifier", async () => {
    const result = await runBoots({ devices, boots: 3, seed: 1, bundle });
    const counts = Object.entries(result.identifiers).map(([kind, texts]) => [kind, texts.length]);
    for (const [kind, count] of counts) expect(count, String(kind)).toBeGreaterThanOrEqual(9);
    expect(repeated([result])).toEqual({});
  });

  it("that all draw the same random numbers are found", async () => {
    const defect = planted("rt.seed(rt.crc32(text) | 0);", "rt.seed(1);");
    const result = await runBoots({ devices, boots: 2, seed: 1, bundle: defect });
    expect(Object.keys(repeated([result]))).toContain("mask");
  });
});

describe("a fleet whose broker restarts", () => {
  const options = { boards: 150, first: 0, seed: 1 };

  it("comes back spread over the configured time", async () => {
    const figures = restartFigures([await runRestart({ ...options, bundle })]);
    // 150 over 40 s are 3.75 a second; chance puts some more into one.
    expect(figures.peakPercent).toBeLessThan(10);
    expect(figures.back99Sec).toBeLessThan(120);
    expect(figures.backAllSec).toBeLessThan(300);
  });

  it("comes back at once without jitter, which is found", async () => {
    const defect = planted("Math.floor(random * windowMs)", "0");
    const figures = restartFigures([await runRestart({ ...options, bundle: defect })]);
    expect(figures.peakPercent).toBeGreaterThan(90);
  });
});

describe("npm run soak", () => {
  const run = async (...args: string[]): Promise<{ code: unknown; out: string; err: string }> => {
    const program = path.join(PROJECT_DIR, "tools/soak/main.ts");
    const cli = startProgram(process.execPath, ["--import", "tsx", program, ...args]);
    const code = await cli.ended;
    return { code, out: cli.stdout(), err: cli.stderr() };
  };
  const SMALL = ["--only", "restart", "--boards", "20", "--workers", "1"];

  it("prints its seed and its figures, with exit code 0", async () => {
    const { code, out } = await run(...SMALL, "--seed", "7", "--json");
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      seed: 7,
      bundle: { sha256: loadBundle().sha256 },
      restart: { boards: 20, spread_s: 40 },
    });
  });

  it("tells what is violated, with exit code 1", async () => {
    const defect = planted("Math.floor(random * windowMs)", "0");
    const file = path.join(plantForTest({ "bundle.js": defect }), "bundle.js");
    const { code, out, err } = await run(...SMALL, "--bundle", file);
    expect(code).toBe(1);
    expect(out).toContain("seed 1 (repeat with --seed 1)");
    expect(err).toContain("violated: 20 of 20 boards within a second");
  });
});
