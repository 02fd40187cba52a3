// SPDX-License-Identifier: MIT
// Faults of the MQTT, tiny MQTT and HMAC modules that Espruino firmware is built on today, and what
// users complain about in devices. One test a fault, named by its row: M the MQTT module, T the tiny
// one, H the HMAC module, C a complaint. Each shows that the fault is not here; what shows in the MQTT
// client alone is in mqtt/field.test.ts.
import { createHmac as nodeHmac } from "node:crypto";
import { base64url, decodeJwt, jwtVerify } from "jose";
import { describe, expect, it } from "vitest";
import { createApp, ready } from "../../firmware/app.ts";
import { createIdentity } from "../../firmware/auth/identity.ts";
import { createJwt } from "../../firmware/auth/jwt.ts";
import { FLOOR_MS, persist, restore } from "../../firmware/core/persist.ts";
import { createHmac } from "../../firmware/lib/hmac-sha256.ts";
import {
  clock as clockPart,
  heartbeat as heartbeatPart,
  mqtt as mqttPart,
  uplink as uplinkPart,
} from "../../firmware/parts.ts";
import type { Config } from "../../firmware/wire/config.ts";
import { ALL_KEYS, checkConfig } from "../../firmware/wire/config.ts";
import { startable } from "../helpers/compose.ts";
import { KEY, armedCount, configOf, createFakeBoard, linesOf } from "../helpers/fake-board.ts";
import type { FakeBoardOptions } from "../helpers/fake-board.ts";
import { createFakeBroker } from "../helpers/fake-broker.ts";
import type { FakeBroker } from "../helpers/fake-broker.ts";
import { START_WALL_MS } from "../helpers/fake-clock.ts";
import { BEAT, createMqttRig } from "../helpers/mqtt-rig.ts";
import type { MqttRig } from "../helpers/mqtt-rig.ts";
import { hex, pingresp, puback, publish, suback } from "../helpers/packets.ts";

const { sha256 } = createFakeBoard();

/** The whole program with a fake broker. */
function program(change: Partial<Config> = {}) {
  const board = createFakeBoard({ boot: 6 });
  const broker = createFakeBroker(board);
  const app = startable(board, configOf({ interval_s: 10, ...change }));
  app.start();
  return { ...app, board, broker, clock: board.clock, net: board.net };
}

/** A client that is online. */
function client(change: Partial<Config> = {}): MqttRig {
  const rig = createMqttRig(change);
  rig.goOnline();
  return rig;
}

