// SPDX-License-Identifier: MIT
// The whole program on a fake board with a fake broker: what a person can do with it on the console,
// and that nothing is left after `stop`.
import { describe, expect, it, vi } from "vitest";
import type { Config } from "../../firmware/wire/config.ts";
import { CONFIG } from "../../firmware/wire/config.ts";
import { LUBDUB_VERSION } from "../../firmware/wire/version.ts";
import { detachToken } from "../../firmware/wire/heartbeat.ts";
import type { HeartbeatBody } from "../../firmware/wire/heartbeat.ts";
import { BACK_MS, STOP_GUARD_MS, createApp } from "../../firmware/app.ts";
import { keepalive, uplink, websocket } from "../../firmware/parts.ts";
import { compose, startable } from "../helpers/compose.ts";
import {
  KEY,
  armedCount,
  configOf,
  createFakeBoard,
  createFakeRadio,
  linesOf,
} from "../helpers/fake-board.ts";
import type { FakeRadio } from "../helpers/fake-board.ts";
import { createFakeBroker } from "../helpers/fake-broker.ts";
import { START_WALL_MS } from "../helpers/fake-clock.ts";
import { connack } from "../helpers/packets.ts";
import { answerTo, serverFrame } from "../helpers/websocket-rig.ts";

function create(change: Partial<Config> & { radio?: FakeRadio } = {}) {
  const { radio, ...config } = change;
  const board = createFakeBoard({
    boot: 6,
    ...(radio ? { radio } : {}),
  });
  const broker = createFakeBroker(board);
  const checked = configOf({ interval_s: 10, ...config });
  board.logLevel = checked.log_level as typeof board.logLevel;
  const program = startable(board, checked);
  return {
    ...program,
    board,
    broker,
    clock: board.clock,
    net: board.net,
    beats: () =>
      broker
        .payloads("/heartbeat")
        .map((payload) => JSON.parse(detachToken(payload)?.body ?? "null") as HeartbeatBody),
    /** Stops and checks that nothing is left. */
    stopAll: () => {
      program.stop();
      board.advance(4000);
      expect(board.lines.at(-1)).toMatch(/^\d+ I app stopped$/);
      expect(armedCount(board)).toBe(0);
      expect(board.net.openCount()).toBe(0);
    },
  };
}

describe("start", () => {
  it("says who it is and that it is ready, then connects and beats", () => {
    const rig = create();
    rig.start();
    expect(rig.board.lines).toEqual([
      "0 I app identity id=kitchen boot=7 reset=unknown",
      "0 I uplink waiting start",
      "0 I heartbeat started interval_s=10",
      "0 I app ready",
    ]);
    rig.clock.advance(30_000);
    expect(rig.beats().map((beat) => [beat.seq, beat.uptime_ms])).toEqual([
      [1, 10_000],
      [2, 20_000],
      [3, 30_000],
    ]);
    rig.stopAll();
  });

  it("twice is refused with a log line", () => {
    const rig = create();
    rig.start();
    rig.start();
    expect(linesOf(rig.board, "already")).toEqual(["W app already-started"]);
    rig.clock.advance(10_000);
    expect(rig.beats()).toHaveLength(1);
    rig.stopAll();
  });

  it.each([0, 1])("sends the immediate beat of QoS %i when the connection is there", (qos) => {
    const rig = create({ immediate: true, qos });
    rig.start();
    rig.clock.advance(2000);
    expect(rig.beats().map((beat) => [beat.seq, beat.uptime_ms])).toEqual([[1, 0]]);
    expect(linesOf(rig.board, "failed")).toEqual([]);
    rig.stopAll();
  });

  it("brings the radio up first", () => {
    const radio = createFakeRadio();
    const rig = create({ radio, wifi_ssid: "home", wifi_password: "hunter2!" });
    rig.start();
    rig.clock.advance(5000);
    expect(rig.status()).toMatchObject({ wifi: "joining", uplink: "waiting" });
    expect(rig.net.sockets).toEqual([]);
    radio.up("10.0.0.9");
    rig.clock.advance(2100);
    expect(rig.status()).toMatchObject({ wifi: "up", uplink: "online" });
    rig.clock.advance(10_000);
    expect(rig.beats()[0]?.telemetry).toMatchObject({ rssi: -61 });
    rig.stopAll();
  });

  it("reconnects when the radio comes back", () => {
    const radio = createFakeRadio();
    radio.up("10.0.0.9");
    const rig = create({ radio });
    rig.start();
    rig.clock.advance(2000);
    radio.down("8");
    expect(rig.status()).toMatchObject({ wifi: "down", uplink: "waiting" });
    rig.clock.advance(60_000);
    radio.up("10.0.0.9");
    rig.clock.advance(2100);
    expect(rig.status()).toMatchObject({ wifi: "up", uplink: "online", session: 2 });
    rig.stopAll();
  });
});

