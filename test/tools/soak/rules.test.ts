// SPDX-License-Identifier: MIT
// Each invariant of the soak can fail: a device is made to say and do what breaks it, and nothing
// else. That they hold is test/system/soak.test.ts.
import { describe, expect, it } from "vitest";
import { createRules, patienceLog, WINDOW } from "../../../tools/soak/rules.ts";
import type { Rules, Words } from "../../../tools/soak/rules.ts";
import type { Verdict } from "../../../tools/lib/verifier.ts";

const INTERVAL_MS = 10_000;
const DEVICE = "dev-1";
const BOOT = 100;
const NONE = {
  aborts: 0,
  hasRefusals: false,
  hasNoLan: false,
  hasSteps: false,
  hasLongBlocks: false,
};
const WORDS: Words = { boot: BOOT, session: 1, seq: 3, uplink: "online", outbox: "live" };

interface Device {
  rules: Rules;
  /** A beat arrives, made at its time unless other members say otherwise. */
  beat(seq: number, members?: object): void;
  print(text: string): void;
  pass(ms: number): void;
  broken(): string[];
}

function start(): Device {
  let nowMs = 0;
  const rules = createRules({
    intervalMs: INTERVAL_MS,
    spreadMs: 1000,
    urls: 1,
    hasProbes: false,
    isAcknowledged: true,
    nowMs: () => nowMs,
  });
  const device: Device = {
    rules,
    beat: (seq, members = {}) => {
      const beat = {
        boot: BOOT,
        session: 1,
        seq,
        uptime_ms: seq * INTERVAL_MS,
        missed: 0,
        max_late_ms: 0,
        status: "alive",
        ...members,
      };
      rules.onBeat(DEVICE, Buffer.from(""), { kind: "fresh", beat } as unknown as Verdict);
    },
    print: (text) => rules.onPrint(DEVICE, `${nowMs} ${text}`),
    pass: (ms) => (nowMs += ms),
    broken: () => rules.violations.map(({ invariant }) => invariant),
  };
  rules.begin(NONE);
  rules.onBoot(DEVICE, "power");
  device.print(`I app identity id=${DEVICE} boot=${BOOT}`);
  device.print("I uplink opening host=broker port=1883");
  rules.onConnect(DEVICE);
  device.print("I uplink online url=0 session=1");
  rules.onStatus(DEVICE, "broker", Buffer.from(`{"status":"online","boot":${BOOT},"session":1}`));
  return device;
}

/** Three beats, and a rest that is judged. */
function restWith(disturb: (device: Device) => void, flashBytes = 0): string[] {
  const device = start();
  device.beat(1);
  device.rules.rest(DEVICE, 0);
  device.beat(2);
  device.beat(3);
  disturb(device);
  device.rules.expectCalm(DEVICE, 2 * INTERVAL_MS, flashBytes);
  return device.broken();
}

