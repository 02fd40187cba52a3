// SPDX-License-Identifier: MIT
// The supervisor in the whole program: what it sees of heartbeat, uplink and radio. Its stages over
// random lives are in test/property/supervisor.test.ts.
import { expect, it } from "vitest";
import { createApp, ready } from "../../../firmware/app.ts";
import { heartbeat, mqtt, supervisor, uplink, wifi } from "../../../firmware/parts.ts";
import { VARS_MIN } from "../../../firmware/services/heartbeat.ts";
import { LOOK_MS, WATCHDOG_SEC } from "../../../firmware/services/supervisor.ts";
import type { WebsocketKeepalive } from "../../../firmware/services/websocket-keepalive.ts";
import { configOf, createFakeBoard, createFakeRadio, linesOf } from "../../helpers/fake-board.ts";
import { createFakeBroker } from "../../helpers/fake-broker.ts";

const INTERVAL_SEC = 30;
const RECOVER_SEC = 300;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

/** A program that is online; with a radio, the access point takes the board whenever it joins. */
function program(hasRadio = true) {
  const radio = hasRadio ? createFakeRadio() : undefined;
  const board = createFakeBoard({ boot: 6, ...(radio && { radio }) });
  const broker = createFakeBroker(board);
  if (radio) radio.join = () => void board.clock.after(2000, () => radio.up("10.0.0.9"));
  const app = createApp(
    board,
    configOf({ interval_s: INTERVAL_SEC, recover_s: RECOVER_SEC, wifi_ssid: "home" }),
    "",
  );
  wifi(app);
  uplink(app);
  mqtt(app);
  heartbeat(app, {});
  supervisor(app);
  ready(app);
  board.advance(20_000);
  expect(app.status()["uplink"]).toBe("online");
  return { app, board, broker, radio };
}

it("has a watchdog of 90 s or more, fed at each look while beats are made", () => {
  const { board } = program();
  expect(board.watchdogSec).toBeGreaterThanOrEqual(90);
  for (let i = 0; i < 1000; i++) {
    board.advance(LOOK_MS);
    expect(board.nowMs() - board.fedMs).toBeLessThanOrEqual(LOOK_MS);
  }
});

it("does not feed it any more when no beat is made for two intervals and a minute", () => {
  const { app, board } = program();
  board.advance(DAY_MS);
  const beatMs = app.heartbeat?.beatMs ?? 0;
  app.identity.boot = 0;
  app.identity.ensureBoot = () => false;
  board.advance(HOUR_MS);
  expect(app.heartbeat?.beatMs).toBe(beatMs);
  expect(board.fedMs).toBeLessThan(beatMs + 2 * INTERVAL_SEC * 1000 + 60_000);
});

it("does not feed it any more when memory is short for as long", () => {
  const { app, board } = program();
  const beatMs = app.heartbeat?.beatMs ?? 0;
  board.varsInUse = () => board.varsTotal - board.varsFree;
  board.varsFree = VARS_MIN - 1;
  board.advance(HOUR_MS);
  expect(board.fedMs).toBeLessThan(beatMs + 2 * INTERVAL_SEC * 1000 + 60_000);
});

it("feeds it on when a command makes the interval longer", () => {
  const { app, board } = program();
  app.heartbeat?.setPeriod(3600);
  for (let i = 0; i < 1000; i++) {
    board.advance(LOOK_MS);
    expect(board.nowMs() - board.fedMs).toBeLessThanOrEqual(LOOK_MS);
  }
});

it("has fed it right before each connection, which may block", () => {
  const { board, broker } = program();
  const ages: number[] = [];
  const accept = board.net.onConnect;
  board.net.blockMs = 70_000;
  board.net.onConnect = (socket) => {
    ages.push(board.nowMs() - board.net.blockMs - board.fedMs);
    accept?.(socket);
  };
  broker.isUp = false;
  board.net.last().close("error");
  board.advance(3_600_000);
  expect(ages.length).toBeGreaterThan(10);
  expect(new Set(ages)).toEqual(new Set([0]));
  expect(board.net.blockMs).toBeLessThan(WATCHDOG_SEC * 1000);
});

