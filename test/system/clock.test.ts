// SPDX-License-Identifier: MIT
// The wall clock in a simulated world: a virtual ESP32 that starts in 1970, and a time server that is
// right, wrong, or away.
import { afterEach, describe, expect, it } from "vitest";
import { World, WORLD_START_MS } from "../../sim/index.ts";
import type { Duration, TimeRule, WorldBoard } from "../../sim/index.ts";
import { SEED } from "../helpers/seeds.ts";
import { clockEntry, clockFiles } from "../helpers/clock-entry.ts";

const HOUR_MS = 3_600_000;
const INTERVAL_SEC = 3600;

interface Rig {
  world: World;
  board: WorldBoard;
  server: ReturnType<World["timeServer"]>;
  /** How far its clock is ahead of the world's, ms. */
  aheadMs(): number;
  status(): string;
  says(text: string): string[];
  /** Waits for the next success; tells whether it came. */
  syncs(limit?: Duration): Promise<boolean>;
}

const worlds: World[] = [];
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close();
});

/** A board that is switched on in 1970, as after a power cut, in a world with a time server. */
async function createRig({
  startMs = WORLD_START_MS + 30 * 24 * HOUR_MS,
  servers = "clock",
  hasPair = false,
} = {}): Promise<Rig> {
  const world = new World({ seed: SEED, startMs });
  worlds.push(world);
  const server = world.timeServer("clock");
  const board = world.board("dut", {
    script: await clockEntry(),
    files: clockFiles({ servers, intervalSec: INTERVAL_SEC, hasPair }),
  });
  world.fault("clock-1970", { target: "dut" });
  return {
    world,
    board,
    server,
    aheadMs: () => Number(board.evaluate("wall()")) - world.clock.now(),
    status: () => String(board.evaluate("timeStatus()")).replace(" running", ""),
    says: (text) => board.lines.filter((line) => line.includes(text)),
    syncs: (limit = "60s") => {
      let looked = board.lines.length;
      // Asked after every event: looks at new lines only.
      return world.runUntil(() => {
        while (looked < board.lines.length)
          if (board.lines[looked++]?.includes("time synced")) return true;
        return false;
      }, limit);
    },
  };
}

describe("a board that starts in 1970", () => {
  it("knows the time a few seconds after it has joined, to within milliseconds", async () => {
    const { world, syncs, aheadMs, board } = await createRig();
    expect(await syncs()).toBe(true);
    expect(Math.abs(aheadMs())).toBeLessThan(10);
    // The interpreter's own clock, too, and its timers did not notice.
    expect(Math.abs(Number(board.evaluate("getTime()*1000")) - world.clock.now())).toBeLessThan(10);
    const before = Number(board.evaluate("now()"));
    await world.run("1h");
    expect(Number(board.evaluate("now()")) - before).toBeCloseTo(HOUR_MS, -1);
    expect(board.usage()?.sockets).toBe(0);
  });

  it("keeps the time over a power cut as a floor", async () => {
    const { world, syncs, status, aheadMs } = await createRig();
    await syncs();
    world.fault("sntp-lie", { target: "clock", lie: "silent" });
    await world.run("10m");
    world.fault("clock-1970", { target: "dut" });
    await world.run("1m");
    expect(status()).toBe("none plausible");
    expect(aheadMs()).toBeLessThan(-10 * 60_000);
    expect(aheadMs()).toBeGreaterThan(-12 * 60_000);
  });

  it("finds the time beyond NTP's era", async () => {
    const { syncs, aheadMs } = await createRig({
      startMs: Date.UTC(2036, 1, 7, 6, 28, 10),
    });
    expect(await syncs()).toBe(true);
    expect(Math.abs(aheadMs())).toBeLessThan(10);
  });
});

describe("a wrong answer", () => {
  it.each<[string, TimeRule["do"], string]>([
    ["a kiss of death", { kissOfDeath: "RATE" }, "RATE"],
    ["another's timestamp", { hasWrongOrigin: true }, "none"],
    ["an unset clock", { leap: 3 }, "unfit"],
    ["stratum 16", { stratum: 16 }, "unfit"],
    ["a client's packet", { mode: 3 }, "unfit"],
    ["no time", { hasNoTime: true }, "unfit"],
    ["half a packet", { bytes: 40 }, "none"],
    ["a time before this firmware", { offsetMs: -60 * 24 * HOUR_MS }, "disagree"],
    ["silence", "silent", "none"],
  ])("such as %s is never believed", async (_name, lie, reason) => {
    const { world, server, status, says, syncs } = await createRig();
    const heal = server.misbehave({ on: "request", do: lie });
    await world.run("4h");
    expect(status()).toBe(`${reason} none`);
    expect(says("test clock")).toEqual([]);
    // Four questions in four minutes.
    expect(server.stats().requests).toBeLessThanOrEqual(4 * 60);
    heal();
    // After RATE the interval is longer.
    expect(await syncs("24h")).toBe(true);
    expect(world.problems).toEqual([]);
  });

  it.each(["era-2036", "offset"])(
    "such as a leap (%s) does not move a clock that is synced",
    async (lie) => {
      const { world, status, aheadMs, syncs } = await createRig();
      await syncs();
      const fault = world.fault("sntp-lie", { target: "clock", lie });
      await world.run("12h");
      expect(status()).toBe("disagree synced");
      expect(Math.abs(aheadMs())).toBeLessThan(10);
      fault.end();
      await world.run("2h");
      expect(status()).toBe("synced synced");
    },
  );

  it("of one server is outvoted by two others", async () => {
    const { world, aheadMs, says, syncs } = await createRig({ servers: "clock,good-1,good-2" });
    world.timeServer("good-1");
    world.timeServer("good-2");
    world.fault("sntp-lie", { target: "clock", lie: "era-2036" });
    expect(await syncs()).toBe(true);
    expect(Math.abs(aheadMs())).toBeLessThan(10);
    expect(says("server=good-2")).toHaveLength(1);
  });
});

describe("the diagnostic pair", () => {
  it("is logged at the minutes of the clock that was just set, ten seconds apart", async () => {
    const { world, says, syncs } = await createRig({ hasPair: true });
    await syncs();
    const from = world.clock.now();
    await world.run("3m");
    const minutes = Math.floor(world.clock.now() / 60_000) - Math.floor(from / 60_000);
    const timed = says("Heartbeat (timed)").slice(-minutes);
    const event = says("Heartbeat (event)");
    const uuidOf = (line: string | undefined): string => (line ?? "").slice(-36);
    for (const [i, line] of timed.entries()) {
      const [, low, middle, high] = /UUID=(.{8})-(.{4})-1(.{3})-/.exec(line) ?? [];
      const ticks = BigInt(`0x${high}${middle}${low}`) - 0x01b21dd213814000n;
      const lateMs = Number(ticks / 10_000n) % 60_000;
      expect(lateMs).toBeLessThan(20);
      if (i < timed.length - 1) expect(event.map(uuidOf)).toContain(uuidOf(line));
    }
    expect(timed).toHaveLength(3);
  });
});

describe("a clock that is set behind the firmware's back", () => {
  it.each([600_000, HOUR_MS])("by %i ms fires no timer early", async (stepMs) => {
    const { world, board, says, aheadMs, syncs } = await createRig();
    await syncs();
    board.evaluate('later(300000,"later")');
    await world.run("1m");
    world.fault("clock-step", { target: "dut", step_ms: stepMs });
    await world.run("3m");
    expect(says("test later")).toEqual([]);
    await world.run("90s");
    expect(says("test later")).toHaveLength(1);
    expect(Math.abs(aheadMs())).toBeLessThan(30_000);
  });
});
