// SPDX-License-Identifier: MIT
// The benchmark measures what it says: every beat counted and verified, on threads of its own.
import process from "node:process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { startProgram } from "../helpers/run-cli.ts";

const PROGRAM = fileURLToPath(new URL("../../tools/bench/sim.ts", import.meta.url));

describe("bench:sim", () => {
  it("counts and verifies each beat of a fleet on two threads", async () => {
    const options = ["--boards", "3", "--for", "2m", "--threads", "2", "--verify", "--json"];
    const run = startProgram(process.execPath, ["--import", "tsx", PROGRAM, ...options]);
    expect(await run.ended, run.stderr()).toBe(0);
    const { fleets } = JSON.parse(run.stdout()) as { fleets: object[] };
    const counts = { beats: 12, verifiedBeats: 12, expectedBeats: 12 };
    expect(fleets).toMatchObject([{ boards: 3, threads: 2, way: "shared", ...counts }]);
  });
});