it("feeds it right after a connect that blocked for nearly as long as it waits", () => {
  const { board, broker } = program();
  board.net.blockMs = WATCHDOG_SEC * 1000 - 5000;
  broker.isUp = false;
  board.net.last().close("error");
  let oldestMs = 0;
  for (let sec = 0; sec < 3600; sec++) {
    board.advance(1000);
    oldestMs = Math.max(oldestMs, board.nowMs() - board.fedMs);
  }
  expect(oldestMs).toBeGreaterThan(board.net.blockMs - 1);
  expect(oldestMs).toBeLessThan(WATCHDOG_SEC * 1000);
});

it("leaves new sockets to the uplink at first, then joins anew, and never reboots for a broker", () => {
  const { app, board, broker } = program();
  const lostMs = board.nowMs();
  broker.isUp = false;
  board.net.last().close("error");
  board.advance(RECOVER_SEC * 1000 - LOOK_MS);
  expect(board.net.sockets.length).toBeGreaterThan(5);
  expect(linesOf(board, "supervisor")).toEqual([]);
  board.advance(DAY_MS);
  const stages = board.lines.filter((line) => line.includes(" supervisor "));
  const expected = [1, 2, 4, 8, 16, 32, 64, 128, 256];
  expect(stages.map((line) => line.split(" ")[3])).toEqual(
    expected.map((_, i) => `stage-${1 + (i % 2)}`),
  );
  stages.forEach((line, i) => {
    const lateMs = Number.parseInt(line, 10) - lostMs - RECOVER_SEC * 1000 * (expected[i] ?? 0);
    expect(Math.abs(lateMs)).toBeLessThanOrEqual(LOOK_MS);
  });
  expect(board.reboots).toBe(0);
  broker.isUp = true;
  board.advance(300_000);
  expect(app.status()).toMatchObject({ uplink: "online", supervisor: "ok" });
});

it("leaves the radio alone for as long as a server has asked to wait", () => {
  const { app, board, broker } = program();
  broker.isUp = false;
  app.uplink?.onFail("E_HTTP status=503", false, 3_600_000);
  board.advance(3_600_000);
  expect(linesOf(board, "supervisor")).toEqual([]);
  board.advance(RECOVER_SEC * 1000 + 2 * LOOK_MS);
  expect(linesOf(board, "supervisor")).toEqual([expect.stringMatching(/^W supervisor stage-1 /)]);
});

it("leaves it alone while a WebSocket is open", () => {
  const { app, board, broker } = program();
  app.keepalive = { status: "open" } as WebsocketKeepalive;
  broker.isUp = false;
  board.net.last().close("error");
  board.advance(DAY_MS);
  expect(linesOf(board, "supervisor")).toEqual([]);
});

it("reboots once, in order, when there has been no address for six times as long", () => {
  const { board, radio } = program();
  if (radio) radio.join = () => undefined;
  radio?.down("8");
  board.advance(6 * RECOVER_SEC * 1000 - LOOK_MS);
  expect(board.reboots).toBe(0);
  board.advance(2 * LOOK_MS + 6000);
  expect(board.reboots).toBe(1);
  const order = linesOf(board, "").filter((line) => /supervisor|reboot|app stopped/.test(line));
  expect(order).toEqual([
    expect.stringMatching(/^W supervisor stage-1 /),
    expect.stringMatching(/^W supervisor stage-2 /),
    expect.stringMatching(/^W supervisor stage-1 /),
    expect.stringMatching(/^E supervisor reboot offline_ms=/),
    "W app reboot reason=offline",
    "I app stopped",
  ]);
});

it("only feeds the watchdog on a board without a radio", () => {
  const { board, broker } = program(false);
  broker.isUp = false;
  board.net.last().close("error");
  board.advance(DAY_MS);
  expect(linesOf(board, "supervisor")).toEqual([]);
  expect([board.reboots, board.nowMs() - board.fedMs <= LOOK_MS]).toEqual([0, true]);
});

it("leaves it to the idle loop when the program is stopped, for whoever is at the console", () => {
  const { app, board } = program();
  app.stop();
  board.advance(10_000);
  expect([board.watchdogSec, board.clock.pendingMs()]).toEqual([0, []]);
});