describe("MQTT module", () => {
  it.each([1, 2, 3, 4, 5])("M1: reports CONNACK code %i as refused", (code) => {
    const { board, broker, clock, status } = program();
    broker.connack = code;
    clock.advance(1100);
    expect(linesOf(board, "refused")).toEqual([
      `E uplink refused code=E_MQTT_REFUSED connack=${code}`,
    ]);
    expect(status()).toMatchObject({ uplink: "waiting" });
  });

  it("M2: reports SUBACK 0x80 as a failure", () => {
    const rig = createMqttRig({}, { topicFilters: ["a"] });
    rig.dial();
    rig.accept();
    rig.board.advance(20);
    rig.feed(suback(1, 0x80));
    expect(linesOf(rig.board, "E mqtt")).toEqual([
      'E mqtt not-subscribed code=E_MQTT_SUBSCRIBE filter="a"',
    ]);
  });

  it.each([true, false])("M3: asks for a clean session as configured: %s", (clean) => {
    const { broker, clock } = program({ clean_session: clean });
    clock.advance(1100);
    expect(broker.packets[0]).toMatchObject({ cmd: "connect", clientId: "kitchen", clean });
  });

  it("M4: delivers three messages that come in two chunks, in order", () => {
    const { feed, events } = client();
    const bytes = publish("t", "1") + publish("t", "2") + publish("t", "3");
    feed(bytes.slice(0, 9));
    feed(bytes.slice(9));
    expect(events).toEqual(["message t 1", "message t 2", "message t 3"]);
  });

  it("M5: notices that PINGRESP does not come", () => {
    const { board, broker, clock, net } = program({ keep_alive_s: 10, interval_s: 3600 });
    broker.answersPing = false;
    clock.advance(1100 + 7500 + 4000);
    expect(linesOf(board, "pingresp")).toHaveLength(1);
    expect(net.sockets[0]?.state).toBe("aborted");
  });

  it.each([1, 2, 3, 5, 40])("M6: pings within a Keep Alive of %i s, with room", (sec) => {
    const { board, sent, feed } = client({ keep_alive_s: sec });
    let lastMs = 0;
    const pauses: number[] = [];
    for (let ms = 10; ms <= sec * 10_000; ms += 10) {
      board.advance(10);
      if (sent().length === 0) continue;
      pauses.push(ms - lastMs);
      lastMs = ms;
      feed(pingresp());
    }
    expect(pauses.length).toBeGreaterThan(9);
    expect(Math.min(...pauses)).toBeGreaterThanOrEqual(sec * 500);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(sec * 850);
  });

  it("M6: switches Keep Alive off at 0", () => {
    const { broker, clock } = program({ keep_alive_s: 0, interval_s: 86_400 });
    clock.advance(86_000_000);
    expect(broker.packets[0]).toMatchObject({ keepalive: 0 });
    expect(broker.cmds()).not.toContain("pingreq");
  });

  it("M7: is not disturbed by the end of an old socket", () => {
    const { clock, net, status } = program();
    clock.advance(1100);
    const old = net.last();
    old.receive(hex("f000"));
    clock.advance(11_000);
    expect(status()).toMatchObject({ uplink: "online", session: 2 });
    old.close("ended");
    clock.advance(60_000);
    expect(status()).toMatchObject({ uplink: "online", session: 2 });
  });

  it.each(["ended", "error", "refused"])(
    "M8: notices a socket that is %s before CONNACK",
    (why) => {
      const { board, broker, clock, net, status } = program();
      broker.connack = undefined;
      clock.advance(1100);
      net.last().close(why);
      expect(linesOf(board, "failed")).toEqual([`W uplink failed code=E_NET reason=${why}`]);
      expect(status()).toMatchObject({ uplink: "waiting" });
    },
  );

  it("M8: gives up a socket that never opens", () => {
    const { clock, net, status } = program({ connect_timeout_s: 5 });
    net.onConnect = undefined;
    clock.advance(1000 + 5000);
    expect(status()).toMatchObject({ uplink: "waiting" });
    expect(net.openCount()).toBe(0);
  });

  it("M9: has given back the socket before it says that CONNACK is overdue", () => {
    const { board, broker, clock, net } = program({ connect_timeout_s: 5 });
    broker.connack = undefined;
    const openAtLine: number[] = [];
    board.lines.push = (line: string) => {
      if (line.includes("uplink waiting url=")) openAtLine.push(net.openCount());
      return 0;
    };
    clock.advance(1100 + 5000);
    expect(openAtLine).toEqual([0]);
    clock.advance(60_000);
    expect(net.openCount()).toBeLessThanOrEqual(1);
  });

  it("M10: is disconnected at once when it says so, with no timer left", () => {
    const { board, clock, net, stop, status } = program({ keep_alive_s: 10 });
    clock.advance(1100);
    const socket = net.last();
    stop();
    clock.advance(10);
    expect(status()).toMatchObject({ uplink: "off", heartbeat: "off" });
    expect([armedCount(board), net.openCount()]).toEqual([0, 0]);
    const { written } = socket;
    clock.advance(3_600_000);
    expect(socket.written).toBe(written);
  });

  it("M11: sends a message again with its identifier and DUP", () => {
    const { broker, clock, net } = program();
    clock.advance(9000);
    broker.acksPublish = false;
    clock.advance(1000);
    net.last().close("ended");
    broker.acksPublish = true;
    clock.advance(11_000);
    const beats = broker.packets.filter(
      (packet) => packet.cmd === "publish" && packet.topic.endsWith("/heartbeat"),
    );
    expect(beats[0]).toMatchObject({ dup: false });
    expect(beats[1]).toMatchObject({ dup: true, messageId: beats[0]?.messageId });
  });

  it("M12: delivers QoS 2 once, however often it is sent", () => {
    const { feed, events } = client();
    feed(hex("34 06 0001 74 0007 78"));
    feed(hex("3c 06 0001 74 0007 78"));
    expect(events).toEqual(["message t x"]);
  });

  it("M13: keeps or refuses a message without a connection, and never loses one silently", () => {
    const rig = createMqttRig();
    for (let i = 0; i < 20; i++) rig.publish(BEAT, "m");
    expect(new Set(rig.outcomes)).toEqual(new Set(["m E_MQTT_OFFLINE"]));
    rig.dial();
    rig.accept();
    rig.board.advance(20);
    const resent = rig.sent().filter((packet) => packet.cmd === "publish");
    for (const packet of resent) rig.feed(puback(packet.messageId ?? 0));
    expect(rig.outcomes).toHaveLength(20);
    expect(rig.outcomes.filter((text) => text === "m ok")).toHaveLength(resent.length);
  });

  // There is no payload of another type: a beat that cannot be made is the nearest.
  it("M13: takes a beat that cannot be made for that, and not for a lost connection", () => {
    const { board, clock, net, status } = program();
    clock.advance(1100);
    board.varsInUse = () => {
      throw new Error("no memory");
    };
    clock.advance(10_000);
    expect(linesOf(board, "app fault")).toHaveLength(1);
    expect(status()).toMatchObject({ uplink: "online" });
    expect(net.sockets).toHaveLength(1);
  });

  it("M15: counts bytes, and what is not ASCII has been refused before", () => {
    const rig = client();
    const utf8 = Buffer.from("caf\u00e9 \u20ac").toString("latin1");
    rig.publish({ topic: "t", body: utf8, qos: 0 }, "m");
    const [packet] = rig.sent();
    expect(packet?.cmd === "publish" && packet.payload.toString()).toBe("caf\u00e9 \u20ac");
    const raw = { urls: "mqtt://b", key: KEY, topic_prefix: "caf\u00e9" };
    expect(checkConfig(raw).problems.map((p) => p.key)).toEqual(["topic_prefix"]);
  });
});

