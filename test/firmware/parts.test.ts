// SPDX-License-Identifier: MIT
// What parts say at the start of a board that lacks something its configuration asks for, and what the
// clock keeps for the next start.
import { expect, it } from "vitest";
import { createApp } from "../../firmware/app.ts";
import {
  clock,
  heartbeat,
  http,
  keepalive,
  mqtt,
  outbox,
  subscribe,
  uplink,
  websocket,
} from "../../firmware/parts.ts";
import type { Connected } from "../../firmware/parts.ts";
import { BOOT_COUNT, FLOOR_MS, KNOWN_MS, restore } from "../../firmware/core/persist.ts";
import { PAUSE_MS } from "../../firmware/services/time-sync.ts";
import { ALL_KEYS } from "../../firmware/wire/config.ts";
import type { Config } from "../../firmware/wire/config.ts";
import { configOf, createFakeBoard, keepNumber, linesOf } from "../helpers/fake-board.ts";
import type { FakeBoard } from "../helpers/fake-board.ts";
import { createFakeBroker } from "../helpers/fake-broker.ts";
import { START_WALL_MS } from "../helpers/fake-clock.ts";
import { timeAnswer } from "../helpers/fake-time-server.ts";
import { connack, parseAll, publish } from "../helpers/packets.ts";
import { answerTo, framesOf, serverFrame } from "../helpers/websocket-rig.ts";

const HOUR_MS = 3_600_000;

function linesOfStart(config: Partial<Config>, lack: { hasTls?: boolean; sha1?: undefined }) {
  const board = Object.assign(createFakeBoard({ boot: 6 }), lack);
  const app = createApp(board, configOf(config), ALL_KEYS);
  uplink(app);
  mqtt(app);
  websocket(app);
  http(app);
  keepalive(app);
  return linesOf(board, "unusable");
}

const KEEPALIVE = {
  keepalive_url: "wss://g.test",
  keepalive_interval_s: 5,
  keepalive_payload: "x",
};
const NO_TLS = "E app unusable code=E_TLS_NONE";

it.each(["wss://a.test,mqtt://b.test", "ws://a.test,mqtts://b.test", "https://a.test"])(
  "without TLS it is told that %s want it",
  (urls) => {
    expect(linesOfStart({ urls }, { hasTls: false })).toEqual([NO_TLS]);
    expect(linesOfStart({ urls }, {})).toEqual([]);
  },
);

it("without TLS addresses that want none are fine", () => {
  const urls = "mqtt://hosts:1883,http://a.test,ws://b.test";
  expect(linesOfStart({ urls }, { hasTls: false })).toEqual([]);
});

it("without SHA-1 it is told where a WebSocket is wanted", () => {
  const told = ["E app unusable code=E_WS_NONE"];
  expect(linesOfStart({ urls: "mqtt://a.test" }, { sha1: undefined })).toEqual([]);
  expect(linesOfStart({ urls: "mqtt://a.test,ws://b.test" }, { sha1: undefined })).toEqual(told);
  expect(linesOfStart({ ...KEEPALIVE }, { sha1: undefined, hasTls: false })).toEqual([
    NO_TLS,
    ...told,
  ]);
});

it("takes many MQTT packets in one WebSocket message", () => {
  const board = createFakeBoard({ boot: 6 });
  const app = createApp(board, configOf({ urls: "ws://a.test/mqtt" }), ALL_KEYS);
  uplink(app);
  let payloads = "";
  app.takers["news"] = (payload) => (payloads += payload);
  const mask = board.mask as (bytes: string) => string;
  websocket(app);
  board.mask = mask;
  board.advance(15_000);
  const socket = board.net.last();
  socket.open();
  socket.receive(answerTo(socket.written));
  board.advance(10);
  const news = publish("devices/kitchen/news", "x".repeat(1200));
  socket.receive(serverFrame(0x82, connack() + news.repeat(8)));
  board.advance(10);
  expect(app.uplink?.status).toBe("online");
  expect(payloads.length).toBe(9600);
});

