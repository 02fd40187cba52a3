// SPDX-License-Identifier: MIT
// The supervisor as parts.ts joins it, with the real Wi-Fi service, over random lives of access point,
// broker, beats and memory: each look against a model of the stages, and over the whole life what must
// never happen. Uplink and heartbeat are variables here: there is a connection when the access point
// and the broker are there, and a beat is made at each run of a job.
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { App } from "../../firmware/app.ts";
import { GUARD_MS, RECOVER_MS } from "../../firmware/core/runtime.ts";
import { supervisor } from "../../firmware/parts.ts";
import { LOOK_MS, REST_MS, WATCHDOG_SEC } from "../../firmware/services/supervisor.ts";
import { createWifi } from "../../firmware/services/wifi.ts";
import { configOf, createFakeBoard, createFakeRadio } from "../helpers/fake-board.ts";
import { SEED } from "../helpers/seeds.ts";

/** Period of the job: that of a heartbeat by default. */
const JOB_MS = 30_000;
/** Without a beat for this long it counts as dead. */
const JOB_DEAD_MS = 2 * JOB_MS + 60_000;
/** From joining to an address. */
const JOINED_MS = 3000;
const STEP_MS = 1000;
const BLOCK_MAX_MS = 20_000;

class OutOfMemory extends Error {}

/** What one look saw and did. */
interface Look {
  atMs: number;
  isOnline: boolean;
  hasAddress: boolean;
  isJobRunning: boolean;
  isFed: boolean;
  /** Rests of the radio that it asked for, ms. */
  rejoins: number[];
  reboots: number;
}

/** A device with one periodic job, in surroundings that a test changes. */
function createDevice(recoverSec: number) {
  const radio = createFakeRadio();
  const board = createFakeBoard({ radio });
  const around = { hasAccessPoint: true, hasBroker: true, isJobStuck: false };
  const looks: Look[] = [];
  const joinsMs: number[] = [];
  const runsMs: number[] = [];
  const fedMs: number[] = [];
  // The call into the platform at which the memory is out; until the callback is over, each fails.
  const memory = { countdown: 0, isOut: false };
  const beats = { beatMs: 0, intervalMs: JOB_MS };

  for (const name of ["after", "arm", "nowMs", "print"] as const) {
    const real = board[name] as (...args: unknown[]) => unknown;
    Object.assign(board, {
      [name]: (...args: unknown[]) => {
        if (--memory.countdown === 0) memory.isOut = true;
        if (memory.isOut) throw new OutOfMemory();
        return real(...args);
      },
    });
  }
  const { clock } = board;
  const { feed } = board;
  board.feed = () => {
    (looks.at(-1) as Look).isFed = true;
    fedMs.push(clock.nowMs());
    feed();
  };
  radio.join = () => {
    joinsMs.push(clock.nowMs());
    const mine = joinsMs.length;
    clock.after(JOINED_MS, () => {
      if (around.hasAccessPoint && mine === joinsMs.length) radio.up("10.0.0.9");
    });
  };

  const jobSlot = board.newSlot();
  function job(): void {
    board.arm(jobSlot, JOB_MS, job);
    if (around.isJobStuck) return;
    beats.beatMs = clock.nowMs();
    runsMs.push(beats.beatMs);
  }
  job();
  const config = configOf({ wifi_ssid: "home", recover_s: recoverSec, reconnect_spread_s: 1 });
  const wifi = createWifi(
    board,
    radio,
    config,
    () => undefined,
    () => undefined,
  );
  const isOnline = (): boolean => wifi.status === "up" && around.hasBroker;
  const app = {
    rt: board,
    config,
    services: {},
    // Each look asks for it first.
    get heartbeat() {
      const atMs = clock.nowMs();
      const isJobRunning = atMs - beats.beatMs < JOB_DEAD_MS;
      const hasAddress = radio.address() !== undefined;
      const seen = { atMs, isOnline: isOnline(), hasAddress, isJobRunning };
      looks.push({ ...seen, isFed: false, rejoins: [], reboots: 0 });
      return beats;
    },
    uplink: {
      get status() {
        return isOnline() ? "online" : "waiting";
      },
    },
    wifi: {
      rejoin: (restMs: number) => {
        looks.at(-1)?.rejoins.push(restMs);
        wifi.rejoin(restMs);
      },
    },
    reboot: () => {
      (looks.at(-1) as Look).reboots++;
    },
  };
  supervisor(app as unknown as App);

  /** The memory being out ends one callback only. */
  function guarded(fn: () => void): void {
    try {
      fn();
    } catch (error) {
      if (!(error instanceof OutOfMemory)) throw error;
      memory.isOut = false;
    }
  }
  function run(ms: number): void {
    for (let left = ms; left > 0; left -= STEP_MS)
      guarded(() => clock.advance(Math.min(left, STEP_MS)));
  }
  function setAccessPoint(hasAccessPoint: boolean): void {
    around.hasAccessPoint = hasAccessPoint;
    if (!hasAccessPoint && radio.address()) guarded(() => radio.down("8"));
  }
  const hasRebooted = (): boolean => looks.some(({ reboots }) => reboots > 0);
  return {
    board,
    clock,
    around,
    looks,
    joinsMs,
    runsMs,
    fedMs,
    memory,
    isOnline,
    run,
    setAccessPoint,
    hasRebooted,
  };
}

