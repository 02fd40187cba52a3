// SPDX-License-Identifier: MIT
// The heartbeat service with a taker of beats that the test answers for.
import { describe, expect, it } from "vitest";
import { createIdentity } from "../../../firmware/auth/identity.ts";
import type { Published } from "../../../firmware/core/message.ts";
import {
  CLOCK_WAIT_MS,
  STOP_WAIT_MS,
  VARS_MIN,
  createHeartbeat,
} from "../../../firmware/services/heartbeat.ts";
import type { Heartbeat, HeartbeatOptions } from "../../../firmware/services/heartbeat.ts";
import { SEQ, encodeHeartbeat } from "../../../firmware/wire/heartbeat.ts";
import type { HeartbeatBody } from "../../../firmware/wire/heartbeat.ts";
import { armedCount, configOf, createFakeBoard, linesOf } from "../../helpers/fake-board.ts";
import { START_WALL_MS } from "../../helpers/fake-clock.ts";

const INTERVAL_MS = 30_000;

interface Sent {
  body: string;
  seq: number;
  atMs: number;
  done: Published;
}

/** A service whose beats are answered at once unless `answers` is set to false. */
function create(change: Partial<HeartbeatOptions> = {}, level: "D" | "I" = "D") {
  const board = createFakeBoard({ boot: 6 });
  const { clock } = board;
  board.logLevel = level;
  const identity = createIdentity(board, configOf());
  const client = { answers: true, sent: [] as Sent[] };
  const options: HeartbeatOptions = {
    intervalSec: INTERVAL_MS / 1000,
    isImmediate: false,
    submit: (values, rest, done) => {
      const body = encodeHeartbeat("kitchen", values) + rest;
      client.sent.push({ body, seq: Number(values[SEQ]), atMs: clock.nowMs(), done });
      if (client.answers) done(undefined, 42);
    },
    telemetry: () => '{"vars":1000}',
    ...change,
  };
  const created: { heartbeat?: Heartbeat } = {};
  const stop = (done: () => void): void => created.heartbeat?.stop(done);
  return {
    start: () => {
      created.heartbeat = createHeartbeat(board, identity, options);
    },
    stop,
    created,
    board,
    clock,
    identity,
    client,
    times: () => client.sent.map((sent) => sent.atMs),
    bodies: () => client.sent.map((sent) => JSON.parse(sent.body) as HeartbeatBody),
    /** Stops and checks that nothing is left. */
    stopAll: () => {
      let isDone = false;
      stop(() => (isDone = true));
      clock.advance(STOP_WAIT_MS);
      expect(isDone).toBe(true);
      expect(created.heartbeat?.status).toBe("off");
      expect(armedCount(board)).toBe(0);
    },
  };
}

it("says in its last beat until when it is away, where that is known and there is a clock", () => {
  const UNTIL_MS = START_WALL_MS + 90_000;
  for (const [untilMs, quality, told] of [
    [UNTIL_MS, "plausible", new Date(UNTIL_MS).toISOString()],
    [undefined, "plausible", undefined],
    [UNTIL_MS, "none", undefined],
  ] as const) {
    const rig = create({ takesBlind: true });
    rig.start();
    rig.board.quality = quality;
    rig.created.heartbeat?.stop(() => undefined, untilMs);
    const last = rig.bodies().at(-1);
    expect([last?.status, last?.until]).toEqual(["stopping", told]);
    rig.clock.advance(STOP_WAIT_MS);
  }
});