it("acknowledges a message whose taker throws, and logs what was thrown", () => {
  const board = createFakeBoard({ boot: 6 });
  const app = createApp(board, configOf({ urls: "mqtt://a.test" }), ALL_KEYS);
  uplink(app);
  subscribe(app, "valve", (text) => JSON.parse(text));
  mqtt(app);
  board.advance(15_000);
  const socket = board.net.last();
  socket.open();
  socket.receive(connack());
  board.advance(10);
  socket.receive(publish("devices/kitchen/valve", "open", 1, 77));
  expect(parseAll(socket.written).at(-1)).toMatchObject({ cmd: "puback", messageId: 77 });
  expect(linesOf(board, "fault")).toEqual([
    expect.stringMatching(/^E app fault text="SyntaxError/),
  ]);
});

it("goes on with a kept WebSocket whose author's functions throw, and logs what was thrown", () => {
  const board = createFakeBoard({ boot: 6 });
  const app = createApp(board, configOf({ ...KEEPALIVE, keepalive_url: "ws://g.test" }), ALL_KEYS);
  const got: string[] = [];
  const mask = board.mask as (bytes: string) => string;
  board.draws.push(0.5);
  const live = keepalive(app, {
    onMessage: (_opcode, text) => {
      got.push(text);
      throw new Error("message");
    },
    onState: (status) => {
      throw new Error(status);
    },
  });
  board.mask = mask;
  board.advance(5000);
  const socket = board.net.last();
  socket.open();
  const { length } = socket.written;
  socket.receive(answerTo(socket.written));
  socket.receive(serverFrame(0x81, "a") + serverFrame(0x81, "b") + serverFrame(0x89, "p"));
  expect(got).toEqual(["a", "b"]);
  expect(framesOf(socket.written.slice(length)).at(-1)).toMatchObject({ payload: "p" });
  live?.stop();
  board.advance(5000);
  expect(board.net.openCount()).toBe(0);
  expect(linesOf(board, "fault")).toEqual(
    ["opening", "open", "message", "message", "off"].map(
      (word) => `E app fault text="Error: ${word}"`,
    ),
  );
});

it("the time that was heard starts a board without a clock, and is no floor", () => {
  const first = createFakeBoard({ boot: 6, systemMs: 5000 });
  const heardMs = Date.UTC(2027, 0);
  const start = (rt: typeof first) => {
    const app = createApp(rt, configOf({ time_servers: "" }), ALL_KEYS);
    clock(app);
    return app;
  };
  expect(start(first).status()).toMatchObject({ clock: "none" });
  start(first).time?.heard(heardMs);
  expect(restore(first)[KNOWN_MS]).toBe(heardMs);
  expect(restore(first)[FLOOR_MS]).toBe(0);

  const second = createFakeBoard({ systemMs: 5000, flash: first.flash });
  const app = start(second);
  expect(app.status()).toMatchObject({ clock: "plausible" });
  expect(second.wallMs()).toBe(heardMs);
  app.time?.heard(heardMs - 86_400_000);
  expect(second.wallMs()).toBe(heardMs - 86_400_000);
});

it("a backlog is not signed with the clock of before a power cut while time servers are asked", () => {
  const config = configOf({
    urls: "mqtt://10.0.0.9",
    time_servers: "10.0.0.1,10.0.0.2",
    interval_s: 60,
    reconnect_spread_s: 1,
  });
  const begin = (board: FakeBoard): Connected => {
    const app = createApp(board, config, ALL_KEYS);
    clock(app);
    uplink(app);
    mqtt(app);
    outbox(app);
    heartbeat(app, {});
    return app;
  };
  const before = createFakeBoard({ systemMs: START_WALL_MS - 4 * HOUR_MS });
  keepNumber(before, BOOT_COUNT, 7);
  begin(before);
  before.advance(20 * 60_000);

  const board = createFakeBoard({ systemMs: 0, flash: before.flash });
  keepNumber(board, FLOOR_MS, START_WALL_MS - 5 * HOUR_MS);
  const broker = createFakeBroker(board);
  const app = begin(board);
  for (let step = 0; step < 6000; step++) {
    board.advance(20);
    for (const { bytes, address } of board.udpNet.sent.splice(0))
      board.udpNet.receive(timeAnswer(bytes, START_WALL_MS + board.nowMs()), address);
  }
  const tokens = broker.payloads("heartbeat").map((body) => {
    const { jwt } = JSON.parse(body) as { jwt: string };
    return JSON.parse(atob(jwt.split(".")[1] as string)) as { seq: number; iat: number };
  });
  expect(app.outbox?.replayed).toBeGreaterThan(10);
  expect(tokens.filter(({ iat }) => iat * 1000 < START_WALL_MS)).toEqual([]);
});

it("time servers that were away with the line are asked when it is back", () => {
  const board = createFakeBoard({ systemMs: START_WALL_MS - HOUR_MS });
  keepNumber(board, FLOOR_MS, START_WALL_MS - HOUR_MS);
  const broker = createFakeBroker(board);
  broker.isUp = false;
  const config = configOf({ urls: "mqtt://10.0.0.9", time_servers: "10.0.0.1" });
  const app = createApp(board, config, ALL_KEYS);
  clock(app);
  uplink(app);
  mqtt(app);
  board.advance(3 * HOUR_MS);
  broker.isUp = true;
  while (app.uplink.status !== "online") board.advance(1000);
  board.udpNet.sent.length = 0;
  board.advance(PAUSE_MS);
  expect(board.udpNet.sent).toHaveLength(1);
  expect(app.uplink.status).toBe("online");
});
