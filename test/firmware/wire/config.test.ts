// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest";
import { CONFIG, checkConfig, isSecret, readConfig } from "../../../firmware/wire/config.ts";
import { KEY } from "../../helpers/fake-board.ts";

const REQUIRED = { urls: "mqtt://broker.test", key: KEY };

// Keys that are wrong without each other.
const TOGETHER = {
  keepalive_url: "ws://server.test",
  keepalive_interval_s: 86_400,
  keepalive_payload: "x",
  keepalive_ping: "x",
  keepalive_reply: "x",
};

function problemsOf(raw: { [key: string]: unknown }): string[] {
  return checkConfig({ ...REQUIRED, ...raw }).problems.map((problem) => problem.key);
}

describe("checkConfig", () => {
  it("fills in the defaults", () => {
    expect(checkConfig(REQUIRED)).toEqual({
      config: {
        ...REQUIRED,
        device_id: undefined,
        kid: "1",
        aud: "lubdub",
        interval_s: 30,
        qos: 1,
        immediate: false,
        topic_prefix: "devices",
        keep_alive_s: 15,
        clean_session: false,
        connect_timeout_s: 10,
        ping_timeout_s: 4,
        ack_timeout_s: 10,
        reconnect_spread_s: 10,
        recover_s: 300,
        renew: false,
        log_level: "I",
        wifi_ssid: undefined,
        wifi_password: undefined,
        time_servers: "time.cloudflare.com,time.google.com",
        time_interval_s: 14_400,
        keepalive_pong_s: 10,
        keepalive_max_bytes: 4096,
      },
      problems: [],
      unknown: [],
    });
  });

  it("has for each key a default that fits, or none", () => {
    for (const [key, row] of Object.entries(CONFIG))
      if (row[1] !== undefined) expect(problemsOf({ [key]: row[1] }), key).toEqual([]);
  });

  it("names the required keys that are absent", () => {
    expect(checkConfig({}).problems).toEqual([
      {
        key: "urls",
        expected: "1-4 of scheme://host[:port][/path] with commas, no query over HTTP",
        got: "nothing",
      },
      { key: "key", expected: "base64url of 32 bytes or more", got: "nothing" },
    ]);
  });

  it("finds every problem at once", () => {
    expect(problemsOf({ qos: 3, log_level: "X", keep_alive_s: 5, ping_timeout_s: 6 })).toEqual([
      "log_level",
      "qos",
      "ping_timeout_s",
    ]);
  });

  it("tells what was expected and what was there", () => {
    expect(checkConfig({ ...REQUIRED, keep_alive_s: 70000, aud: 5 }).problems).toEqual([
      { key: "aud", expected: "text of 1 to 64 characters", got: "5" },
      { key: "keep_alive_s", expected: "integer from 0 to 65535", got: "70000" },
    ]);
  });

  it.each([undefined, false, true, null, 0, 1, "", "no", [], {}])(
    "takes %j for ENABLE_HEARTBEAT",
    (value) => {
      const { config, problems } = checkConfig({ ...REQUIRED, ENABLE_HEARTBEAT: value });
      expect(problems).toEqual([]);
      expect(config.ENABLE_HEARTBEAT).toEqual(value);
    },
  );

  const typed = Object.keys(CONFIG).filter((key) => key !== "ENABLE_HEARTBEAT");
  it.each(typed)("refuses another type for %s", (key) => {
    for (const value of [null, [], {}, CONFIG[key as keyof typeof CONFIG][0] === "b" ? 1 : true])
      expect(problemsOf({ ...TOGETHER, [key]: value }), JSON.stringify(value)).toEqual([key]);
  });

  it.each(
    Object.entries(CONFIG).filter(
      ([, [kind, , min]]) => !"luwh".includes(kind) && min !== undefined,
    ),
  )("accepts both limits of %s and refuses what is beyond", (key, [kind, , min = 0, max = 0]) => {
    const isText = !"in".includes(kind);
    const step = kind === "n" ? 0.01 : 1;
    const value = (size: number): unknown => (isText ? "x".repeat(size) : size);
    expect(problemsOf({ ...TOGETHER, keep_alive_s: 0, [key]: value(min) })).toEqual([]);
    expect(problemsOf({ ...TOGETHER, keep_alive_s: 0, [key]: value(max) })).toEqual([]);
    if (!isText || min > 0)
      expect(problemsOf({ ...TOGETHER, keep_alive_s: 0, [key]: value(min - step) })).toEqual([key]);
    expect(problemsOf({ ...TOGETHER, keep_alive_s: 0, [key]: value(max + step) })).toEqual([key]);
  });

  it.each(["mqtt://server.test", "http://server.test", "wss//x", "ws://a,ws://b"])(
    "takes no %s for a WebSocket",
    (url) => {
      expect(checkConfig({ ...REQUIRED, ...TOGETHER, keepalive_url: url }).problems).toEqual([
        {
          key: "keepalive_url",
          expected: "ws:// or wss:// URL",
          got: JSON.stringify(url),
        },
      ]);
      expect(problemsOf({ ...TOGETHER, keepalive_url: "wss://server.test/x?y" })).toEqual([]);
    },
  );

  it.each([
    ["keepalive_interval_s", ["keepalive_url", "keepalive_payload"]],
    ["keepalive_payload", ["keepalive_interval_s"]],
    ["keepalive_url", ["keepalive_url"]],
    ["keepalive_ping", ["keepalive_ping", "keepalive_reply"]],
    ["keepalive_reply", ["keepalive_ping", "keepalive_reply"]],
  ])("misses %s where it belongs to what is there", (key, missed) => {
    expect(problemsOf({ ...TOGETHER, [key]: undefined })).toEqual(expect.arrayContaining(missed));
  });

  it.each([
    ["qos", 0.5],
    ["keep_alive_s", 1.5],
    ["interval_s", "30"],
    ["device_id", ""],
    ["device_id", "a b"],
    ["device_id", "x".repeat(65)],
    ["device_id", "a/b"],
    ["key", "x".repeat(42)],
    ["key", KEY + "="],
    ["key", KEY + "+"],
    ["topic_prefix", "a/+/b"],
    ["topic_prefix", "a/#"],
    ["topic_prefix", "/a"],
    ["topic_prefix", "a/"],
    ["topic_prefix", "a\0b"],
    ["topic_prefix", "x".repeat(129)],
    ["log_level", "DI"],
    ["log_level", ""],
    ["log_level", "i"],
    ["wifi_ssid", "caf\u00e9"],
    ["wifi_ssid", "a\nb"],
    ["aud", "a\0b"],
    ["time_servers", "a b:xx,,:99999"],
    ["time_servers", "a,"],
    ["time_servers", "a/b"],
    ["time_servers", "a/"],
    ["time_servers", "ntp://a"],
    ["time_servers", "a:0"],
    ["time_servers", "a:65536"],
    ["time_servers", "a,".repeat(4) + "e"],
    ["urls", "http://server.test/x?tenant=1"],
    ["urls", "mqtt://broker.test,https://server.test?"],
  ])("refuses %s of %j", (key, value) => {
    expect(problemsOf({ [key]: value })).toEqual([key]);
  });

  it.each([
    ["device_id", "x".repeat(64)],
    ["key", "x".repeat(43)],
    ["key", "-_" + "x".repeat(100)],
    ["topic_prefix", "home/floor 1"],
    ["log_level", "D"],
    ["log_level", "E"],
    ["interval_s", 0.5],
    ["wifi_password", ""],
    ["time_servers", ""],
    ["time_servers", "time.test:1123,10.0.0.1,my_time,a-b:65535"],
    ["urls", "ws://server.test/x?tenant=1,http://server.test/x"],
  ])("accepts %s of %j", (key, value) => {
    expect(problemsOf({ [key]: value })).toEqual([]);
  });

  const PAYLOAD = "text, base64url:bytes, preset: ping stomp mqtt method event op type";

  it.each([
    ["keepalive_payload", "base64url:", PAYLOAD],
    ["keepalive_payload", "base64url:A", PAYLOAD],
    ["keepalive_payload", "base64url:!!*", PAYLOAD],
    ["keepalive_payload", "base64url:AA=", PAYLOAD],
    ["keepalive_payload", "base64url:AA:AA", PAYLOAD],
    ["keepalive_payload", "preset:", PAYLOAD],
    ["keepalive_payload", "preset:Ping", PAYLOAD],
    ["keepalive_payload", "preset:ping:", PAYLOAD],
    ["keepalive_payload", "preset:text,", PAYLOAD],
    ["keepalive_payload", "preset", PAYLOAD],
    ["keepalive_protocol", "a b", "token of 0 to 64 characters"],
    ["keepalive_protocol", "a,b", "token of 0 to 64 characters"],
    ["keepalive_protocol", 'a"', "token of 0 to 64 characters"],
  ])("refuses %s of %j and tells what was expected", (key, value, expected) => {
    expect(checkConfig({ ...REQUIRED, ...TOGETHER, [key]: value }).problems).toEqual([
      { key, expected, got: JSON.stringify(value) },
    ]);
  });

  it.each([
    ["keepalive_payload", '{"op":"ping"}'],
    ["keepalive_payload", "ping:1"],
    ["keepalive_payload", "base64url:-_8"],
    ...["ping", "stomp", "mqtt", "method", "event", "op", "type"].map((name) => [
      "keepalive_payload",
      "preset:" + name,
    ]),
    ["keepalive_protocol", ""],
    ["keepalive_protocol", "v12.stomp"],
    ["keepalive_protocol", "!#$%&'*+-.^_`|~09azAZ"],
  ])("accepts %s of %j with the others", (key, value) => {
    expect(problemsOf({ ...TOGETHER, [key]: value })).toEqual([]);
  });

  it("lists keys that it does not have, and goes on", () => {
    const raw = { device_id: "a", ...REQUIRED, colour: 1, toString: 2, constructor: 3 };
    const checked = checkConfig(raw);
    expect(checked.unknown).toEqual(["colour", "toString", "constructor"]);
    expect(checked.problems).toEqual([]);
  });

  it("never repeats a secret in a problem", () => {
    const secret = "hunter2!";
    const checked = checkConfig({ key: secret, wifi_password: secret + "\n", urls: 1 });
    expect(checked.problems.map((p) => [p.key, p.got])).toEqual([
      ["urls", "1"],
      ["key", "(secret)"],
      ["wifi_password", "(secret)"],
    ]);
    expect(JSON.stringify(checked.problems)).not.toContain("hunter2");
  });

  it("does not repeat a password that somebody put into the broker URL", () => {
    const checked = checkConfig({ ...REQUIRED, urls: "mqtt://me:hunter2@broker.test" });
    expect(checked.problems.map((p) => p.key)).toEqual(["urls"]);
    expect(JSON.stringify(checked.problems)).not.toContain("hunter2");
  });

  it("knows which keys are secret", () => {
    expect(Object.keys(CONFIG).filter(isSecret)).toEqual(["key", "tls_key", "wifi_password"]);
  });
});

