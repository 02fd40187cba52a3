// SPDX-License-Identifier: MIT
// A time server that is right, and one that lies.
import { describe, expect, it } from "vitest";
import { createVirtualClock } from "../../../sim/clock/virtual-clock.ts";
import { NTP_ERA_1_MS, createTimeServer } from "../../../sim/peers/time-server.ts";
import type { TimeLie, TimeRule } from "../../../sim/peers/time-server.ts";

const NOW_MS = Date.UTC(2026, 0, 2, 3, 4, 5, 500);
const ORIGIN = "0102030405060708";

/** Asks once; gives the answers as hex, with their fields apart. */
function ask(
  lie?: TimeRule["do"],
  { request = `1b${"00".repeat(39)}${ORIGIN}`, nowMs = NOW_MS } = {},
) {
  const clock = createVirtualClock(nowMs);
  const server = createTimeServer({ clock });
  if (lie) server.misbehave({ on: "request", do: lie });
  const answers: { atMs: number; bytes: Buffer }[] = [];
  server.peer.onMessage(Buffer.from(request, "hex"), { address: "10.0.0.2", port: 1 }, (bytes) =>
    answers.push({ atMs: clock.now() - nowMs, bytes: Buffer.from(bytes) }),
  );
  clock.run(Infinity);
  const bytes = answers[0]?.bytes ?? Buffer.alloc(0);
  const fields = (...ends: number[]) =>
    ends.map((end, i) => bytes.subarray(i > 0 ? ends[i - 1] : 0, end).toString("hex"));
  return { answers, bytes, fields, stats: server.stats() };
}

/** Unix time of a timestamp of era 0, ms. */
const unixMs = (bytes: Buffer, at: number) =>
  (bytes.readUInt32BE(at) - 2_208_988_800) * 1000 +
  Math.round((bytes.readUInt32BE(at + 4) / 0x1_0000_0000) * 1000);

describe("a time server", () => {
  it("answers with the clock's time, the request's timestamp and version", () => {
    const { bytes, answers, stats } = ask();
    expect(answers).toHaveLength(1);
    expect(bytes).toHaveLength(48);
    expect(bytes[0]).toBe(0x1c); // Leap 0, version 3, mode 4.
    expect(bytes[1]).toBe(2);
    expect(bytes.toString("hex", 24, 32)).toBe(ORIGIN);
    expect(unixMs(bytes, 32)).toBe(NOW_MS);
    expect(unixMs(bytes, 40)).toBe(NOW_MS);
    expect(stats).toEqual({ requests: 1, answers: 1 });
  });

  it("does not answer what is no request", () => {
    expect(ask(undefined, { request: "1b00" }).answers).toEqual([]);
    expect(ask(undefined, { request: `1c${"00".repeat(47)}` }).stats.requests).toBe(0);
  });

  it("begins its seconds anew in 2036", () => {
    const { bytes } = ask(undefined, { nowMs: NTP_ERA_1_MS + 1500 });
    expect(new Date(NTP_ERA_1_MS).toISOString()).toBe("2036-02-07T06:28:16.000Z");
    expect(bytes.toString("hex", 40)).toBe("0000000180000000");
  });

  it.each<[string, TimeLie, (bytes: Buffer) => unknown, unknown]>([
    ["an offset", { offsetMs: -90_000 }, (b) => unixMs(b, 40), NOW_MS - 90_000],
    [
      "a kiss of death",
      { kissOfDeath: "RATE" },
      (b) => [b[1], b.toString("latin1", 12, 16)],
      [0, "RATE"],
    ],
    ["stratum 0", { stratum: 0 }, (b) => b[1], 0],
    ["an unset clock", { leap: 3 }, (b) => (b[0] as number) >> 6, 3],
    ["another mode", { mode: 5 }, (b) => (b[0] as number) & 7, 5],
    [
      "another's timestamp",
      { hasWrongOrigin: true },
      (b) => b.toString("hex", 24, 32),
      "010203fb05060708",
    ],
    ["no time", { hasNoTime: true }, (b) => b.toString("hex", 40), "00".repeat(8)],
    ["half a packet", { bytes: 24 }, (b) => b.length, 24],
  ])("lies with %s when asked to", (_name, lie, read, expected) => {
    expect(read(ask(lie).bytes)).toEqual(expected);
  });

  it("answers late with the time of sending", () => {
    const { answers, bytes } = ask({ delayMs: 700 });
    expect(answers[0]?.atMs).toBe(700);
    expect(unixMs(bytes, 40) - unixMs(bytes, 32)).toBe(700);
  });

  it("is silent to those it is told to be silent to", () => {
    const { answers, stats } = ask("silent");
    expect(answers).toEqual([]);
    expect(stats).toEqual({ requests: 1, answers: 0 });
  });
});