describe("the invariants of the soak", () => {
  it("hold for a device that does what it should", () => {
    expect(restWith(() => {})).toEqual([]);
    const device = start();
    for (let seq = 1; seq < 20; seq++) device.beat(seq);
    device.beat(20, { telemetry: { totals: 1, sent: 19, acked: 19 } });
    device.rules.settle(DEVICE);
    device.rules.expectTruth(DEVICE, { ...WORDS, seq: 20 }, null);
    device.rules.expectMemory(DEVICE, 1000);
    device.rules.expectMemory(DEVICE, 1000);
    expect(device.broken()).toEqual([]);
  });

  it("tell `complete` when a beat never comes, and after a loss of power more than a window", () => {
    const device = start();
    device.beat(1);
    device.beat(3);
    device.rules.settle(DEVICE);
    expect(device.broken()).toEqual(["complete"]);
    for (const [lost, broken] of [
      [WINDOW, []],
      [WINDOW + 1, ["complete"]],
    ] as const) {
      const other = start();
      other.beat(1);
      other.beat(lost + 2);
      other.print(`I app identity id=${DEVICE} boot=${BOOT + 1}`);
      other.rules.settle(DEVICE);
      expect(other.broken()).toEqual(broken);
    }
  });

  it.each([
    { name: "fewer were made than the number says", totals: { sent: 8, acked: 8 } },
    { name: "more were made", totals: { sent: 10, acked: 9 } },
    { name: "more were acknowledged than came", totals: { sent: 9, acked: 11 } },
  ])("tell `counted` when $name", ({ totals }) => {
    const device = start();
    for (let seq = 1; seq < 10; seq++) device.beat(seq);
    device.beat(10, { telemetry: { totals: 1, ...totals } });
    expect(device.broken()).toEqual(["counted"]);
  });

  it("tell `counted` when at rest a beat is neither acknowledged nor dropped", () => {
    const device = start();
    for (let seq = 1; seq < 10; seq++) device.beat(seq);
    device.rules.rest(DEVICE, 0);
    device.beat(10, { telemetry: { totals: 1, sent: 9, acked: 5 } });
    expect(device.broken()).toEqual(["counted"]);
  });

  it("tell `spaced` when a beat comes too soon, and when a skipped one was sent all the same", () => {
    const device = start();
    device.beat(2);
    device.beat(3, { uptime_ms: 25_000 });
    device.beat(4, { uptime_ms: 35_000, missed: 1 });
    expect(device.broken()).toEqual(["spaced", "spaced"]);
  });

  it("tell `patient` when attempts come faster than the backoff allows", () => {
    const device = start();
    for (let i = 0; i < 60; i++) {
      device.print("I uplink waiting url=0");
      device.pass(500);
      device.print("I uplink opening host=broker port=1883");
    }
    expect(device.broken()).toContain("patient");
  });

  it("take a backoff that grows for patient, whatever it draws", () => {
    // Four delays of the mean of each window.
    let sumMs = 0;
    for (let delays = 1; delays <= 40; delays++) {
      sumMs += Math.min(1000 * 2 ** Math.floor((delays - 1) / 4), 300_000) / 2;
      expect(patienceLog(delays, sumMs, 1000, 1)).toBeGreaterThan(Math.log(1e-6));
    }
  });

  it("tell `patient` when there is a connection without an attempt", () => {
    const device = start();
    device.rules.onConnect(DEVICE);
    expect(device.broken()).toEqual(["patient"]);
  });

  it.each(["watchdog", "restart"])("tell `unbooted` when nothing explains a %s", (cause) => {
    const device = start();
    device.rules.onBoot(DEVICE, cause);
    device.rules.settle(DEVICE);
    expect(device.broken()).toEqual(["unbooted"]);
  });

  it.each<[string, (device: Device) => void, number?]>([
    ["beats come twice as often", ({ beat }) => [4, 5, 6].forEach((seq) => beat(seq))],
    ["it warns", ({ print }) => print("W uplink failed code=E_NET")],
    ["its connection ends", ({ print }) => print("I uplink online url=0 session=2")],
    [
      "a beat is rejected",
      ({ rules }) =>
        rules.onBeat(DEVICE, Buffer.from(""), { kind: "rejected", reason: "hash", detail: "" }),
    ],
    ["it writes to flash", () => {}, 100],
  ])("tell `calm` when at rest %s", (_name, disturb, flashBytes) => {
    expect(restWith(disturb, flashBytes)).toEqual(["calm"]);
  });

  it("tell `calm` when no beats come at rest", () => {
    const device = start();
    device.rules.rest(DEVICE, 0);
    device.rules.expectCalm(DEVICE, 10 * INTERVAL_MS, 0);
    expect(device.broken()).toEqual(["calm"]);
  });

  it.each<[string, Partial<Words>, object | null]>([
    ["its console says that it is offline", { uplink: "waiting" }, null],
    ["its console says another boot", { boot: 7 }, null],
    ["its status message says another session", { session: 2 }, null],
    ["its page says another number", {}, { status: "alive", boot: BOOT, seq: 9 }],
    ["its page says that it is not well", {}, { status: "degraded", boot: BOOT, seq: 3 }],
  ])("tell `truthful` when %s", (_name, words, page) => {
    const device = start();
    device.beat(3);
    const shown = page && { status: 200, body: JSON.stringify(page) };
    device.rules.expectTruth(DEVICE, { ...WORDS, ...words }, shown);
    expect(new Set(device.broken())).toEqual(new Set(["truthful"]));
  });

  it("know for ten seconds of a connection that is made anew, and of no other", () => {
    const device = start();
    device.print("I uplink waiting closed");
    const isRenewing = [device.rules.isRenewing(DEVICE)];
    device.print("I uplink waiting preferred");
    for (const ms of [9_999, 1]) {
      device.pass(ms);
      isRenewing.push(device.rules.isRenewing(DEVICE));
    }
    expect(isRenewing).toEqual([false, true, false]);
  });

  it("tell `memory` when more is in use at rest than at first", () => {
    const device = start();
    device.rules.expectMemory(DEVICE, 1000);
    device.rules.expectMemory(DEVICE, 1061);
    expect(device.broken()).toEqual(["memory"]);
  });
});
