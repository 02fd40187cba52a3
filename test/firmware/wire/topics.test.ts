// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest";
import { isDeviceId, parseTopic, topicOf } from "../../../firmware/wire/topics.ts";

describe("topicOf and parseTopic", () => {
  it.each(["heartbeat", "status", "commands", "replies"] as const)("agree on %s", (leaf) => {
    const topic = topicOf("home/devices", "kitchen-1", leaf);
    expect(topic).toBe(`home/devices/kitchen-1/${leaf}`);
    expect(parseTopic("home/devices", topic)).toEqual({ deviceId: "kitchen-1", leaf });
  });

  it.each([
    ["another prefix", "other/kitchen/heartbeat"],
    ["a prefix that only begins alike", "devices2/kitchen/heartbeat"],
    ["another leaf", "devices/kitchen/heart"],
    ["no leaf", "devices/kitchen"],
    ["one level more", "devices/kitchen/heartbeat/x"],
    ["an empty id", "devices//heartbeat"],
    ["an illegal id", "devices/kit chen/heartbeat"],
    ["a wildcard", "devices/+/heartbeat"],
  ])("a topic with %s is not ours", (_name, topic) => {
    expect(parseTopic("devices", topic)).toBeUndefined();
  });
});

describe("isDeviceId", () => {
  it.each(["a", "A-Z_09", "x".repeat(64)])("takes %s", (id) => {
    expect(isDeviceId(id)).toBe(true);
  });

  it.each(["", "x".repeat(65), "a b", "a/b", "a+b", "a#", "ä", "a\n"])("refuses %j", (id) => {
    expect(isDeviceId(id)).toBe(false);
  });
});
