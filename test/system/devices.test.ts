// SPDX-License-Identifier: MIT
// The devices of examples/devices in a simulated world: what each adds to its heartbeat, what it
// obeys, and how large it is. The same on the real interpreter: test/integration/devices.test.ts.
import { readFileSync } from "node:fs";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { World, createHeartbeatReceiver, createWebSocketListener } from "../../sim/index.ts";
import type { WorldBoard } from "../../sim/index.ts";
import { deviceBundle } from "../helpers/device-bundle.ts";
import { PROJECT } from "../helpers/planted.ts";
import { SEED } from "../helpers/seeds.ts";
import { commandToken } from "../helpers/signed.ts";
import { TEST_KEY } from "../helpers/test-board.ts";

type Beat = { [member: string]: unknown };

let bundles: { [name: string]: string };
beforeAll(async () => {
  bundles = {};
  for (const name of ["signage", "flow", "sign", "feed"]) bundles[name] = await deviceBundle(name);
}, 300_000);

const worlds: World[] = [];
afterEach(async () => {
  for (const world of worlds.splice(0)) {
    expect(world.problems).toEqual([]);
    await world.close();
  }
});

function createWorld(): World {
  const world = new World({ seed: SEED, keepTrace: false });
  worlds.push(world);
  return world;
}

function powerOn(world: World, name: string, config: object): WorldBoard {
  // The boards of a world know the time.
  const known = { key: TEST_KEY, wifi_ssid: "home", time_servers: "" };
  const base = { device_id: name, interval_s: 10, ...known };
  return world.board(name, {
    script: bundles[name] as string,
    files: { "lubdub.json": JSON.stringify({ ...base, ...config }) },
  });
}

describe("signage", () => {
  it("tells what is on, and obeys a signed command beyond a power cut", async () => {
    const world = createWorld();
    const broker = world.broker("broker");
    const beats: Beat[] = [];
    const replies: Beat[] = [];
    const parse = (payload: Buffer): Beat => JSON.parse(payload.toString()) as Beat;
    broker.subscribe("devices/+/heartbeat", (_topic, payload) => beats.push(parse(payload)));
    broker.subscribe("devices/+/replies", (_topic, payload) => replies.push(parse(payload)));
    const board = powerOn(world, "signage", { urls: "mqtt://broker" });
    await world.run("1m");
    expect(beats.at(-1)).toMatchObject({
      current_playlist: "welcome",
      storage_status: "ok",
      network_status: "up",
      player_version: "4.2.0",
      status: "alive",
    });
    const play = (playlist: string): void => {
      const token = commandToken("signage", "play", { playlist }, world.clock.now());
      broker.publish("devices/signage/commands", Buffer.from(token), { qos: 1 });
    };
    play("");
    play("spring");
    await world.run("1m");
    expect(replies).toMatchObject([
      { ok: false, error: { code: "E_COMMAND_ARGS" } },
      { ok: true, result: { current_playlist: "spring" } },
    ]);
    expect(beats.at(-1)).toMatchObject({ current_playlist: "spring" });
    board.powerOff();
    board.powerOn();
    await world.run("1m");
    expect(beats.at(-1)).toMatchObject({ current_playlist: "spring", seq: expect.any(Number) });
  });
});