describe("tiny MQTT module", () => {
  it("T1: two programs in one interpreter do not disturb each other", () => {
    const first = program({ device_id: "first" });
    const second = program({ device_id: "second" });
    for (const { clock } of [first, second]) clock.advance(1100);
    first.net.last().close("ended");
    second.clock.advance(10_000);
    expect(first.status()).toMatchObject({ id: "first", uplink: "waiting" });
    expect(second.status()).toMatchObject({ id: "second", uplink: "online", seq: 1 });
    expect(second.broker.packets[0]).toMatchObject({ clientId: "second" });
  });

  it("T2: announces the configured Keep Alive and pings within it", () => {
    const { broker, clock } = program({ keep_alive_s: 20, interval_s: 3600 });
    clock.advance(61_000);
    expect(broker.packets[0]).toMatchObject({ keepalive: 20 });
    expect(broker.cmds().filter((cmd) => cmd === "pingreq").length).toBeGreaterThanOrEqual(3);
  });

  it.each([125, 126, 127, 128, 129, 300])("T3: writes a message of %i bytes", (bytes) => {
    const rig = client();
    rig.publish({ topic: "ab", body: "x".repeat(bytes - 2), qos: 0 }, "m");
    const [packet] = rig.sent();
    expect(packet?.cmd === "publish" && packet.payload.length).toBe(bytes - 2);
  });

  it("T3: connects with a token as password", () => {
    const { broker, clock } = program();
    clock.advance(1100);
    const [packet] = broker.packets;
    expect(packet?.cmd === "connect" && String(packet.password).length).toBeGreaterThan(128);
  });

  it("T4: delivers a message that follows PINGRESP in one chunk, and a long one in pieces", () => {
    const { feed, events } = client();
    feed(pingresp() + publish("t", "short"));
    const long = publish("t", "x".repeat(1000));
    for (let at = 0; at < long.length; at += 100) feed(long.slice(at, at + 100));
    expect(events).toEqual(["message t short", `message t ${"x".repeat(1000)}`]);
  });

  it("T5: is online when CONNACK says so, and not before", () => {
    const { broker, clock, status } = program();
    broker.connack = undefined;
    clock.advance(5000);
    expect(status()).toMatchObject({ uplink: "opening" });
    expect(broker.cmds()).toEqual(["connect"]);
  });

  it("T5: acknowledges QoS 1 and keeps the identifier out of the payload", () => {
    const { feed, events, sent } = client();
    feed(publish("t", "payload", 1, 0x4142));
    expect(events).toEqual(["message t payload"]);
    expect(sent()).toMatchObject([{ cmd: "puback", messageId: 0x4142 }]);
  });

  it("T6: waits for a connection that takes longer than 2 s", () => {
    const { clock, net, status } = program();
    const accept = net.onConnect;
    net.onConnect = (socket) => {
      clock.after(7000, () => accept?.(socket));
    };
    clock.advance(1000 + 7100);
    expect(status()).toMatchObject({ uplink: "online", session: 1 });
  });

  it("T6: waits for a connection whose opening blocks the interpreter", () => {
    const { clock, net, status } = program();
    net.blockMs = 7000;
    clock.advance(20_000);
    expect(status()).toMatchObject({ uplink: "online", session: 1 });
  });
});

