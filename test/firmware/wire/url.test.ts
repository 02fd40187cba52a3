// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest";
import { areUrls, parseUrl } from "../../../firmware/wire/url.ts";

describe("parseUrl", () => {
  it.each([
    ["mqtt://broker", "mqtt", "broker", 1883, "/", false],
    ["mqtt://broker.test:1/", "mqtt", "broker.test", 1, "/", false],
    ["mqtts://192.168.0.7", "mqtts", "192.168.0.7", 8883, "/", true],
    ["ws://my_host-1:65535/mqtt?a=b/c", "ws", "my_host-1", 65535, "/mqtt?a=b/c", false],
    ["wss://b/mqtt", "wss", "b", 443, "/mqtt", true],
    ["http://b", "http", "b", 80, "/", false],
    ["https://b/base/", "https", "b", 443, "/base/", true],
  ])("takes %s", (url, scheme, host, port, path, isTls) => {
    expect(parseUrl(url)).toEqual({ scheme, host, port, path, isTls });
  });

  it.each([
    "",
    "broker",
    "ftp://broker",
    "MQTT://broker",
    "mqtt:/broker",
    "mqtt://",
    "mqtt:///",
    "mqtt://:1883",
    "mqtt://broker:",
    "mqtt://broker:0",
    "mqtt://broker:65536",
    "mqtt://broker:99999999999999999999",
    "mqtt://broker:18x3",
    "mqtt://broker:-1",
    "mqtt://broker:1:2",
    "mqtt://user@broker",
    "mqtt://broker/path",
    "mqtt://bro ker",
    "mqtt://[::1]",
    "mqtt://broker?x",
    "ws://broker/a b",
    "http://broker/a#b",
    "http://broker/caf\u00e9",
  ])("refuses %j", (url) => {
    expect(parseUrl(url)).toBeUndefined();
  });
});

describe("areUrls", () => {
  it.each(["mqtt://a", "mqtts://a,mqtt://b", "mqtt://a,ws://b/x?y,http://c,https://d"])(
    "takes %s",
    (text) => {
      expect(areUrls(text)).toBe(true);
    },
  );

  it.each([
    "",
    ",",
    "mqtt://a,",
    "mqtt://a, mqtt://b",
    "mqtt://a,http://b/x?y",
    "https://a/?",
    "mqtt://a,b",
    "mqtt://a,".repeat(4) + "mqtt://e",
  ])("refuses %j", (text) => {
    expect(areUrls(text)).toBe(false);
  });
});
