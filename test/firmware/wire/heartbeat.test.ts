// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest";
import { attachToken, detachToken } from "../../../firmware/wire/heartbeat.ts";

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
