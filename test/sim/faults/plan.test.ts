// SPDX-License-Identifier: MIT
// Plans as data: every problem is found before anything runs, and drawn plans are legal.
import { describe, expect, it } from "vitest";
import { checkPlan, drawPlan, planItem, PlanError } from "../../../sim/faults/plan.ts";
import { FAULTS } from "../../../sim/faults/index.ts";
import { createRandom } from "../../../sim/random.ts";
import { seedOf } from "../../helpers/seeds.ts";

const names = { board: ["dev-1", "dev-2"], broker: ["broker"], http: [], time: [] };

function problemsOf(plan: unknown): readonly string[] {
  try {
    checkPlan(plan, names);
  } catch (error) {
    if (error instanceof PlanError) return error.problems;
    throw error;
  }
  return [];
}

describe("a fault plan", () => {
  it("gets times, targets and parameters with their defaults", () => {
    const plan = [{ at: "10s", for: "1.5s", fault: "latency", target: "dev-*", delay_ms: 7 }];
    expect(checkPlan(plan, names)).toMatchObject([
      { atMs: 10_000, forMs: 1500, target: "dev-*", params: { peer: "*", delay_ms: 7 } },
    ]);
    expect(checkPlan([{ fault: "reset" }])).toMatchObject([{ atMs: 0, forMs: null, target: "*" }]);
  });

  it("names every problem with its place", () => {
    expect(problemsOf({ fault: "reset" })).toEqual([
      'expected a list of faults, got {"fault":"reset"}',
    ]);
    expect(
      problemsOf([
        7,
        { fault: "wifi-dorp" },
        { at: "soon", for: -1, fault: "latency", delay_ms: "long", delay: 5 },
        { fault: "reset", for: "1s", target: "dve-*" },
        { fault: "partition", direction: "up", peer: 0 },
      ]),
    ).toEqual([
      "[0]: expected an object, got 7",
      '[1].fault: unknown fault "wifi-dorp"; did you mean "wifi-drop"?',
      '[2].at: expected a time such as 10s, got "soon"',
      "[2].for: expected a time such as 5s, got -1",
      '[2].delay_ms: expected 0 to 5000 ms, got "long"',
      '[2].delay: latency has no such parameter; did you mean "delay_ms"?',
      "[3].for: reset happens at one moment and has no length",
      '[3].target: no board fits "dve-*"; there are: dev-1, dev-2',
      "[4].peer: expected the name of a host, got 0",
      '[4].direction: expected one of both, out, in, got "up"',
    ]);
  });

  it("drawn at random is legal, hits only what is there, and draws the same from the same seed", () => {
    for (let i = 0; i < 200; i++) {
      const seed = seedOf(`plan ${i}`);
      const draw = () =>
        drawPlan(createRandom(seed).stream("plan"), { names, untilMs: 60_000, maxFaults: 6 });
      const plan = draw();
      const items = plan.map(planItem);
      expect(draw().map(planItem)).toEqual(items);
      expect(checkPlan(items, names).map(planItem)).toEqual(items);
      for (const { atMs, forMs, fault } of plan) {
        expect(atMs + (forMs ?? 0)).toBeLessThanOrEqual(60_000);
        expect(forMs === null).toBe(fault.isInstant);
      }
    }
  });

  it("has a registry whose rows have the name they are found by", () => {
    for (const [name, fault] of FAULTS) expect(fault.name).toBe(name);
  });
});
