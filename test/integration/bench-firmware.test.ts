// SPDX-License-Identifier: MIT
// The bench of the firmware: what it asks for, and that its figures of one bundle are figures.
import { execFile } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { INTERPRETER, NO_INTERPRETER } from "../helpers/interpreter.ts";
import { startProgram } from "../helpers/run-cli.ts";

const PROGRAM = fileURLToPath(new URL("../../tools/bench/firmware.ts", import.meta.url));
const BENCH_MS = 400_000;

function bench(...args: string[]): ReturnType<typeof startProgram> {
  return startProgram(process.execPath, ["--import", "tsx", PROGRAM, ...args]);
}

interface Growth {
  all: number;
  changes: [way: string, jsvars: number][];
}

interface Figures {
  bare_jsvars: number;
  subjects: {
    name: string;
    codeBytes: number;
    flash: { connected: number; afterBeats: number };
    memory: { connected: number; afterBeats: number };
    instructions: number | string;
    growth: { [failure: string]: Growth | string };
  }[];
}

describe("bench:firmware", () => {
  it.each([
    { name: "the interpreter", args: ["--reconnects", "0"], problem: "--interpreter is missing" },
    {
      name: "modules that are there",
      args: ["--interpreter", process.execPath, "--peers", "/nowhere"],
      problem: "there is no MQTT.js in /nowhere",
    },
  ])("asks for $name", async ({ args, problem }) => {
    const run = bench(...args);
    expect(await run.ended).toBe(2);
    expect(run.stderr()).toContain(problem);
  });

  it(
    "measures a bundle",
    async ({ skip }) => {
      if (!INTERPRETER) return skip(NO_INTERPRETER);
      const args = ["--only", "lubdub-mqtt", "--reconnects", "0", "--json"];
      const command = ["--import", "tsx", PROGRAM, "--interpreter", INTERPRETER, ...args];
      const { stdout } = await promisify(execFile)(process.execPath, command, {
        timeout: BENCH_MS,
        killSignal: "SIGKILL",
      });
      const { bare_jsvars: bare, subjects } = JSON.parse(stdout) as Figures;
      expect(bare).toBeGreaterThan(30);
      expect(bare).toBeLessThan(100);
      expect(subjects).toHaveLength(1);
      const { flash, memory, codeBytes, instructions } = subjects[0] as Figures["subjects"][0];
      expect(codeBytes).toBeGreaterThan(1000);
      expect(flash.connected).toBeGreaterThan(100);
      // The text of the functions is in memory then, ten characters in a JsVar.
      expect(memory.connected - flash.connected).toBeGreaterThan(codeBytes / 20);
      if (typeof instructions === "number") expect(instructions).toBeGreaterThan(500_000);
      else expect(instructions).toContain("valgrind");
      return undefined;
    },
    BENCH_MS,
  );

  it(
    "finds that failed connections cost nothing",
    async ({ skip }) => {
      if (!INTERPRETER) return skip(NO_INTERPRETER);
      const kinds = ["closed", "half-open", "wifi"];
      const args = ["--only", "lubdub-mqtt", "--reconnects", "4", "--json", "--failures", ...kinds];
      const command = ["--import", "tsx", PROGRAM, "--interpreter", INTERPRETER, ...args];
      const { stdout } = await promisify(execFile)(process.execPath, command, {
        timeout: BENCH_MS,
        killSignal: "SIGKILL",
      });
      const growth = (JSON.parse(stdout) as Figures).subjects[0]?.growth ?? {};
      expect(Object.keys(growth).sort()).toEqual(kinds);
      // A counter that is made when it first counts takes four; the list of the last warnings differs
      // by their lengths.
      for (const more of Object.values(growth)) {
        const { all, changes } = more as Growth;
        expect(changes.reduce((sum, [, jsvars]) => sum + jsvars, 0)).toBe(all);
        const others = changes.filter(([way]) => !/\/print\/.*\/\*$/.test(way));
        expect(others.reduce((sum, [, jsvars]) => sum + Math.abs(jsvars), 0)).toBeLessThanOrEqual(
          6,
        );
      }
      return undefined;
    },
    BENCH_MS,
  );
});