describe("deadline of PINGRESP", () => {
  it("may not be longer than Keep Alive when it is given", () => {
    expect(checkConfig({ ...REQUIRED, keep_alive_s: 5, ping_timeout_s: 6 }).problems).toEqual([
      { key: "ping_timeout_s", expected: "at most keep_alive_s (5)", got: "6" },
    ]);
  });

  it.each([
    { name: "equal", raw: { keep_alive_s: 5, ping_timeout_s: 5 } },
    { name: "anything without Keep Alive", raw: { keep_alive_s: 0, ping_timeout_s: 60 } },
    { name: "the default with a Keep Alive that is shorter", raw: { keep_alive_s: 2 } },
  ])("may be $name", ({ raw }) => {
    expect(problemsOf(raw)).toEqual([]);
  });
});

describe("rules between keys", () => {
  // An empty row comes of a `|` before the rows of a part, which begin with one.
  const rows = "a n 5 0 9|b n - 0 9 <a||c s - 1 9 &a";

  function complaintsOf(raw: { [key: string]: unknown }): string[] {
    const complaints: string[] = [];
    readConfig(
      raw,
      rows,
      (key, expected, got) => complaints.push(`${key}: ${expected}, ${got}`),
      () => true,
    );
    return complaints;
  }

  it.each([
    { name: "more than another allows", raw: { a: 2, b: 3, c: "x" }, is: "b: at most a (2), 3" },
    { name: "one without the other", raw: { a: 2 }, is: "c: together with a, nothing" },
    { name: "the other without the one", raw: { c: "x" }, is: 'c: together with a, "x"' },
    {
      name: "a wrong value, once",
      raw: { a: 2, b: 10, c: "x" },
      is: "b: number from 0 to 9, 10",
    },
  ])("complain of $name", ({ raw, is }) => {
    expect(complaintsOf(raw)).toEqual([is]);
  });

  it.each([
    { name: "as much as another allows", raw: { a: 2, b: 2, c: "x" } },
    { name: "anything when the other is 0", raw: { a: 0, b: 9, c: "x" } },
    { name: "what is under the other's default", raw: { b: 5 } },
    { name: "neither of two", raw: {} },
  ])("accept $name", ({ raw }) => {
    expect(complaintsOf(raw)).toEqual([]);
  });
});