describe("a heartbeat", () => {
  it("has the members of the contract, in order", () => {
    const rig = create();
    rig.start();
    rig.clock.advance(INTERVAL_MS);
    expect(rig.client.sent[0]).toMatchObject({
      seq: 1,
      body: JSON.stringify({
        device_id: "kitchen",
        timestamp: new Date(START_WALL_MS + INTERVAL_MS).toISOString(),
        status: "alive",
        boot: 7,
        session: 0,
        seq: 1,
        uptime_ms: INTERVAL_MS,
        interval_s: 30,
        clock: "plausible",
        missed: 0,
        max_late_ms: 0,
        telemetry: { vars: 1000 },
      }),
    });
    rig.stopAll();
  });

  it("has the members of the application behind its own, and a planned end as status", () => {
    const rig = create({ members: () => ({ player_version: "4.2" }) });
    rig.start();
    rig.clock.advance(INTERVAL_MS);
    rig.stopAll();
    expect(rig.bodies()).toMatchObject([
      { status: "alive", player_version: "4.2" },
      { status: "stopping", player_version: "4.2" },
    ]);
    expect(Object.keys(rig.bodies()[0] ?? {}).slice(-2)).toEqual(["player_version", "telemetry"]);
  });

  it("says degraded while a service is in a failed state", () => {
    let isDegraded = true;
    const rig = create({ isDegraded: () => isDegraded });
    rig.start();
    rig.clock.advance(INTERVAL_MS);
    isDegraded = false;
    rig.clock.advance(INTERVAL_MS);
    expect(rig.bodies().map((body) => body.status)).toEqual(["degraded", "alive"]);
    rig.stopAll();
  });

  it("is counted as sent, acknowledged or dropped, with the round trip of the last answer", () => {
    const rig = create();
    rig.start();
    rig.clock.advance(2 * INTERVAL_MS);
    rig.client.answers = false;
    rig.clock.advance(INTERVAL_MS);
    rig.client.sent.at(-1)?.done("E_MQTT_OFFLINE waiting=7");
    expect(rig.board.counts).toEqual({ sent: 3, acked: 2, dropped: 1 });
    expect(rig.board.rttMs).toBe(42);
    rig.stopAll();
  });

  it("tells no round trip when there was no answer to measure", () => {
    const rig = create();
    rig.client.answers = false;
    rig.start();
    rig.clock.advance(INTERVAL_MS);
    rig.client.sent[0]?.done();
    expect(rig.board.rttMs).toBeUndefined();
    expect(linesOf(rig.board, "sent")).toEqual(["D heartbeat sent seq=1"]);
    rig.stopAll();
  });

  it("is logged at debug when it was sent, and not above", () => {
    const rig = create();
    rig.start();
    rig.clock.advance(INTERVAL_MS);
    expect(linesOf(rig.board, "sent")).toEqual(["D heartbeat sent seq=1 rtt_ms=42"]);
    rig.stopAll();
    const quiet = create({}, "I");
    quiet.start();
    quiet.clock.advance(INTERVAL_MS);
    expect(linesOf(quiet.board, "sent")).toEqual([]);
    quiet.stopAll();
  });

  it("counts on over stop and start", () => {
    const rig = create();
    rig.start();
    rig.clock.advance(2 * INTERVAL_MS);
    rig.stopAll();
    rig.start();
    rig.clock.advance(INTERVAL_MS);
    expect(rig.bodies().map((body) => body.seq)).toEqual([1, 2, 3, 4]);
    rig.stopAll();
  });
});

