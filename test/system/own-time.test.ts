// SPDX-License-Identifier: MIT
// What the built bundle makes of the time: where it has it from, what it leaves in flash for the next
// start, and the diagnostic pair at the minutes of that clock. The clock by itself is in clock.test.ts.
import { afterEach, describe, expect, it } from "vitest";
import type { HeartbeatBody } from "../../firmware/wire/heartbeat.ts";
import { topicOf, TOPIC_PREFIX } from "../../firmware/wire/topics.ts";
import { createHeartbeatReceiver, World, WORLD_START_MS } from "../../sim/index.ts";
import type { Duration } from "../../sim/index.ts";
import { loadBundle } from "../../tools/lib/bundle.ts";
import { SEED } from "../helpers/seeds.ts";
import { TEST_KEY } from "../helpers/test-board.ts";

const ID = "dev-1";
const MINUTE_MS = 60_000;
/** After a minute of the clock has begun, so that a start is never on one. */
const START_MS = WORLD_START_MS + 5000;

const worlds: World[] = [];
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close();
});

/** A board that starts in 1970, in a world with a time server `clock` and a broker. */
function createRig(settings: object, options: { wifi?: false } = {}) {
  const world = new World({ seed: SEED, startMs: START_MS, keepTrace: false });
  worlds.push(world);
  const broker = world.broker("broker");
  const server = world.timeServer("clock");
  const beats: HeartbeatBody[] = [];
  broker.subscribe(topicOf(TOPIC_PREFIX, ID, "heartbeat"), (_topic, payload) =>
    beats.push(JSON.parse(Buffer.from(payload as Uint8Array).toString("latin1")) as HeartbeatBody),
  );
  // Lines of the diagnostic pair, and when they came by the world's clock, ms.
  const pair: { line: string; atMs: number }[] = [];
  let isSynced = false;
  const config = { device_id: ID, urls: "mqtt://broker", key: TEST_KEY, interval_s: 60 };
  // By address: a board without a radio resolves no names.
  const all = { ...config, time_servers: server.host.address, wifi_ssid: "home", ...settings };
  const board = world.board(ID, {
    ...options,
    script: loadBundle().text,
    files: { "lubdub.json": JSON.stringify(all) },
    onPrint: (line) => {
      isSynced ||= line.includes(" I time synced ");
      if (line.includes("Heartbeat ("))
        pair.push({ line: line.replace(/^\d+ /, ""), atMs: world.clock.now() });
    },
  });
  world.fault("clock-1970", { target: ID });
  return {
    world,
    server,
    board,
    beats,
    pair,
    quality: (): string => String(board.evaluate("lubdub.status().clock")),
    synced: (limit: Duration = "30s"): Promise<boolean> => world.runUntil(() => isSynced, limit),
  };
}

describe("the diagnostic pair", () => {
  it.each([undefined, false])(
    "does not run with ENABLE_HEARTBEAT %s, all else does",
    async (value) => {
      const { world, beats, pair } = createRig({ ENABLE_HEARTBEAT: value });
      await world.run("1h");
      expect(pair).toEqual([]);
      expect(beats.length).toBeGreaterThanOrEqual(58);
      expect(world.problems).toEqual([]);
    },
  );

  it("runs at each minute of the clock, from the first one after it was set", async () => {
    const { world, pair, synced } = createRig({ ENABLE_HEARTBEAT: true });
    expect(await synced()).toBe(true);
    // The first minute of the right time, before that of the uptime.
    const firstMs = WORLD_START_MS + MINUTE_MS;
    expect(firstMs - world.clock.now()).toBeGreaterThan(20_000);
    await world.run("10m");
    const uuids = new Set<string>();
    expect(pair).toHaveLength(20);
    for (let i = 0; i < 20; i += 2) {
      const [timed, event] = pair.slice(i) as [(typeof pair)[0], (typeof pair)[0]];
      const uuid = timed.line.slice(-36);
      uuids.add(uuid);
      expect(timed.line).toBe(`I diagnostics Heartbeat (timed): UUID=${uuid}`);
      expect(event.line).toBe(`I diagnostics Heartbeat (event): UUID=${uuid}`);
      const dueMs = firstMs + (i / 2) * MINUTE_MS;
      expect(Math.abs(timed.atMs - dueMs), `minute ${i / 2}`).toBeLessThan(100);
      expect(Math.abs(event.atMs - dueMs - 10_000), `minute ${i / 2}`).toBeLessThan(100);
    }
    expect(uuids.size).toBe(10);
  });
});

describe("the time", () => {
  it("is asked for without a radio, too", async () => {
    const { synced } = createRig({}, { wifi: false });
    expect(await synced()).toBe(true);
  });

  it("opens the way to the broker once it is there", async () => {
    const { world, board, server, beats, synced } = createRig({
      reconnect_spread_s: 300,
      interval_s: 1,
    });
    const heal = server.misbehave({ on: "request", do: "silent" });
    await world.run("50s");
    expect(board.lines.some((line) => line.endsWith("blocked code=E_CLOCK_NONE"))).toBe(true);
    heal();
    expect(await synced("3m")).toBe(true);
    // A tenth of the spread, not the rest of a wait of minutes.
    expect(await world.runUntil(() => beats.length > 0, "32s")).toBe(true);
  });

  it("goes on from the last known one after a power cut, with no time server", async () => {
    const { world, server, beats, quality, synced } = createRig({});
    expect(await synced()).toBe(true);
    const floorMs = world.clock.now();
    await world.run("10m");
    server.misbehave({ on: "request", do: "silent" });
    world.fault("clock-1970", { target: ID });
    beats.length = 0;
    await world.run("5m");
    expect(quality()).toBe("plausible");
    expect(beats.length).toBeGreaterThanOrEqual(4);
    const times = beats.map(({ timestamp }) => Date.parse(timestamp));
    expect(times[0]).toBeGreaterThan(floorMs - 1000);
    expect((times[3] as number) - (times[0] as number)).toBe(3 * MINUTE_MS);
  });

  it.each(["server_time", "Date"])("is taken from the %s of an HTTP server", async (source) => {
    const { world, board, quality } = createRig({ urls: "http://monitor", time_servers: "" });
    const stamps: number[] = [];
    const receive = createHeartbeatReceiver({
      clock: world.clock,
      onBeat: ({ text, atMs }) =>
        stamps.push(Date.parse((JSON.parse(text) as HeartbeatBody).timestamp) - atMs),
    });
    world.http("monitor", {
      handle: (request) => {
        if (request.method === "POST") return receive(request);
        const now = new Date(world.clock.now());
        if (source === "Date") return { status: 405, headers: { Date: now.toUTCString() } };
        // An answer from a cache: the server's own word counts for more than its head.
        const headers = { Date: new Date(WORLD_START_MS).toUTCString() };
        return { status: 405, headers, body: JSON.stringify({ server_time: now.toISOString() }) };
      },
    });
    expect(quality()).toBe("none");
    expect(await world.runUntil(() => stamps.length > 0, "5m")).toBe(true);
    expect(quality()).toBe("plausible");
    expect(Math.abs(stamps[0] as number)).toBeLessThan(2000);
    expect(board.lines.filter((line) => line.includes(" E "))).toEqual([]);
  });
});
