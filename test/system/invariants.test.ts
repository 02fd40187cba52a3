// SPDX-License-Identifier: MIT
// The invariants hold for the firmware under random faults, and each of them is broken once by a
// defect planted in the bundle, so that none is a check that cannot fail.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { checkPlan, createRandom, drawPlan } from "../../sim/index.ts";
import type { Plan } from "../../sim/index.ts";
import { loadBundle, PROJECT_DIR } from "../../tools/lib/bundle.ts";
import type { InvariantName } from "../../tools/lib/invariants.ts";
import { PLAN_MS, runTrial } from "../../tools/sim/trial.ts";
import { SEED } from "../helpers/seeds.ts";

// More by SEEDS=1000 npm test.
const SEEDS = Number(process.env["SEEDS"] ?? 12);

const readable = readFileSync(`${PROJECT_DIR}dist/firmware/lubdub.js`, "latin1");

/** The readable bundle with one defect. */
function planted(good: string, bad: string): string {
  expect(readable.split(good).length, `places of ${good}`).toBe(2);
  return readable.replace(good, () => bad);
}

const DEFECTS: {
  invariant: InvariantName;
  defect: string;
  plan: Plan;
  good: string;
  bad: string;
}[] = [
  {
    invariant: "acknowledged",
    defect: "what waits for its acknowledgement counts as delivered when the connection ends",
    plan: [{ at: "5s", for: "1m", fault: "partition" }],
    good: "if (isKept && (message ? !message.retain && entry.ends < ENDS_MAX : !isNew))",
    bad: "if (isKept && message && !message.retain) entry.done(undefined, 1);\n      else if (isKept)",
  },
  {
    invariant: "unique",
    defect: "the boot counter does not count",
    plan: [{ at: "10s", for: "5s", fault: "power-cut" }],
    good: "numbers[BOOT_COUNT] = ++boot;",
    bad: "numbers[BOOT_COUNT] = boot;",
  },
  {
    invariant: "bounded",
    defect: "each lost connection leaves a timer behind",
    plan: [{ at: "10s", fault: "reset" }],
    good: "rt.arm(slot, delayMs, attempt);",
    bad: "rt.after(function () {}, 1e9); rt.arm(slot, delayMs, attempt);",
  },
  {
    invariant: "recovers",
    defect: "a refused connection is not tried again",
    plan: [
      { at: "9s", for: "1m", fault: "broker-refusal" },
      { at: "10s", fault: "reset" },
    ],
    good: 'drop("url=" + index, isLong',
    bad: 'if (failure.startsWith("E_MQTT_REFUSED")) { link.close(); rt.disarm(slot); uplink.networkUp = uplink.networkDown = function () {}; return; } drop("url=" + index, isLong',
  },
  {
    invariant: "caught",
    defect: "the end of a connection throws",
    plan: [{ at: "10s", fault: "reset" }],
    good: "var isOdd = isRefused ||",
    bad: 'if (uplink.status === "online") failure.nothing.there = 1; var isOdd = isRefused ||',
  },
];

describe("the invariants of a fleet", () => {
  it(
    `hold for ${SEEDS} seeds with random fault plans`,
    { timeout: 60_000 + SEEDS * 5000 },
    async () => {
      const bundle = loadBundle().text;
      for (let seed = SEED; seed < SEED + SEEDS; seed++) {
        const { violations } = await runTrial({
          seed,
          boards: 2,
          intervalMs: 10_000,
          bundle,
          planFor: (world) =>
            drawPlan(createRandom(seed).stream("plan"), {
              names: world.targetNames(),
              untilMs: PLAN_MS,
              maxFaults: 6,
            }),
        });
        expect(violations, `lubdub sim explore --boards 2 --seeds 1 --first ${seed}`).toEqual([]);
      }
    },
  );

  it.each(DEFECTS)("tell $invariant when $defect", async ({ invariant, plan, good, bad }) => {
    const { violations } = await runTrial({
      seed: 1,
      boards: 1,
      intervalMs: 10_000,
      bundle: planted(good, bad),
      planFor: (world) => checkPlan(plan, world.targetNames()),
    });
    expect(violations.map((violation) => violation.invariant)).toContain(invariant);
  });
});