describe("the loop", () => {
  it("sends the first beat after one interval and then one each", () => {
    const rig = create();
    rig.start();
    rig.clock.advance(INTERVAL_MS - 1);
    expect(rig.times()).toEqual([]);
    rig.clock.advance(1 + 3 * INTERVAL_MS);
    expect(rig.times()).toEqual([1, 2, 3, 4].map((n) => n * INTERVAL_MS));
    rig.stopAll();
  });

  it("sends one more at once when that is wished", () => {
    const rig = create({ isImmediate: true });
    rig.clock.advance(500);
    rig.start();
    rig.clock.advance(2 * INTERVAL_MS);
    expect(rig.times()).toEqual([500, 500 + INTERVAL_MS, 500 + 2 * INTERVAL_MS]);
    rig.stopAll();
  });

  it("makes one in between when that is asked for, and goes on an interval later", () => {
    const rig = create();
    rig.start();
    rig.clock.advance(INTERVAL_MS + 500);
    rig.created.heartbeat?.beatSoon();
    rig.clock.advance(INTERVAL_MS);
    expect(rig.times()).toEqual([INTERVAL_MS, INTERVAL_MS + 500, 2 * INTERVAL_MS + 500]);
    expect(rig.bodies().map((body) => body.missed)).toEqual([0, 0, 0]);
    rig.created.heartbeat?.stop(() => undefined);
    rig.created.heartbeat?.beatSoon();
    rig.clock.advance(STOP_WAIT_MS);
    rig.created.heartbeat?.beatSoon();
    rig.clock.advance(2 * INTERVAL_MS);
    expect(rig.bodies().map((body) => body.status)).toEqual([
      "alive",
      "alive",
      "alive",
      "stopping",
    ]);
  });

  it("takes another interval while it runs, and says so at once", () => {
    const rig = create();
    rig.start();
    rig.clock.advance(INTERVAL_MS + 10_000);
    rig.created.heartbeat?.setPeriod(5);
    rig.clock.advance(10_000);
    expect(rig.times()).toEqual([0, 10_000, 15_000, 20_000].map((ms) => INTERVAL_MS + ms));
    expect(rig.bodies().map((body) => body.interval_s)).toEqual([30, 5, 5, 5]);
    rig.stopAll();
  });

  it("skips missed ticks, counts them, and keeps its phase", () => {
    const rig = create();
    rig.start();
    rig.clock.advance(INTERVAL_MS);
    // Blocked from 1 to 4.4 intervals: the ticks at 2, 3 and 4 are overdue together.
    rig.clock.block(3.4 * INTERVAL_MS);
    rig.clock.advance(0);
    rig.clock.advance(1.6 * INTERVAL_MS);
    expect(rig.times()).toEqual([1, 4.4, 5, 6].map((n) => n * INTERVAL_MS));
    expect(rig.bodies().map((body) => [body.missed, body.max_late_ms])).toEqual([
      [0, 0],
      [2, 2.4 * INTERVAL_MS],
      [0, 0],
      [0, 0],
    ]);
    rig.stopAll();
  });

  it("counts a tick that is late by less than an interval as late, not as missed", () => {
    const rig = create();
    rig.start();
    rig.clock.block(INTERVAL_MS + 700);
    rig.clock.advance(0);
    rig.clock.advance(INTERVAL_MS - 700);
    expect(rig.times()).toEqual([INTERVAL_MS + 700, 2 * INTERVAL_MS]);
    expect(rig.bodies().map((body) => [body.missed, body.max_late_ms])).toEqual([
      [0, 700],
      [0, 0],
    ]);
    rig.stopAll();
  });

  it("is one tick when it is late by exactly one interval", () => {
    const rig = create();
    rig.start();
    rig.clock.block(2 * INTERVAL_MS);
    rig.clock.advance(INTERVAL_MS);
    expect(rig.times()).toEqual([2 * INTERVAL_MS, 3 * INTERVAL_MS]);
    expect(rig.bodies()[0]?.missed).toBe(1);
    rig.stopAll();
  });

  it("takes an interval in whole milliseconds", () => {
    const rig = create({ intervalSec: 0.3333 });
    rig.start();
    rig.clock.advance(333_000);
    expect(rig.client.sent).toHaveLength(1000);
    rig.stopAll();
  });

  it("does not drift when each beat takes time", () => {
    const times: number[] = [];
    const rig = create({
      submit: (_body, _seq, done) => {
        times.push(rig.clock.nowMs());
        rig.clock.block(20);
        done();
      },
    });
    rig.start();
    rig.clock.advance(20 * INTERVAL_MS);
    expect(times).toEqual(Array.from({ length: 20 }, (_, i) => (i + 1) * INTERVAL_MS));
    rig.stopAll();
  });

  it("goes without the application's members when those throw, and says so", () => {
    const rig = create({
      members: () => {
        throw new Error('no "playlist"\n');
      },
    });
    rig.start();
    rig.clock.advance(INTERVAL_MS);
    expect(linesOf(rig.board, "no-members")).toEqual([
      'E heartbeat no-members code=E_JSON text="Error: no ?playlist??"',
    ]);
    expect(rig.bodies()).toMatchObject([{ seq: 1, telemetry: { vars: 1000 } }]);
    rig.stopAll();
  });

  it("goes on when sending fails, and says so", () => {
    const rig = create({
      submit: (_body, _seq, done) => done("E_MQTT_WINDOW waiting=7"),
    });
    rig.start();
    rig.clock.advance(2 * INTERVAL_MS);
    expect(linesOf(rig.board, "failed")).toEqual([
      "E heartbeat failed seq=1 code=E_MQTT_WINDOW waiting=7",
      "E heartbeat failed seq=2 code=E_MQTT_WINDOW waiting=7",
    ]);
    rig.stopAll();
  });

  it("goes on when the client throws, and stops within its bound", () => {
    const rig = create({
      submit: () => {
        throw new Error("out of order");
      },
    });
    rig.start();
    rig.clock.advance(3 * INTERVAL_MS);
    expect(rig.identity.seq).toBe(3);
    expect(linesOf(rig.board, "fault")).toHaveLength(3);
    expect(() => rig.stop(() => undefined)).toThrowError("out of order");
    rig.clock.advance(STOP_WAIT_MS);
    expect(armedCount(rig.board)).toBe(0);
  });

  it("makes no beat without a clock, and says so once", () => {
    const rig = create();
    rig.board.quality = "none";
    rig.start();
    rig.clock.advance(3 * INTERVAL_MS);
    expect(rig.client.sent).toEqual([]);
    expect(linesOf(rig.board, "no-beats")).toEqual(["W heartbeat no-beats code=E_CLOCK_NONE"]);
    rig.board.quality = "plausible";
    rig.clock.advance(CLOCK_WAIT_MS);
    expect(rig.bodies()).toMatchObject([{ seq: 1 }]);
    expect(rig.board.counts["dropped"]).toBeUndefined();
    rig.stopAll();
  });

  it("makes the first beat soon after the clock has come, and counts its interval from there", () => {
    const hourMs = 3_600_000;
    const rig = create({ isImmediate: true, intervalSec: hourMs / 1000 });
    rig.board.quality = "none";
    rig.start();
    rig.clock.advance(95_000);
    expect(rig.client.sent).toEqual([]);
    rig.board.quality = "plausible";
    rig.clock.advance(CLOCK_WAIT_MS);
    const first = rig.times()[0] as number;
    rig.clock.advance(hourMs);
    expect(rig.bodies()).toMatchObject([{ missed: 0 }, { missed: 0 }]);
    expect(rig.times()).toEqual([first, first + hourMs]);
    rig.stopAll();
  });

  it("ends as always while it waits for a clock", () => {
    const rig = create();
    rig.board.quality = "none";
    rig.start();
    rig.clock.advance(INTERVAL_MS + 1000);
    rig.stopAll();
  });

  it("builds no beat when too little memory is free", () => {
    const rig = create();
    rig.board.varsInUse = () => rig.board.varsTotal - rig.board.varsFree;
    rig.board.varsFree = VARS_MIN - 1;
    rig.start();
    rig.clock.advance(INTERVAL_MS);
    expect(rig.client.sent).toEqual([]);
    expect(linesOf(rig.board, "failed")).toEqual([
      `E heartbeat failed seq=1 code=E_MEMORY free=${VARS_MIN - 1}`,
    ]);
    rig.board.varsFree = VARS_MIN;
    rig.clock.advance(INTERVAL_MS);
    expect(rig.bodies()).toMatchObject([{ seq: 2 }]);
    rig.stopAll();
  });
});