describe("a beat", () => {
  it.each([
    ["up", "alive"],
    ["offline", "alive"],
    ["down", "degraded"],
    ["stage-2", "degraded"],
    ["RATE", "degraded"],
  ])("made while a service says %s says %s", (word, status) => {
    const board = createFakeBoard({ boot: 6 });
    const broker = createFakeBroker(board);
    const app = createApp(board, configOf({ interval_s: 10 }), "");
    compose(app);
    app.services["own"] = { status: word, stop: () => undefined };
    board.advance(11_000);
    expect(JSON.parse(broker.payloads("/heartbeat")[0] as string)).toMatchObject({ status });
  });

  it("made while a subscription is refused says degraded", () => {
    const board = createFakeBoard({ boot: 6 });
    const broker = createFakeBroker(board);
    compose(createApp(board, configOf({ interval_s: 10 }), ""));
    board.advance(9000);
    board.isDeaf = true;
    board.advance(2000);
    expect(JSON.parse(broker.payloads("/heartbeat")[0] as string)).toMatchObject({
      status: "degraded",
    });
  });
});

describe("beats over an outage", () => {
  it("wait in a bounded number, are sent once the broker is back, and the rest is counted", () => {
    const rig = create({ reconnect_spread_s: 2 });
    rig.start();
    rig.clock.advance(20_500);
    rig.broker.isUp = false;
    rig.net.last().close("ended");
    rig.clock.advance(100_000);
    rig.broker.isUp = true;
    rig.clock.advance(200_000);
    const seqs = rig.beats().map((beat) => beat.seq);
    expect(seqs).toEqual([...new Set(seqs)]);
    expect(seqs.slice(0, 9)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const dropped = linesOf(rig.board, "heartbeat failed").length;
    expect(dropped).toBeGreaterThan(0);
    expect(seqs.length + dropped).toBe(seqs.at(-1));
    // The deltas of dropped beats are lost with them; totals tell all.
    const beats = rig.beats();
    const last = beats.findLastIndex((beat) => beat.telemetry?.totals);
    const told = beats.slice(last).reduce((sum, beat) => sum + (beat.telemetry?.dropped ?? 0), 0);
    expect(told).toBe(dropped);
    rig.stopAll();
  });
});

describe("a restart that was planned", () => {
  it("tells its reason in the first beats of the next start, and only there", () => {
    const config = configOf({ interval_s: 10 });
    const old = createFakeBoard({ boot: 6 });
    const oldBroker = createFakeBroker(old);
    const app = createApp(old, config, "");
    compose(app);
    old.advance(5000);
    app.reboot("command");
    old.advance(STOP_GUARD_MS);
    expect(old.reboots).toBe(1);
    const until = new Date(START_WALL_MS + 5000 + BACK_MS + 10_000).toISOString();
    expect(JSON.parse(oldBroker.payloads("/heartbeat").at(-1) as string)).toMatchObject({ until });

    function resets(): unknown[] {
      const board = createFakeBoard({ flash: old.flash });
      const broker = createFakeBroker(board);
      compose(createApp(board, config, ""));
      board.advance(45_000);
      return broker
        .payloads("/heartbeat")
        .map((payload) => JSON.parse(payload) as HeartbeatBody)
        .map(({ boot, telemetry }) => [boot, telemetry?.reset]);
    }
    expect(resets()).toEqual([
      [8, "command"],
      [8, "command"],
      [8, "command"],
      [8, undefined],
    ]);
    expect(resets()[0]).toEqual([9, "unknown"]);
  });
});

describe("stop", () => {
  it("says shutdown and DISCONNECT, and is over in no time when the broker answers", () => {
    const rig = create();
    rig.start();
    rig.clock.advance(11_000);
    rig.broker.packets.length = 0;
    rig.stop();
    rig.clock.advance(10);
    expect(linesOf(rig.board, "stopped")).toEqual(["I heartbeat stopped", "I app stopped"]);
    expect(rig.broker.cmds()).toEqual(["publish", "publish", "disconnect"]);
    expect(rig.beats().at(-1)?.status).toBe("stopping");
    expect(armedCount(rig.board)).toBe(0);
  });

  it("is bounded when nobody answers", () => {
    const rig = create();
    rig.start();
    rig.clock.advance(9_000);
    rig.broker.acksPublish = false;
    rig.clock.advance(2_000);
    rig.net.last().isStalled = true;
    rig.stopAll();
    expect(linesOf(rig.board, "heartbeat stopped")).toEqual(["I heartbeat stopped unanswered=2"]);
  });

  it.each([
    { name: "at once", ms: 0 },
    { name: "while it connects", ms: 1001 },
    { name: "after a day", ms: 86_400_000 },
  ])("works $name", ({ ms }) => {
    const rig = create();
    rig.start();
    rig.clock.advance(ms);
    rig.stopAll();
  });

  it("works without a broker, with beats that wait", () => {
    const rig = create();
    rig.broker.isUp = false;
    rig.start();
    rig.clock.advance(45_000);
    rig.stopAll();
    expect(linesOf(rig.board, "E_MQTT_CLOSED")).toHaveLength(5);
  });

  it("leaves no connection to servers that do not answer the Close of a WebSocket", () => {
    const board = createFakeBoard({ boot: 6 });
    const { mask } = board;
    const app = createApp(
      board,
      configOf({
        urls: "ws://a.test",
        keepalive_url: "ws://b.test",
        keepalive_interval_s: 60,
        keepalive_payload: "x",
      }),
      "",
    );
    uplink(app);
    websocket(app);
    keepalive(app);
    Object.assign(board, { mask });
    board.net.onConnect = (socket) =>
      board.after(() => {
        socket.open();
        socket.receive(answerTo(socket.written));
        if (socket.endpoint.host === "a.test") socket.receive(serverFrame(0x82, connack()));
      }, 1);
    board.advance(45_000);
    expect(app.status()).toMatchObject({ uplink: "online", keepalive: "open" });
    app.stop();
    board.advance(4000);
    expect(linesOf(board, "app stopped")).toHaveLength(1);
    expect(board.net.openCount()).toBe(0);
    expect(armedCount(board)).toBe(0);
  });

  it("comes to its end whatever an author's service throws", () => {
    const board = createFakeBoard({ boot: 6 });
    const app = createApp(board, configOf({}), "");
    let isOver = false;
    app.services["pump"] = {
      status: "on",
      stop: () => {
        throw new Error("stuck");
      },
    };
    compose(app);
    app.stop(() => (isOver = true));
    board.advance(STOP_GUARD_MS);
    expect(isOver).toBe(true);
    expect(linesOf(board, "app")).toContain('E app fault text="Error: stuck"');
  });

  it("is followed by the restart also when its last steps are cut short", () => {
    const board = createFakeBoard({ boot: 6 });
    const app = createApp(board, configOf({}), "");
    compose(app);
    let isOver = false;
    const { print } = board;
    board.print = (line) => {
      if (line.includes("app stopped")) throw new Error("out of memory");
      print(line);
    };
    app.stop(() => (isOver = true));
    board.advance(STOP_GUARD_MS);
    expect(isOver).toBe(true);
  });

  it("works without an address", () => {
    const rig = create({ radio: createFakeRadio(), wifi_ssid: "home" });
    rig.start();
    rig.clock.advance(40_000);
    rig.stopAll();
  });

  it("twice is refused with a log line", () => {
    const rig = create();
    rig.start();
    rig.clock.advance(2000);
    rig.stop();
    rig.stop();
    expect(linesOf(rig.board, "not-running")).toHaveLength(1);
    rig.clock.advance(4000);
    expect(linesOf(rig.board, "app stopped")).toHaveLength(1);
  });

  it("refuses a start until it is over, and can be followed by one, which is a start of the board", () => {
    const radio = createFakeRadio();
    radio.up("10.0.0.9");
    const rig = create({ radio });
    rig.start();
    rig.clock.advance(11_000);
    rig.stop();
    rig.start();
    expect(linesOf(rig.board, "already-stopping")).toHaveLength(1);
    rig.clock.advance(4000);
    rig.start();
    rig.clock.advance(11_000);
    expect(rig.status()).toMatchObject({
      boot: 8,
      session: 1,
      seq: 1,
      uplink: "online",
      heartbeat: "on",
    });
    rig.stopAll();
  });
});

describe("status", () => {
  it("tells the state of each part", () => {
    const rig = create();
    rig.start();
    expect(rig.status()).toEqual({
      id: "kitchen",
      version: LUBDUB_VERSION,
      boot: 7,
      session: 0,
      seq: 0,
      clock: "plausible",
      uplink: "waiting",
      heartbeat: "on",
    });
    rig.clock.advance(11_000);
    expect(rig.status()).toMatchObject({ session: 1, seq: 1, uplink: "online", heartbeat: "on" });
    rig.stopAll();
    expect(rig.status()).toMatchObject({ uplink: "off", heartbeat: "off" });
  });

  it("tells which bundle runs, by the head of the slot that the loader has started", () => {
    const rig = create();
    rig.start();
    rig.board.write("lubdub.b", "1007q7Xb2k9a0123abcd---1text");
    vi.stubGlobal("slot", "lubdub.b");
    try {
      expect(rig.status()).toMatchObject({ bundle: "1007q7Xb2k9a" });
    } finally {
      vi.unstubAllGlobals();
    }
  });

  it("is undefined for start and stop, so that a console prints nothing odd", () => {
    const rig = create();
    expect([rig.start(), rig.start(), rig.stop(), rig.stop()]).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
    rig.clock.advance(4000);
  });
});

it("never logs a secret, at any level, whatever the broker answers", () => {
  const rig = create({ log_level: "D", wifi_ssid: "home", wifi_password: "hunter2!" });
  rig.start();
  for (const code of [0, 4, 5]) {
    rig.broker.connack = code;
    rig.clock.advance(30_000);
    if (rig.net.sockets.length) rig.net.last().close("ended");
    rig.clock.advance(200_000);
  }
  rig.stopAll();
  const text = rig.board.lines.join("\n");
  expect(text).not.toContain(KEY);
  expect(text).not.toContain("hunter2");
  expect(text).not.toContain("eyJ");
});

it("every line is one printable ASCII line of at most 160 bytes, with the longest names", () => {
  const radio = createFakeRadio();
  const rig = create({
    log_level: "D",
    radio,
    device_id: "x".repeat(64),
    topic_prefix: 'a "b" c/' + "y".repeat(100),
    urls: `mqtt://${"h".repeat(200)}`,
    wifi_ssid: '"'.repeat(Number(CONFIG.wifi_ssid[3])),
  });
  rig.start();
  radio.joins[0]?.done("very\nlong " + "e".repeat(200));
  rig.clock.advance(10_000);
  radio.up("10.0.0.9");
  rig.clock.advance(60_000);
  rig.net.last().receive("\xff\xff\xff\xff\xff");
  rig.clock.advance(60_000);
  rig.stopAll();
  for (const line of rig.board.lines) expect(line).toMatch(/^\d+ [DIWE] [a-z]+ [a-z-]+( [ -~]*)?$/);
  expect(Math.max(...rig.board.lines.map((line) => line.length))).toBeLessThanOrEqual(160);
});
