// SPDX-License-Identifier: MIT
// Faults of the MQTT and tiny MQTT modules that Espruino firmware is built on today, and what users
// complain about in MQTT clients. One test a fault, named by its row: M the MQTT module, T the tiny
// one, C a complaint. Each shows that the fault is not here.
import { describe, expect, it } from "vitest";
import { PACKET_MAX_BYTES } from "../../../firmware/mqtt/client.ts";
import type { MqttConfig } from "../../../firmware/mqtt/client.ts";
import { linesOf } from "../../helpers/fake-board.ts";
import { BEAT, TARGET, createMqttRig } from "../../helpers/mqtt-rig.ts";
import type { MqttRig } from "../../helpers/mqtt-rig.ts";
import {
  connack,
  hex,
  pingresp,
  puback,
  pubcomp,
  publish,
  pubrec,
  pubrel,
  suback,
} from "../../helpers/packets.ts";

function online(change: Partial<MqttConfig> = {}): MqttRig {
  const rig = createMqttRig(change);
  rig.goOnline();
  return rig;
}

describe("MQTT module", () => {
  it.each([1, 2, 3, 4, 5])("M1: reports CONNACK code %i as refused", (code) => {
    const rig = createMqttRig();
    rig.dial();
    rig.feed(connack(code));
    rig.board.advance(1000);
    expect(rig.events).toHaveLength(1);
    expect(rig.events[0]).toContain(`fail E_MQTT_REFUSED connack=${code}`);
  });

  it("M2: reports SUBACK 0x80 as a failure", () => {
    const rig = createMqttRig({}, { topicFilters: ["a"] });
    rig.dial();
    rig.accept();
    rig.feed(suback(1, 0x80));
    expect(rig.board.lines.join("\n")).toContain("E_MQTT_SUBSCRIBE");
  });

  it.each([true, false])("M3: asks for a clean session as configured: %s", (clean) => {
    const rig = createMqttRig({ clean_session: clean });
    rig.dial();
    expect(rig.sent()).toMatchObject([{ cmd: "connect", clientId: "kitchen", clean }]);
  });

  it("M4: delivers three messages that come in two chunks, in order", () => {
    const rig = online();
    const bytes = publish("t", "1") + publish("t", "2") + publish("t", "3");
    rig.feed(bytes.slice(0, 9));
    rig.feed(bytes.slice(9));
    expect(rig.events).toEqual(["message t 1", "message t 2", "message t 3"]);
  });

  it("M5: notices that PINGRESP does not come, and gives back the socket", () => {
    const rig = online({ keep_alive_s: 10 });
    rig.board.advance(7_500 + 4_000);
    expect(rig.events).toEqual(["fail E_MQTT_TIMEOUT wait=pingresp"]);
    expect(rig.socket().state).toBe("aborted");
  });

  it.each([1, 2, 3, 5, 40])("M6: pings within a Keep Alive of %i s, with room", (sec) => {
    const rig = online({ keep_alive_s: sec });
    let lastMs = rig.board.nowMs();
    const pauses: number[] = [];
    for (let ms = 10; ms <= sec * 10_000; ms += 10) {
      rig.board.advance(10);
      if (rig.sent().length === 0) continue;
      pauses.push(rig.board.nowMs() - lastMs);
      lastMs = rig.board.nowMs();
      rig.feed(pingresp());
    }
    expect(pauses.length).toBeGreaterThan(9);
    expect(Math.min(...pauses)).toBeGreaterThanOrEqual(sec * 500);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(sec * 850);
  });

  it("M6: switches Keep Alive off at 0", () => {
    const rig = createMqttRig({ keep_alive_s: 0 });
    rig.dial();
    expect(rig.sent()).toMatchObject([{ keepalive: 0 }]);
    rig.accept();
    rig.board.advance(86_000_000);
    expect(rig.cmds()).toEqual([]);
  });

  it("M7: is not disturbed by the end of an old socket", () => {
    const rig = online();
    const old = rig.socket();
    rig.feed(hex("f000"));
    rig.goOnline();
    old.close("ended");
    old.receive(hex("f000"));
    rig.board.advance(60_000);
    expect(rig.events).toEqual([]);
    rig.publish(BEAT, "a");
    expect(rig.cmds()).toEqual(["publish"]);
  });

  it.each(["ended", "error", "refused"])(
    "M8: tells of a socket that is %s before CONNACK",
    (why) => {
      const rig = createMqttRig();
      rig.dial();
      rig.socket().close(why);
      expect(rig.events).toEqual([`fail E_NET reason=${why}`]);
    },
  );

  it("M8: tells of a socket that does not open", () => {
    const rig = createMqttRig();
    rig.link.open(TARGET);
    rig.socket().close("refused");
    expect(rig.events).toEqual(["fail E_NET reason=refused"]);
  });

  it("M9: has given back the socket before it tells of a failure", () => {
    const open: number[] = [];
    const rig = createMqttRig(
      { keep_alive_s: 10 },
      { onFail: () => open.push(rig.board.net.openCount()) },
    );
    rig.goOnline();
    rig.board.advance(60_000);
    rig.goOnline();
    rig.feed(hex("f000"));
    expect(open).toEqual([0, 0]);
  });

  it("M10: is over at once when it says DISCONNECT, with no timer left", () => {
    const rig = online({ keep_alive_s: 10 });
    rig.link.stop(() => undefined);
    rig.board.advance(10);
    expect([rig.board.isArmed(0), rig.board.net.openCount()]).toEqual([false, 0]);
    rig.publish({ ...BEAT, qos: 0 }, "late");
    rig.board.advance(3_600_000);
    expect(rig.cmds()).toEqual(["disconnect"]);
  });

  it.each([1, 2])("M11: sends QoS %i again with its identifier and DUP", (qos) => {
    const rig = online();
    rig.publish({ ...BEAT, qos }, "a");
    const [first] = rig.sent();
    rig.lose();
    rig.dial();
    rig.accept(true);
    expect(first).toMatchObject({ dup: false, messageId: 1 });
    expect(rig.sent()[1]).toMatchObject({ dup: true, messageId: 1, qos });
  });

  it("M12: delivers QoS 2 once, however often it is published before it is released", () => {
    const rig = online();
    rig.feed(publish("t", "x", 2, 7) + publish("t", "x", 2, 7, true));
    rig.lose();
    rig.goOnline(true);
    rig.feed(publish("t", "x", 2, 7, true) + pubrel(7) + publish("t", "new", 2, 7));
    expect(rig.events).toEqual(["message t new"]);
    expect(rig.cmds()).toEqual(["pubrec", "pubcomp", "pubrec"]);
  });

  it("M13: keeps or refuses a message without a connection, and never loses one silently", () => {
    const rig = createMqttRig();
    for (let i = 0; i < 20; i++) rig.publish(BEAT, "a");
    expect(new Set(rig.outcomes)).toEqual(new Set(["a E_MQTT_OFFLINE"]));
    rig.dial();
    rig.accept();
    const resent = rig.sent().filter((packet) => packet.cmd === "publish");
    for (const packet of resent) rig.feed(puback(packet.messageId ?? 0));
    expect(rig.outcomes).toHaveLength(20);
    expect(rig.outcomes.filter((text) => text === "a ok")).toHaveLength(resent.length);
  });

  it("M14: rejects a fifth length byte, and a packet above its bound that is no message", () => {
    for (const bytes of ["30 ffffffff 01", "90 ffffff7f", "d0 818080 01", "30 8140 ffff"]) {
      const rig = online();
      rig.feed(hex(bytes));
      expect(rig.events, bytes).toEqual(["fail E_MQTT_PROTOCOL what=size"]);
    }
  });

  it.each([0, 1, 2] as const)(
    "M14: lets a message of QoS %i pass by that is too long, acknowledged, in any split",
    (qos) => {
      const long = publish("t", "x".repeat(PACKET_MAX_BYTES), qos);
      for (const step of [1, 2, 3, 7, 500, 1e6]) {
        const rig = online();
        const stream = long + publish("t", "next");
        for (let at = 0; at < stream.length; at += step) rig.feed(stream.slice(at, at + step));
        expect(rig.events, `${step}`).toEqual(["message t next"]);
        expect(rig.sent().map((packet) => packet.cmd)).toEqual([[], ["puback"], ["pubrec"]][qos]);
        expect(linesOf(rig.board, "too-long")).toEqual(['W mqtt too-long topic="t"']);
      }
    },
  );

  it("M14: lets one of 268 MB pass by as long as the peer answers, and holds nothing of it", () => {
    const rig = online({ keep_alive_s: 20 });
    rig.feed(hex("32 ffffff7f 0001 61 0009"));
    for (let i = 0; i < 5000; i++) rig.feed("x".repeat(536));
    expect(rig.events).toEqual([]);
    expect(rig.sent()).toMatchObject([{ cmd: "puback", messageId: 9 }]);
    rig.board.advance(60_000);
    expect(rig.events).toEqual([expect.stringMatching(/^fail E_MQTT_TIMEOUT/)]);
  });

  it("M14: holds no more than one packet, however it comes", () => {
    const rig = online();
    const chunk = publish("t", "x".repeat(PACKET_MAX_BYTES - 3));
    for (const byte of chunk) rig.feed(byte);
    rig.feed(chunk.repeat(100));
    expect(rig.events).toHaveLength(101);
  });

  it("M15: counts bytes, not characters", () => {
    const rig = online();
    const utf8 = Buffer.from("caf\u00e9 \u20ac").toString("latin1");
    rig.publish({ topic: "t", body: utf8, qos: 0 }, "a");
    const [packet] = rig.sent();
    expect(packet?.cmd === "publish" && packet.payload.toString()).toBe("caf\u00e9 \u20ac");
  });
});

