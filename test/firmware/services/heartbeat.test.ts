// SPDX-License-Identifier: MIT
// The heartbeat service with a client that the test answers for.
import { describe, expect, it } from "vitest";
import { createIdentity } from "../../../firmware/auth/identity.ts";
import { createJwtManager } from "../../../firmware/auth/jwt.ts";
import { fail } from "../../../firmware/core/fail.ts";
import type { Done, OutMessage } from "../../../firmware/mqtt/in-flight.ts";
import { STOP_WAIT_MS, VARS_MIN, createHeartbeat } from "../../../firmware/services/heartbeat.ts";
import type { HeartbeatOptions } from "../../../firmware/services/heartbeat.ts";
import { detachToken } from "../../../firmware/wire/heartbeat.ts";
import type { HeartbeatBody, Telemetry } from "../../../firmware/wire/heartbeat.ts";
import { START_WALL_MS } from "../../helpers/fake-clock.ts";
import { configOf, createFakePlatform, linesWith, loggerOf } from "../../helpers/fake-platform.ts";

const INTERVAL_MS = 30_000;

interface Sent {
  message: OutMessage;
  atMs: number;
  done: Done;
}

/** A service whose client answers at once unless `answers` is set to false. */
function create(change: Partial<HeartbeatOptions> = {}, level = "D") {
  const platform = createFakePlatform({ files: { "lubdub.boot": "6" } });
  const { clock } = platform;
  const config = configOf();
  const log = loggerOf(platform, level);
  const identity = createIdentity(platform, config, log);
  const client = { answers: true, sent: [] as Sent[] };
  const heartbeat = createHeartbeat({
    topic: "devices/kitchen/heartbeat",
    intervalSec: INTERVAL_MS / 1000,
    qos: 1,
    immediate: false,
    publish: (message, done) => {
      client.sent.push({ message, atMs: clock.nowMs(), done });
      if (client.answers) done(undefined, 42);
    },
    identity,
    jwt: createJwtManager(platform.hash, clock, identity, config),
    clock,
    log,
    telemetry: (): Telemetry => ({ vars: 1000 }),
    varsFree: () => 12_000,
    ...change,
  });
  return {
    ...heartbeat,
    platform,
    clock,
    identity,
    client,
    times: () => client.sent.map((sent) => sent.atMs),
    bodies: () => client.sent.map((sent) => JSON.parse(sent.message.body) as HeartbeatBody),
    /** Stops and checks that nothing is left. */
    stopAll: () => {
      let isDone = false;
      heartbeat.stop(() => (isDone = true));
      clock.advance(STOP_WAIT_MS);
      expect(isDone).toBe(true);
      expect(heartbeat.isRunning()).toBe(false);
      expect(clock.pendingMs()).toEqual([]);
    },
  };
}