type Device = ReturnType<typeof createDevice>;

type Step =
  | { do: "wait" | "outage"; units: number }
  | { do: "access-point" | "broker" | "job"; is: boolean }
  | { do: "block"; ms: number };

function play(device: Device, step: Step, unitMs: number): void {
  switch (step.do) {
    case "wait":
      return device.run(Math.ceil(step.units * unitMs));
    case "outage":
      // And back: long enough that the device is online again, if the rest is there.
      for (const has of [false, true]) {
        device.around.hasBroker = has;
        device.run(Math.ceil(step.units * unitMs));
      }
      return undefined;
    case "access-point":
      return device.setAccessPoint(step.is);
    case "broker":
      device.around.hasBroker = step.is;
      return undefined;
    case "job":
      device.around.isJobStuck = !step.is;
      return undefined;
    case "block":
      return device.clock.block(step.ms);
  }
}

const wait = fc.record({
  do: fc.constant("wait" as const),
  units: fc.double({ min: 0.01, max: 4, noNaN: true }),
});
const outage = fc.record({
  do: fc.constant("outage" as const),
  units: fc.double({ min: 0.5, max: 4, noNaN: true }),
});
const change = fc.record({
  do: fc.constantFrom("access-point" as const, "broker" as const, "job" as const),
  is: fc.constantFrom(true, true, false),
});
const block = fc.record({ do: fc.constant("block" as const), ms: fc.nat(BLOCK_MAX_MS) });
const recoverSec = fc.constantFrom(30, 60, 300);
const anyLife = fc.array(
  fc.oneof({ weight: 4, arbitrary: wait }, { weight: 3, arbitrary: change }, outage, block),
  { minLength: 5, maxLength: 40, size: "max" },
);

/** What the looks of one life should do: stages at 1, 2, 4, ... units, in turn without and with rest. */
function expectStages(looks: readonly Look[], unitMs: number): void {
  let [onlineMs, addressMs, stage] = [0, 0, 0];
  for (const look of looks) {
    if (look.hasAddress) addressMs = look.atMs;
    if (look.isOnline) [onlineMs, stage] = [look.atMs, 0];
    const offlineMs = look.atMs - onlineMs;
    const isLanGone = look.atMs - addressMs >= 6 * unitMs;
    const isReboot = offlineMs >= 6 * unitMs && isLanGone;
    const isStage = !isReboot && offlineMs >= unitMs << stage;
    expect(look, `look at ${look.atMs}`).toMatchObject({
      reboots: isReboot ? 1 : 0,
      rejoins: isStage ? [stage % 2 === 0 ? 0 : REST_MS] : [],
    });
    if (isStage) stage++;
  }
}

