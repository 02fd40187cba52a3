// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest";
import { attachToken, detachToken, encodeHeartbeat } from "../../../firmware/wire/heartbeat.ts";

describe("the members that every beat has", () => {
  it.each([
    [
      "the first of all",
      [1, 0, 0, 1_800_000_000_000, 0, 0, 4, 30_000, 1],
      '{"device_id":"kitchen","timestamp":"2027-01-15T08:00:00.000Z","status":"alive","boot":1,"session":0,"seq":1,"uptime_ms":0,"interval_s":30,"clock":"plausible","missed":0,"max_late_ms":0',
    ],
    [
      "degraded, synced, with RSSI, every tenth of a second",
      [4_294_967_295, 7, 3_000_000_000_123, 1_700_000_000_000, 2, 99_999, 61 * 16 + 9, 100, 42],
      '{"device_id":"kitchen","timestamp":"2118-12-09T03:33:20.123Z","status":"degraded","boot":42,"session":7,"seq":4294967295,"uptime_ms":3000000000123,"interval_s":0.1,"clock":"synced","missed":2,"max_late_ms":99999',
    ],
    [
      "stopping, without a clock",
      [9, 1, 61_234, 0, 0, 3, 2, 60_000, 1_767_225_600],
      '{"device_id":"kitchen","timestamp":"1970-01-01T00:01:01.234Z","status":"stopping","boot":1767225600,"session":1,"seq":9,"uptime_ms":61234,"interval_s":60,"clock":"none","missed":0,"max_late_ms":3',
    ],
  ])("are encoded from numbers: %s", (_name, values, text) => {
    expect(encodeHeartbeat("kitchen", values)).toBe(text);
  });
});

describe("token of a heartbeat", () => {
  it("is attached as the last member", () => {
    expect(attachToken('{"a":1}', "x.y.z")).toBe('{"a":1,"jwt":"x.y.z"}');
  });

  it.each(['{"a":1}', '{"a":"}"}', '{"a":{"b":[]}}', '{"a":",\\"jwt\\":\\""}'])(
    "is detached so that the bytes of %s are the same again",
    (body) => {
      expect(detachToken(attachToken(body, "x-_.y.z"))).toEqual({ body, token: "x-_.y.z" });
    },
  );

  it("is the last one when the body has a member of that name", () => {
    const payload = attachToken('{"a":1,"jwt":"old"}', "new");
    expect(detachToken(payload)).toEqual({ body: '{"a":1,"jwt":"old"}', token: "new" });
  });

  it.each([
    ["none", '{"a":1}'],
    ["not last", '{"jwt":"x.y.z","a":1}'],
    ["last but not a string", '{"a":1,"jwt":5}'],
    ["followed by bytes", '{"a":1,"jwt":"x.y.z"} '],
    ["with other characters", '{"a":1,"jwt":"x\\"y"}'],
    ["hidden in a nested object", '{"a":{"b":1,"jwt":"x.y.z"}}'],
    ["no object at all", ""],
  ])("is not found when it is %s", (_name, payload) => {
    expect(detachToken(payload)).toBeUndefined();
  });
});