describe("tiny MQTT module", () => {
  it("T1: two clients in one program do not disturb each other", () => {
    const first = online();
    const second = online();
    first.publish(BEAT, "a");
    second.publish(BEAT, "b");
    first.lose();
    second.feed(puback(1));
    expect([first.outcomes, second.outcomes]).toEqual([[], ["b ok"]]);
  });

  it("T2: announces the configured Keep Alive and pings within it", () => {
    const rig = createMqttRig({ keep_alive_s: 20 });
    rig.dial();
    expect(rig.sent()).toMatchObject([{ keepalive: 20 }]);
    rig.accept();
    for (let sec = 0; sec < 60; sec++) {
      rig.board.advance(1000);
      if (rig.socket().written.endsWith("\xc0\0")) rig.feed(pingresp());
    }
    expect(rig.cmds().length).toBeGreaterThanOrEqual(3);
  });

  it.each([125, 126, 127, 128, 129, 300])("T3: writes a message of %i bytes", (bytes) => {
    const rig = online();
    rig.publish({ topic: "ab", body: "x".repeat(bytes - 2), qos: 0 }, "a");
    const [packet] = rig.sent();
    expect(packet?.cmd === "publish" && packet.payload.length).toBe(bytes - 2);
  });

  it("T3: connects with a token of 1,000 bytes as password", () => {
    const token = "x".repeat(1000);
    const hello = () => ({ id: "a", token, willTopic: "w", willPayload: "" });
    const rig = createMqttRig({}, { hello });
    rig.dial();
    expect(rig.sent()).toMatchObject([{ cmd: "connect", password: Buffer.from(token) }]);
  });

  it("T4: delivers a message that follows PINGRESP in one chunk, and a long one in pieces", () => {
    const rig = online();
    rig.feed(pingresp() + publish("t", "short"));
    const long = publish("t", "x".repeat(1000));
    for (let at = 0; at < long.length; at += 100) rig.feed(long.slice(at, at + 100));
    expect(rig.events).toEqual(["message t short", `message t ${"x".repeat(1000)}`]);
  });

  it("T5: is online when CONNACK says so, and not before", () => {
    const rig = createMqttRig();
    rig.dial();
    rig.board.advance(5000);
    expect([rig.cmds(), rig.events]).toEqual([["connect"], []]);
  });

  it("T5: acknowledges QoS 1 and keeps the identifier out of the payload", () => {
    const rig = online();
    rig.feed(publish("t", "payload", 1, 0x4142));
    expect(rig.events).toEqual(["message t payload"]);
    expect(rig.sent()).toMatchObject([{ cmd: "puback", messageId: 0x4142 }]);
  });

  it("T6: has no deadline of its own for a connection that takes long", () => {
    const rig = createMqttRig();
    rig.board.net.blockMs = 7000;
    rig.link.open(TARGET);
    rig.board.advance(7000);
    rig.socket().open();
    rig.accept();
    expect(rig.events).toEqual(["online present=0"]);
  });
});

