// SPDX-License-Identifier: MIT
// A world runs the built bundle in virtual time: repeatable, with faults, each board for itself.
import { describe, expect, it } from "vitest";
import { createFleetWorld } from "../../tools/sim/fleet-world.ts";
import { loadBundle } from "../../tools/lib/bundle.ts";
import { PlanError, World } from "../../sim/index.ts";
import type { Plan } from "../../sim/index.ts";

const bundle = loadBundle().text;

interface FleetOptions {
  seed?: number;
  boards?: number;
  isShared?: boolean;
  isInstrumented?: boolean;
}

function fleet(options: FleetOptions = {}) {
  const { seed = 1, boards = 2, isShared = false, isInstrumented = false } = options;
  const deviceIds = Array.from({ length: boards }, (_, i) => `dev-${i + 1}`);
  const beats: { deviceId: string; kind: string }[] = [];
  const { world, broker } = createFleetWorld({
    seed,
    deviceIds,
    intervalMs: 10_000,
    qos: 1,
    prefix: "devices",
    bundle,
    isShared,
    isInstrumented,
    onBeat: (deviceId, _payload, { kind }) => beats.push({ deviceId, kind }),
  });
  return { world, broker, beats, deviceIds };
}

async function hashOf(options: Parameters<typeof fleet>[0], plan: Plan = []): Promise<string> {
  const { world } = fleet(options);
  world.plan(plan);
  await world.run("5m");
  await world.close();
  return world.trace.hash();
}

describe("a world", () => {
  it("lets boards report through its broker, in virtual time", async () => {
    const { world, beats } = fleet();
    await world.run("10m");
    expect(world.nowMs).toBe(600_000);
    expect(beats.every(({ kind }) => kind === "fresh")).toBe(true);
    expect(beats.length).toBeGreaterThan(100);
    world.check.expect({ on: "board/dev-1", ev: "print", text: /I app ready$/ }, { atMost: 1 });
    world.check.expect({ on: "broker/broker", ev: "connect", client: "dev-2" }, { atMost: 1 });
    expect(world.problems).toEqual([]);
    await world.close();
  });

  it("has the same trace for the same seed, another one for another", async () => {
    const plan = [{ at: "1m", for: "20s", fault: "loss", percent: 50 }];
    const first = await hashOf({ seed: 5 }, plan);
    expect(await hashOf({ seed: 5 }, plan)).toBe(first);
    expect(await hashOf({ seed: 6 }, plan)).not.toBe(first);
  });

  it("runs boards that share their intrinsics exactly as those that have their own", async () => {
    expect(await hashOf({ isShared: true })).toBe(await hashOf({ isShared: false }));
  });

  it("runs the bundle as it is exactly as when it is rewritten, its memory included", async () => {
    const asItIs = await hashOf({ isInstrumented: false });
    expect(await hashOf({ isInstrumented: true })).toBe(asItIs);
  });

  it("gives a further board without moving what the others draw", async () => {
    const consoles = async (boards: number): Promise<readonly string[]> => {
      const { world } = fleet({ boards });
      // The spread of power-up times depends on their number.
      await world.run("2m");
      await world.close();
      const lines = world.boards.get("dev-1")?.lines ?? [];
      return lines.map((line) => line.replace(/^\d+ /, ""));
    };
    expect(await consoles(3)).toEqual(await consoles(2));
  });

  it("goes on with the other boards when one cannot start", async () => {
    const world = new World();
    world.board("refused", { script: "var a;\nfunction f() { return a?.b; }\nf();" });
    world.board("throws", { script: "\nthrow new Error('at boot');" });
    const good = world.board("good", { script: "setInterval(() => print('tick'), 1000)" });
    await world.run("3500ms");
    expect(good.lines).toEqual(["tick", "tick", "tick"]);
    expect(world.problems.map(({ board, place }) => [board, place])).toEqual([
      ["refused", ".bootcde:2:23"],
      ["throws", ".bootcde:2:7"],
    ]);
    expect(world.problems[1]?.text).toBe("Error: at boot");
    await world.close();
  });

  it("stops a board whose callbacks never end, and names it, its timer and the place", async () => {
    const world = new World();
    world.board("storm", { script: "var n = 0;\nsetInterval(function again() { n++; }, 1);" });
    const good = world.board("good", { script: "setInterval(() => print('tick'), 1000)" });
    await world.run("1m");
    expect(world.problems).toEqual([]);
    // An hour of ticks of 1 ms is made up for at once (FIELD P1).
    world.fault("clock-step", { step_ms: 3_600_000, target: "storm" });
    await world.run("1m");
    expect(world.problems).toMatchObject([
      {
        board: "storm",
        text: expect.stringContaining("timer 1 (every 1 ms, function again)") as string,
        place: ".bootcde:2:13",
      },
    ]);
    expect(good.lines.length).toBe(120);
    await world.close();
  });

  it("refuses a wrong plan as a whole", async () => {
    const { world } = fleet();
    expect(() => world.plan([{ fault: "reset" }, { fault: "resett" }])).toThrow(PlanError);
    await world.run("1m");
    world.check.expectNone({ on: "fault" });
    await world.close();
  });

  it("stops when a condition holds, at the event that made it so", async () => {
    const world = new World();
    const board = world.board("a", { script: "setInterval(() => print('x'), 1000)" });
    expect(await world.runUntil(() => board.lines.length === 2, "1h")).toBe(true);
    expect(world.nowMs).toBe(2000);
    expect(await world.runUntil(() => board.lines.length === 9, "3s")).toBe(false);
    expect(world.nowMs).toBe(5000);
    await world.close();
  });
});

describe("faults in a world", () => {
  it("begin and end when the plan says, and are in the trace", async () => {
    const { world, beats } = fleet({ boards: 1 });
    world.plan([{ at: "1m", for: "1m", fault: "partition", target: "dev-1" }]);
    await world.run("59s");
    const before = beats.length;
    await world.run("61s");
    expect(beats.length).toBeLessThanOrEqual(before + 1);
    await world.run("2m");
    expect(beats.length).toBeGreaterThan(before + 3);
    world.check.expect({ on: "fault", ev: "begin", fault: "partition" }, { atMost: 1 });
    expect(world.check.first({ on: "fault", ev: "end" })?.t).toBe(120_000_000);
    await world.close();
  });

  it("end early when they are healed by hand, once", async () => {
    const { world } = fleet({ boards: 1 });
    const fault = world.fault("latency", { delay_ms: 100, for: "1h" });
    await world.run("1s");
    fault.end();
    fault.end();
    expect(world.activeFaults).toEqual([]);
    await world.run("2h");
    expect(world.check.count({ on: "fault", ev: "end" })).toBe(1);
    await world.close();
  });
});