describe("flow", () => {
  it("publishes by the minute what has flowed, tells the sum, and turns its valve", async () => {
    const world = createWorld();
    const broker = world.broker("broker");
    const flows: string[] = [];
    let beat: Beat = {};
    broker.subscribe("devices/flow/flow", (_topic, payload) => flows.push(payload.toString()));
    broker.subscribe("devices/flow/heartbeat", (_topic, payload) => {
      beat = JSON.parse(payload.toString()) as Beat;
    });
    const board = powerOn(world, "flow", { urls: "mqtt://broker", pulses_per_litre: 10 });
    board.pins.set("D27", 0);
    await world.run("70s");
    flows.length = 0;
    for (let i = 0; i < 25; i++) {
      world.after(2 * i, () => board.pins.set("D27", 1));
      world.after(2 * i + 1, () => board.pins.set("D27", 0));
    }
    broker.publish("devices/flow/valve", Buffer.from("open"), { qos: 1 });
    await world.run("1m");
    expect(flows).toEqual(['{"litres":2.5}']);
    expect(beat).toMatchObject({ litres_total: 2.5, valve_open: true });
    expect(board.pins.read("D26")).toBe(1);
  });

  it("refuses a wrong value of its own key", async () => {
    const world = createWorld();
    const board = powerOn(world, "flow", { urls: "mqtt://broker", pulses_per_litre: 0 });
    await world.run("1s");
    expect(board.lines.join("\n")).toContain(
      'E config wrong key=pulses_per_litre expected="integer from 1 to 10000" got="0"',
    );
  });
});

describe("sign", () => {
  it("shows the picture that the server wants", async () => {
    const world = createWorld();
    let wanted = "day";
    let beat: Beat = {};
    world.http("monitor", {
      handle: ({ method, body }) => {
        if (method !== "POST") return { status: 204 };
        beat = JSON.parse(body.toString()) as Beat;
        const answer = { status: "ok", playlist_updated: beat["current_playlist"] !== wanted };
        return { status: 200, body: JSON.stringify(answer) };
      },
    });
    const board = powerOn(world, "sign", { urls: "http://monitor" });
    await world.run("30s");
    expect(beat).toMatchObject({ current_playlist: "day" });
    wanted = "night";
    await world.run("30s");
    expect(beat).toMatchObject({ current_playlist: "night" });
    expect(board.pins.read("D5")).toBe(1);
  });
});

describe("feed", () => {
  it("subscribes, keeps its WebSocket alive, shows what comes, and tells by HTTP", async () => {
    const world = createWorld();
    const heard: string[] = [];
    let beat: Beat = {};
    const program = {
      protocols: [],
      accept: (connection: { send(data: string): void }) => ({
        onMessage: (data: Buffer) => {
          const text = data.toString();
          heard.push(text);
          if (text === "ping") return connection.send("pong");
          connection.send("no message at all");
          return connection.send('{"topic":"price","text":"4.20"}');
        },
        onClose: () => {},
      }),
    };
    world.serve("exchange", 80, createWebSocketListener({ clock: world.clock, program }).peer);
    world.http("monitor", {
      handle: createHeartbeatReceiver({
        clock: world.clock,
        onBeat: ({ text }) => void (beat = JSON.parse(text) as Beat),
      }),
    });
    powerOn(world, "feed", {
      urls: "http://monitor",
      keepalive_url: "ws://exchange",
      keepalive_interval_s: 15,
      keepalive_payload: "preset:ping",
    });
    await world.run("90s");
    expect(heard[0]).toBe('{"subscribe":"price"}');
    expect(heard.filter((text) => text === "ping").length).toBeGreaterThanOrEqual(4);
    expect(beat).toMatchObject({ shown: "4.20", messages: 1, feed: "open" });
  });
});

describe("each of them", () => {
  it("is no larger than its row of the README and the budget say", () => {
    const read = (file: string): string => readFileSync(`${PROJECT}/${file}`, "utf8");
    const { devices } = JSON.parse(read("tools/build-report/budget.json")) as {
      devices: { [name: string]: { ceilingBytes: number } };
    };
    const rows = read("examples/devices/README.md").matchAll(
      /^\| \[([a-z]+)\].*\| ([\d,]+) *\|$/gm,
    );
    const told = [...rows].map(([, name = "", bytes = ""]) => [name, +bytes.replace(",", "")]);
    expect(told).toEqual(Object.entries(devices).map(([name, row]) => [name, row.ceilingBytes]));
    for (const [name, { ceilingBytes }] of Object.entries(devices))
      expect(bundles[name]?.length, `${name}: see budget.json`).toBeLessThanOrEqual(ceilingBytes);
  });
});