describe("complaints", () => {
  const HOUR_MS = 3_600_000;

  /** What the token of each CONNECT so far claims. */
  function claimsOf(broker: FakeBroker): { iat: number; exp: number; jti: string }[] {
    return broker.packets.flatMap((packet) =>
      packet.cmd === "connect"
        ? [decodeJwt(String(packet.password)) as { iat: number; exp: number; jti: string }]
        : [],
    );
  }

  /** A program with own time and supervisor; its time servers are silent. */
  function timed(options: FakeBoardOptions) {
    const board = createFakeBoard(options);
    const broker = createFakeBroker(board);
    board.names.set("time.test", "192.0.2.1");
    const config = configOf({ time_servers: "time.test" });
    const app = createApp(board, config, ALL_KEYS);
    clockPart(app);
    uplinkPart(app);
    mqttPart(app);
    heartbeatPart(app, {});
    ready(app);
    return { app, board, broker, clock: board.clock };
  }

  it("C18: connects with a fresh token each time, however long it was away", () => {
    const { board, broker, clock, net } = program();
    clock.advance(2000);
    for (const hours of [1, 3, 48]) {
      broker.isUp = false;
      net.last().close("ended");
      clock.advance(hours * HOUR_MS);
      broker.isUp = true;
      const fromSec = board.wallMs() / 1000;
      clock.advance(600_000);
      const last = claimsOf(broker).at(-1);
      expect(last?.iat).toBeGreaterThanOrEqual(Math.floor(fromSec));
      expect(last?.exp).toBeGreaterThan(board.wallMs() / 1000);
    }
    const ids = claimsOf(broker).map(({ jti }) => jti);
    expect(new Set(ids).size).toBe(4);
  });

  it.each([4, 5])(
    "C19: refused with %i it makes a new token, asks the time, then waits",
    (code) => {
      const { app, board, broker, clock } = timed({ boot: 6 });
      broker.connack = code;
      clock.advance(60_000);
      const asked = board.udpNet.sent.length;
      clock.advance(4 * HOUR_MS);
      const claims = claimsOf(broker);
      // At first a tenth of a minute apart, then minutes: not one a minute for ever.
      expect(claims.length).toBeGreaterThan(4 * 6);
      expect(claims.length).toBeLessThan(4 * 60);
      expect(new Set(claims.map(({ iat }) => iat)).size).toBe(claims.length);
      expect(board.udpNet.sent.length).toBeGreaterThan(asked);
      expect(linesOf(board, "E uplink refused")).toHaveLength(claims.length);
      broker.connack = 0;
      clock.advance(300_000 + 1000);
      expect(app.status()).toMatchObject({ uplink: "online" });
    },
  );

  it("C20: without a clock it never connects, and says why; with the last time in flash it does", () => {
    const blind = timed({ systemMs: 5000 });
    blind.clock.advance(HOUR_MS);
    expect(blind.broker.packets).toEqual([]);
    expect(linesOf(blind.board, "E_CLOCK_NONE")[0]).toBe("W uplink blocked code=E_CLOCK_NONE");
    expect(blind.app.status()).toMatchObject({ clock: "none", uplink: "waiting" });

    const numbers = restore(blind.board);
    numbers[FLOOR_MS] = START_WALL_MS;
    persist(blind.board, numbers);
    const { app, board, broker } = timed({ systemMs: 5000, flash: blind.board.flash });
    board.advance(20_000);
    // Believed less than what a server has told.
    expect(app.status()).toMatchObject({ clock: "plausible", uplink: "online" });
    expect(claimsOf(broker)[0]?.iat).toBeGreaterThanOrEqual(START_WALL_MS / 1000);
  });
});

describe("HMAC module", () => {
  // There are no typed arrays to pass: keys and messages are byte strings, and only those.
  it("H1: digests keys and messages of every byte value and of any length", () => {
    const all = String.fromCharCode(...Array.from({ length: 256 }, (_, i) => i));
    for (const key of ["k", all.slice(0, 64), all.slice(0, 65), all])
      for (const message of ["", "text", all]) {
        const expected = nodeHmac("sha256", Buffer.from(key, "latin1"))
          .update(Buffer.from(message, "latin1"))
          .digest("latin1" as "hex");
        expect(createHmac(sha256, key)(message)).toBe(expected);
      }
  });

  it("H2: keeps nothing of a longer earlier message", () => {
    const mac = createHmac(sha256, "key");
    mac("a long message, ".repeat(20));
    expect(mac("short")).toBe(createHmac(sha256, "key")("short"));
  });

  it("H3: makes tokens in base64url, whatever the bytes, that jose accepts", async () => {
    const board = createFakeBoard();
    const identity = createIdentity(board, configOf());
    const jwt = createJwt(board, identity, configOf());
    let hadOther = false;
    for (let i = 0; i < 200; i++) {
      identity.session = i;
      const token = jwt.connection();
      expect(token).toMatch(/^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/);
      hadOther ||= /[_-]/.test(token);
      const { payload } = await jwtVerify(token, base64url.decode(KEY), {
        currentDate: new Date(board.wallMs()),
      });
      expect(payload["jti"]).toBe(`${identity.boot}.${i}`);
    }
    expect(hadOther).toBe(true);
  });
});