describe("stopping", () => {
  it("sends a last beat and is over at once when nothing is in hand", () => {
    const rig = create();
    rig.start();
    rig.clock.advance(INTERVAL_MS);
    let isDone = false;
    rig.stop(() => (isDone = true));
    rig.clock.advance(0);
    expect(isDone).toBe(true);
    expect(armedCount(rig.board)).toBe(0);
    expect(linesOf(rig.board, "stopped")).toEqual(["I heartbeat stopped"]);
    rig.clock.advance(10 * INTERVAL_MS);
    expect(rig.bodies().map((body) => body.status)).toEqual(["alive", "stopping"]);
  });

  it("waits for the beats in hand", () => {
    const rig = create();
    rig.client.answers = false;
    rig.start();
    rig.clock.advance(INTERVAL_MS);
    let isDone = false;
    rig.stop(() => (isDone = true));
    rig.client.sent[1]?.done(undefined, 5);
    rig.clock.advance(STOP_WAIT_MS - 1);
    expect(isDone).toBe(false);
    rig.client.sent[0]?.done("E_NET");
    rig.clock.advance(0);
    expect(isDone).toBe(true);
    expect(armedCount(rig.board)).toBe(0);
  });

  it("is bounded when no answer comes, and takes a late one calmly", () => {
    const rig = create();
    rig.client.answers = false;
    rig.start();
    rig.clock.advance(INTERVAL_MS);
    let calls = 0;
    rig.stop(() => calls++);
    rig.clock.advance(STOP_WAIT_MS);
    expect(calls).toBe(1);
    expect(linesOf(rig.board, "stopped")).toEqual(["I heartbeat stopped unanswered=2"]);
    rig.client.sent[0]?.done(undefined, 5);
    rig.client.sent[1]?.done(undefined, 5);
    rig.clock.advance(STOP_WAIT_MS);
    expect(calls).toBe(1);
    expect(armedCount(rig.board)).toBe(0);
  });
});