describe("a heartbeat", () => {
  it("has the members of the contract, in order", () => {
    const rig = create();
    rig.start();
    rig.clock.advance(INTERVAL_MS);
    expect(rig.client.sent[0]?.message).toMatchObject({
      topic: "devices/kitchen/heartbeat",
      qos: 1,
      retain: false,
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

  it("gets its token when it is sent, over exactly its bytes", () => {
    const rig = create();
    rig.start();
    rig.clock.advance(INTERVAL_MS);
    const [sent] = rig.client.sent as [Sent];
    const { body, seal, seq } = sent.message;
    rig.clock.advance(3_600_000 - INTERVAL_MS);
    const payload = (seal as NonNullable<typeof seal>)(body, seq);
    const detached = detachToken(payload);
    expect(detached?.body).toBe(body);
    const claims = JSON.parse(
      Buffer.from(detached?.token.split(".")[1] ?? "", "base64url").toString(),
    ) as { iat: number; bh: string };
    expect(claims.iat).toBe(Math.floor((START_WALL_MS + 3_600_000) / 1000));
    expect(claims.bh).toBe(rig.platform.hash.base64url(rig.platform.hash.sha256(body)));
    rig.stopAll();
  });

  it("tells the round trip of the one before, and how many were lost", () => {
    const rig = create();
    rig.start();
    rig.clock.advance(2 * INTERVAL_MS);
    rig.client.answers = false;
    rig.clock.advance(INTERVAL_MS);
    rig.client.sent.at(-1)?.done(fail("E_MQTT_OFFLINE", "waiting=7"));
    rig.clock.advance(INTERVAL_MS);
    expect(rig.bodies().map((body) => body.telemetry)).toEqual([
      { vars: 1000 },
      { vars: 1000, rtt_ms: 42 },
      { vars: 1000, rtt_ms: 42 },
      { vars: 1000, rtt_ms: 42, dropped: 1 },
    ]);
    rig.stopAll();
  });

  it("tells no round trip with QoS 0", () => {
    const rig = create({ qos: 0 });
    rig.client.answers = false;
    rig.start();
    rig.clock.advance(INTERVAL_MS);
    rig.client.sent[0]?.done(undefined);
    rig.clock.advance(INTERVAL_MS);
    expect(rig.bodies()[1]?.telemetry).toEqual({ vars: 1000 });
    expect(linesWith(rig.platform, "sent")).toEqual(["D heartbeat sent seq=1"]);
    rig.client.sent[1]?.done(undefined);
    rig.stopAll();
  });

  it("is logged at debug when it was sent, and not above", () => {
    const rig = create();
    rig.start();
    rig.clock.advance(INTERVAL_MS);
    expect(linesWith(rig.platform, "sent")).toEqual(["D heartbeat sent seq=1 rtt_ms=42"]);
    rig.stopAll();
    const quiet = create({}, "I");
    quiet.start();
    quiet.clock.advance(INTERVAL_MS);
    expect(linesWith(quiet.platform, "sent")).toEqual([]);
    quiet.stopAll();
  });

  it("counts on over stop and start", () => {
    const rig = create();
    rig.start();
    rig.clock.advance(2 * INTERVAL_MS);
    rig.stopAll();
    rig.start();
    rig.clock.advance(INTERVAL_MS);
    expect(rig.bodies().map((body) => body.seq)).toEqual([1, 2, 3]);
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
    const rig = create({ immediate: true });
    rig.clock.advance(500);
    rig.start();
    rig.clock.advance(2 * INTERVAL_MS);
    expect(rig.times()).toEqual([500, 500 + INTERVAL_MS, 500 + 2 * INTERVAL_MS]);
    rig.stopAll();
  });

  it("does not start twice: refused with a log line, and no second loop", () => {
    const rig = create();
    rig.start();
    rig.clock.advance(10_000);
    rig.start();
    rig.clock.advance(2 * INTERVAL_MS);
    expect(rig.times()).toEqual([INTERVAL_MS, 2 * INTERVAL_MS]);
    expect(linesWith(rig.platform, "already-started")).toEqual(["W heartbeat already-started"]);
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
      publish: (_message, done) => {
        times.push(rig.clock.nowMs());
        rig.clock.block(20);
        done(undefined);
      },
    });
    rig.start();
    rig.clock.advance(20 * INTERVAL_MS);
    expect(times).toEqual(Array.from({ length: 20 }, (_, i) => (i + 1) * INTERVAL_MS));
    rig.stopAll();
  });

  it("goes on when a beat cannot be serialised, and says so", () => {
    let calls = 0;
    const rig = create({
      telemetry: () => {
        if (++calls === 1) throw new Error('no "radio"\n');
        return {};
      },
    });
    rig.start();
    rig.clock.advance(2 * INTERVAL_MS);
    expect(linesWith(rig.platform, "failed")).toEqual([
      'E heartbeat failed seq=1 code=E_JSON text="Error: no ?radio??"',
    ]);
    expect(rig.bodies()).toMatchObject([{ seq: 2, telemetry: { dropped: 1 } }]);
    rig.stopAll();
  });

  it("goes on when sending fails, and says so", () => {
    const rig = create({
      publish: (_message, done) => done(fail("E_MQTT_WINDOW", "waiting=7")),
    });
    rig.start();
    rig.clock.advance(2 * INTERVAL_MS);
    expect(linesWith(rig.platform, "failed")).toEqual([
      "E heartbeat failed seq=1 code=E_MQTT_WINDOW waiting=7",
      "E heartbeat failed seq=2 code=E_MQTT_WINDOW waiting=7",
    ]);
    rig.stopAll();
  });

  it("goes on when the client throws, and stops within its bound", () => {
    const rig = create({
      publish: () => {
        throw new Error("out of order");
      },
    });
    rig.start();
    for (let i = 0; i < 3; i++)
      expect(() => rig.clock.advance(INTERVAL_MS)).toThrowError("out of order");
    expect(rig.identity.seq).toBe(3);
    rig.stopAll();
  });

  it("makes no beat without a clock, and says so once", () => {
    const rig = create();
    rig.clock.setQuality("none");
    rig.start();
    rig.clock.advance(3 * INTERVAL_MS);
    expect(rig.client.sent).toEqual([]);
    expect(linesWith(rig.platform, "no-beats")).toEqual(["W heartbeat no-beats code=E_CLOCK_NONE"]);
    rig.clock.setQuality("plausible");
    rig.clock.advance(INTERVAL_MS);
    expect(rig.bodies()).toMatchObject([{ seq: 1 }]);
    expect(rig.bodies()[0]?.telemetry?.dropped).toBeUndefined();
    rig.stopAll();
  });

  it("builds no beat when too little memory is free", () => {
    let free = VARS_MIN - 1;
    const rig = create({ varsFree: () => free });
    rig.start();
    rig.clock.advance(INTERVAL_MS);
    expect(rig.client.sent).toEqual([]);
    expect(linesWith(rig.platform, "failed")).toEqual([
      `E heartbeat failed seq=1 code=E_MEMORY free=${VARS_MIN - 1}`,
    ]);
    free = VARS_MIN;
    rig.clock.advance(INTERVAL_MS);
    expect(rig.bodies()).toMatchObject([{ seq: 2, telemetry: { dropped: 1 } }]);
    rig.stopAll();
  });

  it("takes a tick that comes before its time as due: the clock went back", () => {
    const rig = create();
    rig.start();
    rig.clock.advance(INTERVAL_MS);
    rig.clock.stepBack(INTERVAL_MS / 2);
    rig.clock.advance(2 * INTERVAL_MS);
    expect(rig.client.sent).toHaveLength(3);
    rig.stopAll();
  });
});

describe("stopping", () => {
  it("is over at once when nothing is in hand", () => {
    const rig = create();
    rig.start();
    rig.clock.advance(INTERVAL_MS);
    let isDone = false;
    rig.stop(() => (isDone = true));
    rig.clock.advance(0);
    expect(isDone).toBe(true);
    expect(rig.clock.pendingMs()).toEqual([]);
    expect(linesWith(rig.platform, "stopped")).toEqual(["I heartbeat stopped"]);
    rig.clock.advance(10 * INTERVAL_MS);
    expect(rig.client.sent).toHaveLength(1);
  });

  it("waits for the publish in hand", () => {
    const rig = create();
    rig.client.answers = false;
    rig.start();
    rig.clock.advance(2 * INTERVAL_MS);
    let isDone = false;
    rig.stop(() => (isDone = true));
    rig.client.sent[1]?.done(undefined, 5);
    rig.clock.advance(STOP_WAIT_MS - 1);
    expect(isDone).toBe(false);
    rig.client.sent[0]?.done(fail("E_NET", ""));
    rig.clock.advance(0);
    expect(isDone).toBe(true);
    expect(rig.clock.pendingMs()).toEqual([]);
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
    expect(linesWith(rig.platform, "stopped")).toEqual(["I heartbeat stopped unanswered=1"]);
    rig.client.sent[0]?.done(undefined, 5);
    expect(calls).toBe(1);
    expect(rig.clock.pendingMs()).toEqual([]);
  });

  it("when it does not run is refused with a log line, and answered", () => {
    const rig = create();
    let calls = 0;
    rig.stop(() => calls++);
    expect(calls).toBe(1);
    expect(linesWith(rig.platform, "not-running")).toEqual(["W heartbeat not-running"]);
  });

  it("refuses a start until it is over", () => {
    const rig = create();
    rig.client.answers = false;
    rig.start();
    rig.clock.advance(INTERVAL_MS);
    rig.stop(() => undefined);
    rig.start();
    expect(rig.isRunning()).toBe(false);
    expect(linesWith(rig.platform, "still-stopping")).toEqual(["W heartbeat still-stopping"]);
    rig.clock.advance(STOP_WAIT_MS);
    rig.start();
    expect(rig.isRunning()).toBe(true);
    rig.client.answers = true;
    rig.stopAll();
  });

  it("can be followed by a start, with a whole interval before the next beat", () => {
    const rig = create();
    rig.start();
    rig.clock.advance(INTERVAL_MS);
    rig.stop(() => undefined);
    rig.clock.advance(12_345);
    rig.start();
    rig.clock.advance(INTERVAL_MS);
    expect(rig.times()).toEqual([INTERVAL_MS, 2 * INTERVAL_MS + 12_345]);
    rig.stopAll();
  });
});