describe("complaints", () => {
  it("C8: what comes in does not postpone PINGREQ", () => {
    const rig = online({ keep_alive_s: 60 });
    for (let sec = 0; sec < 46; sec++) {
      rig.board.advance(1000);
      rig.feed(publish("t", "x"));
    }
    expect(rig.cmds()).toEqual(["pingreq"]);
  });

  it("C9: a PINGRESP that came is never missed afterwards, whatever else is sent", () => {
    const rig = online({ keep_alive_s: 10, ping_timeout_s: 4 });
    for (let sec = 1; sec <= 120; sec++) {
      rig.board.advance(1000);
      if (rig.cmds().includes("pingreq")) rig.feed(pingresp());
      if (sec % 3 === 0) rig.publish({ ...BEAT, qos: 0 }, "a");
    }
    expect(rig.events).toEqual([]);
  });

  it("C10: the deadline of PINGRESP is short, however long Keep Alive is", () => {
    const rig = online({ keep_alive_s: 3600, ping_timeout_s: 4 });
    rig.board.advance(2_700_000 + 4_000);
    expect(rig.events).toEqual(["fail E_MQTT_TIMEOUT wait=pingresp"]);
  });

  it.each([1, 2])(
    "C11: an unacknowledged QoS %i message ends a connection that looks alive",
    (qos) => {
      const rig = online({ keep_alive_s: 10, ack_timeout_s: 10 });
      rig.publish({ ...BEAT, qos }, "a");
      for (let sec = 0; sec < 11; sec++) {
        rig.board.advance(1000);
        if (rig.socket().written.endsWith("\xc0\0")) rig.feed(pingresp());
      }
      expect(rig.events).toEqual(["fail E_MQTT_TIMEOUT wait=ack"]);
    },
  );

  it("C22: what is sent again has its old identifier, and no PUBLISH comes after PUBREC", () => {
    const rig = online();
    rig.publish({ ...BEAT, qos: 2 }, "a");
    rig.feed(pubrec(1));
    for (let i = 0; i < 3; i++) {
      rig.lose();
      rig.dial();
      rig.accept(true);
      expect(rig.sent().slice(-1)).toMatchObject([{ cmd: "pubrel", messageId: 1 }]);
    }
    rig.feed(pubcomp(1));
    expect(rig.outcomes).toEqual(["a ok"]);
  });
});