describe("the supervisor", () => {
  it("takes each stage when it is due, feeds while the job runs, and reboots without a LAN", () => {
    let rebootCount = 0;
    let unfedCount = 0;
    let againCount = 0;
    fc.assert(
      fc.property(anyLife, recoverSec, (steps, sec) => {
        const device = createDevice(sec);
        for (const step of steps) {
          play(device, step, sec * 1000);
          if (device.hasRebooted()) break;
        }
        const { looks } = device;
        if (device.hasRebooted()) looks.length = 1 + looks.findIndex(({ reboots }) => reboots);
        expectStages(looks, sec * 1000);
        expect(looks.map(({ isFed }) => isFed)).toEqual(looks.map((look) => look.isJobRunning));
        unfedCount += looks.filter(({ isFed }) => !isFed).length;
        const firstStage = looks.findIndex(({ rejoins }) => rejoins.length);
        const back = looks.findIndex(({ isOnline }, i) => isOnline && i > firstStage);
        if (firstStage >= 0 && back >= 0 && looks.slice(back).some(({ rejoins }) => rejoins.length))
          againCount++;
        if (!device.hasRebooted()) return;
        rebootCount++;
        // Both stages came before: Wi-Fi, then the radio.
        const offline = looks.slice(1 + looks.findLastIndex(({ isOnline }) => isOnline));
        expect(offline.flatMap(({ rejoins }) => rejoins).slice(0, 2)).toEqual([0, REST_MS]);
      }),
      { seed: SEED, numRuns: 100 },
    );
    expect(rebootCount).toBeGreaterThan(10);
    // Lives that say something: stages in one outage and in a later one, too.
    expect(againCount).toBeGreaterThan(10);
    expect(unfedCount).toBeGreaterThan(10);
  });

  it("never reboots while the LAN is healthy, whatever becomes of the broker and the memory", () => {
    const remote = fc.record({ do: fc.constant("broker" as const), is: fc.boolean() });
    const life = fc.array(fc.oneof({ weight: 3, arbitrary: wait }, remote, block), {
      maxLength: 40,
      size: "max",
    });
    fc.assert(
      // The memory is out once: a second time while the first is not repaired is the watchdog's.
      fc.property(life, recoverSec, fc.nat(3000), (steps, sec, countdown) => {
        const device = createDevice(sec);
        device.memory.countdown = countdown;
        for (const step of [...steps, { do: "broker", is: false } as const])
          play(device, step, sec * 1000);
        device.memory.countdown = 0;
        const joins = device.joinsMs.length;
        device.run(100 * sec * 1000);
        expect(device.hasRebooted()).toBe(false);
        // Joining anew is a disturbance, too: at 1, 2, 4, ... 64 units, and once for the memory.
        expect(device.joinsMs.length - joins).toBeLessThanOrEqual(8);
        play(device, { do: "broker", is: true }, 0);
        device.run(JOINED_MS + 2 * RECOVER_MS);
        expect(device.isOnline()).toBe(true);
      }),
      { seed: SEED, numRuns: 100 },
    );
  });

  it("repairs a timer that has died within two periods, before the watchdog bites", () => {
    const cut = fc.tuple(fc.integer({ min: 1, max: 60 }), fc.nat(4 * JOB_MS));
    fc.assert(
      fc.property(fc.array(cut, { minLength: 1, maxLength: 20 }), (cuts) => {
        const device = createDevice(300);
        expect(device.board.watchdogSec).toBe(WATCHDOG_SEC);
        for (const [countdown, ms] of cuts) {
          device.memory.countdown = countdown;
          device.run(ms + 3 * RECOVER_MS);
        }
        const nowMs = device.clock.nowMs();
        const most = (times: number[]): number =>
          Math.max(...[...times, nowMs].map((ms, i) => ms - (times[i - 1] ?? 0)));
        expect(most(device.runsMs)).toBeLessThanOrEqual(JOB_MS + 2 * JOB_MS + 10);
        expect(most(device.fedMs)).toBeLessThanOrEqual(LOOK_MS + RECOVER_MS + GUARD_MS);
        expect(LOOK_MS + RECOVER_MS + GUARD_MS).toBeLessThan(WATCHDOG_SEC * 1000);
      }),
      { seed: SEED, numRuns: 100 },
    );
  });
});
