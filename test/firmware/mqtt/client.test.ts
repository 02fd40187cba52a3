// SPDX-License-Identifier: MIT
// The MQTT client as a table of (state, what comes, effects), its deadlines, and what it does with
// messages over connections. The broker's half is written and the client's is read by mqtt-packet.
// docs/reference/mqtt-conformance.md names these tests.
import { describe, expect, it } from "vitest";
import {
  ENDS_MAX,
  FLUSH_MS,
  IDLE_MS,
  PACKET_MAX_BYTES,
  PENDING_MAX_BYTES,
  RECEIVED_MAX,
  RESERVED,
  WINDOW,
} from "../../../firmware/mqtt/client.ts";
import type { MqttConfig, MqttOwner } from "../../../firmware/mqtt/client.ts";
import type { Message } from "../../../firmware/core/message.ts";
import { GUARD_MS, RECOVER_MS } from "../../../firmware/core/runtime.ts";
import { linesOf } from "../../helpers/fake-board.ts";
import { BEAT, TARGET, createMqttRig } from "../../helpers/mqtt-rig.ts";
import type { MqttRig } from "../../helpers/mqtt-rig.ts";
import {
  bytesOf,
  connack,
  hex,
  pingresp,
  puback,
  pubcomp,
  publish,
  pubrec,
  pubrel,
  suback,
  toHex,
} from "../../helpers/packets.ts";

const QOS0: Message = { ...BEAT, qos: 0 };
const QOS2: Message = { ...BEAT, qos: 2 };
const OWN: Message = { ...BEAT, retain: true };

/** Most messages that are not the session's own. */
const BEATS_MAX = WINDOW - RESERVED;

/** The client's slot: the first one of the board. */
const SLOT = 0;

function online(change: Partial<MqttConfig> = {}, owner: Partial<MqttOwner> = {}): MqttRig {
  const rig = createMqttRig(change, owner);
  rig.goOnline();
  return rig;
}

function greeting(change: Partial<MqttConfig> = {}): MqttRig {
  const rig = createMqttRig(change);
  rig.dial();
  rig.sent();
  return rig;
}

// ------------------------------------------------------------------------------------ CONNECT

describe("CONNECT", () => {
  const LONG = "x".repeat(400);
  it.each([
    { name: "a persistent session", clean: false, keepAlive: 15, id: "a", password: "p" },
    { name: "a clean session", clean: true, keepAlive: 15, id: "a", password: "p" },
    { name: "Keep Alive off", clean: false, keepAlive: 0, id: "a", password: "p" },
    { name: "the longest Keep Alive", clean: false, keepAlive: 65_535, id: "a", password: "p" },
    { name: "a token of 400 bytes", clean: false, keepAlive: 15, id: "a", password: LONG },
    { name: "an id of 64", clean: false, keepAlive: 15, id: "c".repeat(64), password: "p" },
  ])("says $name as the oracle does", ({ clean, keepAlive, id, password }) => {
    const rig = createMqttRig(
      { clean_session: clean, keep_alive_s: keepAlive },
      { hello: () => ({ id, token: password, willTopic: "devices/a/status", willPayload: "{}" }) },
    );
    rig.dial();
    const oracle = bytesOf({
      cmd: "connect",
      protocolId: "MQTT",
      protocolVersion: 4,
      clientId: id,
      username: id,
      password: Buffer.from(password),
      keepalive: keepAlive,
      clean,
      will: { topic: "devices/a/status", payload: Buffer.from("{}"), qos: 1, retain: true },
    });
    expect(toHex(rig.socket().written)).toBe(toHex(oracle));
  });

  it("writes the fields in the order of section 3.1", () => {
    const rig = createMqttRig(
      { keep_alive_s: 15 },
      { hello: () => ({ id: "a", token: "p", willTopic: "t", willPayload: "{}" }) },
    );
    rig.dial();
    expect(toHex(rig.socket().written)).toBe(
      toHex(
        hex(
          "10 1a" + // CONNECT, remaining length
            "0004 4d515454 04" + // protocol name and level
            "ec 000f" + // user name, password, will retain, will QoS 1, will; keep alive 15
            "0001 61" + // client identifier
            "0001 74 0002 7b7d" + // will
            "0001 61 0001 70", // user name, password
        ),
      ),
    );
  });

  it("is the first packet, sent once, when the socket is open and not before", () => {
    const rig = createMqttRig();
    rig.publish(BEAT, "a");
    rig.link.open(TARGET);
    rig.board.advance(1000);
    expect(rig.socket().written).toBe("");
    rig.socket().open();
    rig.board.advance(1000);
    expect(rig.cmds()).toEqual(["connect"]);
  });

  it("asks for what to say in each connection anew", () => {
    let count = 0;
    const rig = createMqttRig(
      {},
      { hello: () => ({ id: "a", token: `token-${++count}`, willTopic: "w", willPayload: "" }) },
    );
    rig.goOnline();
    rig.lose();
    rig.dial();
    expect(rig.sent()).toMatchObject([{ password: Buffer.from("token-2") }]);
  });
});

// ------------------------------------------------------------------------------ state table

interface Row {
  name: string;
  from: () => MqttRig;
  does(rig: MqttRig): void;
  /** What the owner is told. */
  events?: string[];
  /** What is sent. */
  sends?: string[];
  /** Whether the timer is armed afterwards: it is in no state but ACCEPTED and ONLINE. */
  isArmed?: boolean;
}

const protocol = (what: string): string => `fail E_MQTT_PROTOCOL what=${what}`;

const TABLE: Row[] = [
  { name: "CLOSED: close is nothing", from: createMqttRig, does: (r) => r.link.close() },
  {
    name: "CLOSED: a socket that is refused",
    from: createMqttRig,
    does: (r) => {
      r.link.open(TARGET);
      r.socket().close("refused");
    },
    events: ["fail E_NET reason=refused"],
  },
  {
    name: "GREETING: CONNACK 0 is online",
    from: greeting,
    does: (r) => r.accept(),
    events: ["online present=0"],
    isArmed: true,
  },
  {
    name: "GREETING: CONNACK 0 with the session present is online",
    from: greeting,
    does: (r) => r.accept(true),
    events: ["online present=1"],
    isArmed: true,
  },
  ...[1, 2, 4, 5].map((code) => ({
    name: `GREETING: CONNACK ${code} is refused, and trying again soon does not help`,
    from: greeting,
    does: (r: MqttRig) => r.feed(hex(`20 02 00 0${code}`)),
    events: [`fail E_MQTT_REFUSED connack=${code} refused`],
  })),
  {
    name: "GREETING: CONNACK 3 is refused for now",
    from: greeting,
    does: (r) => r.feed(hex("20 02 00 03")),
    events: ["fail E_MQTT_REFUSED connack=3"],
  },
  ...[
    ["code 6", "20 02 00 06", "connack"],
    ["code 255", "20 02 00 ff", "connack"],
    ["reserved flags", "20 02 02 00", "connack"],
    ["session present and a refusal", "20 02 01 05", "connack"],
    ["one byte", "20 01 00", "packet"],
    ["three bytes", "20 03 00 00 00", "packet"],
    ["no body", "20 00", "packet"],
    ["flags in its header", "21 02 00 00", "order"],
  ].map(([what, bytes, word]) => ({
    name: `GREETING: CONNACK with ${what} ends the connection`,
    from: greeting,
    does: (r: MqttRig) => r.feed(hex(bytes as string)),
    events: [protocol(word as string)],
  })),
  {
    name: "GREETING: CONNACK with session present for a clean session ends the connection",
    from: () => greeting({ clean_session: true }),
    does: (r) => r.feed(connack(0, true)),
    events: [protocol("connack")],
  },
  ...[
    ["PUBLISH", publish("t", "x")],
    ["PUBLISH with QoS 2", publish("t", "x", 2)],
    ["PUBACK", puback(1)],
    ["PUBREC", pubrec(1)],
    ["PUBREL", pubrel(1)],
    ["PUBCOMP", pubcomp(1)],
    ["SUBACK", suback(1, 0)],
    ["PINGRESP", pingresp()],
    ["CONNECT", hex("10 00")],
    ["type 0", hex("00 00")],
    ["type 15", hex("f0 00")],
  ].map(([what, bytes]) => ({
    name: `GREETING: ${what} before CONNACK ends the connection`,
    from: greeting,
    does: (r: MqttRig) => r.feed(bytes as string),
    events: [protocol("order")],
  })),
  {
    name: "GREETING: the end of the socket is told",
    from: greeting,
    does: (r) => r.socket().close("ended"),
    events: ["fail E_NET reason=ended"],
  },
  { name: "GREETING: close is silent", from: greeting, does: (r) => r.link.close() },
  {
    name: "ONLINE: a second CONNACK ends the connection",
    from: online,
    does: (r) => r.feed(connack()),
    events: [protocol("order")],
  },
  {
    name: "ONLINE: PUBLISH with QoS 0 is given on",
    from: online,
    does: (r) => r.feed(publish("a/b", "hello")),
    events: ["message a/b hello"],
    isArmed: true,
  },
  {
    name: "ONLINE: PUBLISH with QoS 1 is given on and acknowledged",
    from: online,
    does: (r) => r.feed(publish("a/b", "hello", 1, 513)),
    events: ["message a/b hello"],
    sends: ["puback"],
    isArmed: true,
  },
  {
    name: "ONLINE: PUBLISH with QoS 2 is given on and received",
    from: online,
    does: (r) => r.feed(publish("a/b", "hello", 2, 513)),
    events: ["message a/b hello"],
    sends: ["pubrec"],
    isArmed: true,
  },
  {
    name: "ONLINE: an empty payload is a message",
    from: online,
    does: (r) => r.feed(publish("a", "")),
    events: ["message a "],
    isArmed: true,
  },
  ...[
    ["PUBLISH with QoS 3", "36 06 0001 74 0001 78", "publish"],
    ["PUBLISH with DUP and QoS 0", "38 04 0001 74 78", "publish"],
    ["PUBLISH without a body", "30 00", "publish"],
    ["PUBLISH of one byte", "30 01 00", "publish"],
    ["PUBLISH without a topic", "30 02 0000", "publish"],
    ["PUBLISH with a topic beyond its end", "30 04 0005 7474", "publish"],
    ["PUBLISH with a wildcard in its topic", "30 05 0003 61 2f 23", "publish"],
    ["PUBLISH with U+0000 in its topic", "30 04 0002 61 00", "publish"],
    ["PUBLISH with ill-formed UTF-8 in its topic", "30 04 0002 c3 28", "publish"],
    ["PUBLISH with a surrogate in its topic", "30 05 0003 eda080", "publish"],
    ["PUBLISH with U+FEFF before its topic", "30 06 0004 efbbbf 61", "publish"],
    ["PUBLISH with QoS 1 and no identifier", "32 03 0001 74", "publish"],
    ["PUBLISH with QoS 2 and half an identifier", "34 04 0001 74 00", "publish"],
    ["PUBLISH with identifier 0", "32 05 0001 74 0000", "publish"],
    ["PUBACK of one byte", "40 01 00", "packet"],
    ["PUBACK of three bytes", "40 03 000100", "packet"],
    ["PUBACK without a body", "40 00", "packet"],
    ["PUBACK with flags", "42 02 0001", "packet"],
    ["PUBREC with flags", "52 02 0001", "packet"],
    ["PUBREC of three bytes", "50 03 000100", "packet"],
    ["PUBREL without its flag", "60 02 0001", "packet"],
    ["PUBREL with another flag", "63 02 0001", "packet"],
    ["PUBCOMP with flags", "72 02 0001", "packet"],
    ["PUBCOMP of one byte", "70 01 00", "packet"],
    ["SUBACK for a filter too many", "90 03 0001 00", "packet"],
    ["PINGRESP with a body", "d0 01 00", "packet"],
    ["PINGRESP with flags", "d1 00", "packet"],
    ["CONNECT", "10 00", "packet"],
    ["SUBSCRIBE", "82 06 0001 0001 61 00", "packet"],
    ["UNSUBSCRIBE", "a2 05 0001 0001 61", "packet"],
    ["UNSUBACK", "b0 02 0001", "packet"],
    ["PINGREQ", "c0 00", "packet"],
    ["DISCONNECT", "e0 00", "packet"],
    ["type 0", "00 00", "packet"],
    ["type 15", "f0 00", "packet"],
    ["300 MB announced by no message", "40 ffffff7f", "size"],
    ["five length bytes", "30 ffffffff01", "size"],
  ].map(([what, bytes, word]) => ({
    name: `ONLINE: ${what} ends the connection`,
    from: online,
    does: (r: MqttRig) => r.feed(hex(bytes as string)),
    events: [protocol(word as string)],
  })),
  ...[
    ["PUBACK", puback(99), []],
    ["PUBCOMP", pubcomp(99), []],
    ["PUBREC", pubrec(99), ["pubrel"]],
    ["PUBREL", pubrel(99), ["pubcomp"]],
  ].map(([what, bytes, sends]) => ({
    name: `ONLINE: ${what as string} nobody waits for harms nothing`,
    from: online,
    does: (r: MqttRig) => r.feed(bytes as string),
    sends: sends as string[],
    isArmed: true,
  })),
  {
    name: "ONLINE: PINGRESP nobody asked for is nothing",
    from: online,
    does: (r) => r.feed(pingresp()),
    isArmed: true,
  },
  {
    name: "ONLINE: the end of the socket is told",
    from: online,
    does: (r) => r.socket().close("error"),
    events: ["fail E_NET reason=error"],
  },
  { name: "ONLINE: close is silent", from: online, does: (r) => r.link.close() },
];

describe("state table", () => {
  it.each(TABLE)("$name", ({ from, does, events = [], sends = [], isArmed = false }) => {
    const rig = from();
    does(rig);
    expect(rig.events).toEqual(events);
    expect(rig.board.net.sockets.length ? rig.cmds() : []).toEqual(sends);
    expect(rig.board.isArmed(SLOT)).toBe(isArmed);
    // Whoever was told of an end has nothing left to close.
    expect(rig.board.net.openCount()).toBe(isArmed ? 1 : 0);
    rig.link.close();
    expect([rig.board.isArmed(SLOT), rig.board.net.openCount()]).toEqual([false, 0]);
    expect(linesOf(rig.board, "fault")).toEqual([]);
  });

  it("tells of a failure once, and ignores what comes after it in the same chunk", () => {
    const rig = online();
    rig.feed(hex("f0 00") + publish("t", "x") + hex("f0 00"));
    rig.feed(publish("t", "x"));
    expect(rig.events).toEqual([protocol("packet")]);
  });

  it("greets again after a failure, with nothing left of the broken stream", () => {
    const rig = online();
    rig.feed(publish("t", "half a message").slice(0, 8));
    rig.lose();
    rig.goOnline();
    rig.feed(publish("t", "whole"));
    expect(rig.events).toEqual(["message t whole"]);
  });

  it("gives on what comes right behind CONNACK", () => {
    const rig = greeting();
    rig.feed(connack(0, true) + publish("t", "early", 1, 7));
    expect(rig.events).toEqual(["message t early"]);
    expect(rig.sent()).toMatchObject([{ cmd: "puback", messageId: 7 }]);
    rig.board.advance(0);
    expect(rig.events).toEqual(["message t early", "online present=1"]);
  });
});

// ---------------------------------------------------------------------------------- receiving

describe("receiving", () => {
  it("takes packets in single bytes, and several in one chunk", () => {
    const rig = online();
    const bytes = publish("a/b", "x".repeat(200)) + puback(7) + publish("a/b", "y", 1, 258);
    for (const byte of bytes) rig.feed(byte);
    rig.feed(bytes);
    const both = [`message a/b ${"x".repeat(200)}`, "message a/b y"];
    expect(rig.events).toEqual([...both, ...both]);
  });

  it("accepts the largest packet and lets one of a byte more pass by", () => {
    const rig = online();
    rig.feed(publish("t", "x".repeat(PACKET_MAX_BYTES - 3)));
    rig.feed(publish("t", "y".repeat(PACKET_MAX_BYTES - 2)));
    rig.feed(publish("t", "z"));
    expect(rig.events.map((event) => event.slice(0, 11))).toEqual(["message t x", "message t z"]);
  });

  it.each([
    { name: "127 bytes in one length byte", bytes: 127, prefix: "30 7f" },
    { name: "128 bytes in two", bytes: 128, prefix: "30 8001" },
    { name: "4096 bytes in two", bytes: 4096, prefix: "30 8020" },
  ])("reads a length of $name", ({ bytes, prefix }) => {
    const rig = online();
    rig.feed(hex(prefix) + hex("0001 74") + "x".repeat(bytes - 3));
    expect(rig.events).toEqual([`message t ${"x".repeat(bytes - 3)}`]);
  });

  it("goes online also when PINGRESP comes right behind CONNACK", () => {
    const rig = greeting();
    rig.feed(connack() + pingresp());
    rig.board.advance(10);
    expect(rig.link.isOnline()).toBe(true);
  });

  it("reads topics and identifiers of more than 255", () => {
    const rig = online();
    const topic = "a".repeat(300);
    rig.feed(publish(topic, "x", 1, 0x1234));
    expect(rig.events).toEqual([`message ${topic} x`]);
    expect(rig.sent()).toMatchObject([{ cmd: "puback", messageId: 0x1234 }]);
  });

  it("gives payloads on byte for byte", () => {
    const rig = online();
    const all = String.fromCharCode(...Array.from({ length: 256 }, (_, i) => i));
    rig.feed(publish("t", all));
    expect(rig.events).toEqual([`message t ${all}`]);
  });

  it("acknowledges in the order of arrival, with the identifiers that came", () => {
    const rig = online();
    rig.feed(
      [9, 3, 700].map((id) => publish("t", "1", 1, id)).join("") +
        [8, 2, 600].map((id) => publish("t", "2", 2, id)).join(""),
    );
    expect(rig.sent().map((packet) => [packet.cmd, packet.messageId])).toEqual([
      ["puback", 9],
      ["puback", 3],
      ["puback", 700],
      ["pubrec", 8],
      ["pubrec", 2],
      ["pubrec", 600],
    ]);
  });

  it("takes a QoS 1 identifier that comes again for a new message", () => {
    const rig = online();
    rig.feed(publish("t", "1", 1, 5) + publish("t", "2", 1, 5, true));
    expect(rig.events).toEqual(["message t 1", "message t 2"]);
    expect(rig.cmds()).toEqual(["puback", "puback"]);
  });

  it.each([1, 2] as const)(
    "does not acknowledge a QoS %i message whose handler ended the connection",
    (qos) => {
      const rig = online({}, { onMessage: () => rig.link.close() });
      rig.feed(publish("t", "x", qos, 5));
      expect(rig.cmds()).toEqual([]);
    },
  );

  it("ends the connection to a peer that publishes and does not read", () => {
    const rig = online();
    rig.socket().pendingBytes = PENDING_MAX_BYTES + 1;
    rig.feed(publish("t", "x", 1, 5));
    expect(rig.events).toEqual(["message t x", "fail E_MQTT_BUFFER"]);
  });
});

describe("receiving with QoS 2", () => {
  it("delivers once what comes again before PUBREL, and says PUBREC each time", () => {
    const rig = online();
    rig.feed(publish("t", "x", 2, 5) + publish("t", "x", 2, 5, true) + publish("t", "x", 2, 5));
    expect(rig.events).toEqual(["message t x"]);
    expect(rig.cmds()).toEqual(["pubrec", "pubrec", "pubrec"]);
  });

  it("answers PUBREL with PUBCOMP and takes the identifier for a new message then", () => {
    const rig = online();
    rig.feed(publish("t", "1", 2, 5) + pubrel(5) + publish("t", "2", 2, 5));
    expect(rig.events).toEqual(["message t 1", "message t 2"]);
    expect(rig.sent()).toMatchObject([
      { cmd: "pubrec", messageId: 5 },
      { cmd: "pubcomp", messageId: 5 },
      { cmd: "pubrec", messageId: 5 },
    ]);
  });

  it("answers PUBREL that comes again", () => {
    const rig = online();
    rig.feed(publish("t", "1", 2, 5) + pubrel(5) + pubrel(5));
    expect(rig.cmds()).toEqual(["pubrec", "pubcomp", "pubcomp"]);
  });

  it("remembers identifiers over connections while the broker keeps the session", () => {
    const rig = online();
    rig.feed(publish("t", "x", 2, 5));
    rig.lose();
    rig.goOnline(true);
    rig.feed(publish("t", "x", 2, 5, true));
    expect(rig.events).toEqual([]);
    expect(rig.cmds()).toEqual(["pubrec"]);
  });

  it("forgets identifiers with the session", () => {
    const rig = online();
    rig.feed(publish("t", "x", 2, 5));
    rig.lose();
    rig.goOnline(false);
    rig.feed(publish("t", "y", 2, 5));
    expect(rig.events).toEqual(["message t y"]);
  });

  it("does not listen to a broker that never releases, and loses nothing by that", () => {
    const rig = online();
    for (let id = 1; id <= RECEIVED_MAX; id++) rig.feed(publish("t", "x", 2, id));
    expect(rig.events).toHaveLength(RECEIVED_MAX);
    rig.events.length = 0;
    rig.feed(publish("t", "more", 2, 1000));
    expect(rig.events).toEqual([protocol("unreleased")]);
    rig.goOnline(true);
    rig.feed(pubrel(1) + publish("t", "more", 2, 1000, true));
    expect(rig.events).toEqual(["message t more"]);
  });
});

// --------------------------------------------------------------------------------- publishing

describe("publishing", () => {
  it.each([
    { qos: 0, retain: false },
    { qos: 0, retain: true },
    { qos: 1, retain: false },
    { qos: 1, retain: true },
    { qos: 2, retain: false },
    { qos: 2, retain: true },
  ] as const)("writes QoS $qos, retain $retain as the oracle does", ({ qos, retain }) => {
    const rig = online();
    const from = rig.socket().written.length;
    rig.publish({ topic: "a/b", body: "hello", qos, retain }, "a");
    const oracle = bytesOf({
      cmd: "publish",
      topic: "a/b",
      payload: "hello",
      qos,
      retain,
      dup: false,
      messageId: 1,
    });
    expect(toHex(rig.socket().written.slice(from))).toBe(toHex(oracle));
  });

  // The topic takes five bytes with its length, so remaining lengths cross each border.
  it.each([122, 123, 124, 16_378, 16_379, 2_097_146])(
    "writes the length of a payload of %i bytes",
    (bytes) => {
      const rig = online();
      rig.publish({ topic: "a/b", body: "x".repeat(bytes), qos: 0 }, "a");
      const [packet] = rig.sent();
      expect(packet?.cmd === "publish" && packet.payload.length).toBe(bytes);
    },
  );

  it("carries all 256 byte values", () => {
    const rig = online();
    const body = String.fromCharCode(...Array.from({ length: 256 }, (_, i) => i));
    rig.publish({ topic: "t", body, qos: 1 }, "a");
    expect(rig.sent()).toMatchObject([{ payload: Buffer.from(body, "latin1") }]);
  });

  it("sends QoS 0 without an identifier and is done with it", () => {
    const rig = online();
    rig.publish(QOS0, "a");
    const payload = Buffer.from(QOS0.body);
    expect(rig.sent()).toMatchObject([{ cmd: "publish", qos: 0, topic: "t", payload, dup: false }]);
    expect(rig.outcomes).toEqual(["a ok"]);
    rig.lose();
    rig.goOnline(true);
    expect(rig.cmds()).toEqual([]);
  });

  it("sends QoS 1 and is done when PUBACK comes", () => {
    const rig = online();
    rig.publish(BEAT, "a");
    expect(rig.sent()).toMatchObject([{ cmd: "publish", qos: 1, messageId: 1, dup: false }]);
    expect(rig.outcomes).toEqual([]);
    rig.feed(puback(1));
    expect(rig.outcomes).toEqual(["a ok"]);
  });

  it("sends QoS 2, releases it when PUBREC comes, and is done when PUBCOMP comes", () => {
    const rig = online();
    rig.publish(QOS2, "a");
    expect(rig.sent()).toMatchObject([{ cmd: "publish", qos: 2, messageId: 1, dup: false }]);
    rig.feed(pubrec(1));
    expect(rig.sent()).toMatchObject([{ cmd: "pubrel", messageId: 1 }]);
    expect(rig.outcomes).toEqual([]);
    rig.feed(pubcomp(1));
    expect(rig.outcomes).toEqual(["a ok"]);
    expect(rig.cmds()).toEqual([]);
  });

  it("releases again when PUBREC comes again, and is done once", () => {
    const rig = online();
    rig.publish(QOS2, "a");
    rig.feed(pubrec(1) + pubrec(1) + pubcomp(1) + pubcomp(1));
    expect(rig.cmds()).toEqual(["publish", "pubrel", "pubrel"]);
    expect(rig.outcomes).toEqual(["a ok"]);
  });

  it("releases in the order of PUBREC", () => {
    const rig = online();
    for (const name of ["a", "b", "c"]) rig.publish(QOS2, name);
    rig.sent();
    rig.feed(pubrec(3) + pubrec(1) + pubrec(2));
    expect(rig.sent().map((packet) => packet.messageId)).toEqual([3, 1, 2]);
  });

  it.each([
    { name: "PUBACK for QoS 2", qos: 2, bytes: puback(1) },
    { name: "PUBCOMP before PUBREC", qos: 2, bytes: pubcomp(1) },
    { name: "PUBREC for QoS 1", qos: 1, bytes: pubrec(1) },
    { name: "PUBCOMP for QoS 1", qos: 1, bytes: pubcomp(1) },
  ])("does not take $name for the answer", ({ qos, bytes }) => {
    const rig = online();
    rig.publish({ ...BEAT, qos }, "a");
    rig.feed(bytes);
    expect(rig.outcomes).toEqual([]);
    rig.feed(qos === 1 ? puback(1) : pubrec(1) + pubcomp(1));
    expect(rig.outcomes).toEqual(["a ok"]);
    expect(linesOf(rig.board, "ack-unknown")).toHaveLength(1);
  });

  it("tells how long the acknowledgement took", () => {
    const rig = online();
    const took: unknown[] = [];
    for (const qos of [0, 1, 2])
      rig.link.publish({ ...BEAT, qos }, (_failure, rttMs) => took.push([qos, rttMs]));
    rig.board.advance(123);
    rig.feed(puback(1) + pubrec(2));
    rig.board.advance(45);
    rig.feed(pubcomp(2));
    expect(took).toEqual([
      [0, undefined],
      [1, 123],
      [2, 45],
    ]);
  });

  it("settles acknowledgements out of order, each once", () => {
    const rig = online();
    for (const name of ["a", "b", "c"]) rig.publish(BEAT, name);
    rig.feed(puback(3) + puback(1) + puback(3) + puback(2));
    expect(rig.outcomes).toEqual(["c ok", "a ok", "b ok"]);
    expect(linesOf(rig.board, "ack-unknown")).toEqual(["W mqtt ack-unknown type=4"]);
  });

  it("seals what has claims at the moment of sending, each time", () => {
    let count = 0;
    const rig = online({}, { seal: (body, claims) => `${body} ${claims} ${++count}` });
    rig.publish({ ...BEAT, claims: "9" }, "a");
    rig.publish(QOS0, "b");
    expect(rig.sent()).toMatchObject([
      { payload: Buffer.from("beat 9 1") },
      { payload: Buffer.from("beat") },
    ]);
    rig.lose();
    rig.dial();
    rig.accept(true);
    expect(rig.sent()[1]).toMatchObject({ payload: Buffer.from("beat 9 2") });
  });

  it("refuses what the window has no room for, and keeps places for the session's own", () => {
    const rig = online();
    for (let i = 0; i < BEATS_MAX; i++) rig.publish(i % 2 ? BEAT : QOS2, `${i}`);
    expect(rig.outcomes).toEqual([]);
    rig.publish(BEAT, "more");
    expect(rig.outcomes).toEqual(["more E_MQTT_WINDOW"]);
    for (let i = 0; i < RESERVED; i++) rig.publish(OWN, "own");
    expect(rig.outcomes).toEqual(["more E_MQTT_WINDOW"]);
    rig.publish(OWN, "too many");
    expect(rig.outcomes).toEqual(["more E_MQTT_WINDOW", "too many E_MQTT_WINDOW"]);
    expect(rig.sent()).toHaveLength(WINDOW);
  });

  it("sends QoS 0 although the window is full", () => {
    const rig = online();
    for (let i = 0; i < BEATS_MAX; i++) rig.publish(BEAT, `${i}`);
    rig.publish(QOS0, "zero");
    expect(rig.outcomes).toEqual(["zero ok"]);
  });

  it("has room again when the last acknowledgement comes, and not before", () => {
    const rig = online();
    for (let i = 0; i < BEATS_MAX; i++) rig.publish(QOS2, `${i}`);
    rig.feed(pubrec(1));
    rig.publish(BEAT, "early");
    rig.feed(pubcomp(1));
    rig.publish(BEAT, "more");
    expect(rig.outcomes).toEqual(["early E_MQTT_WINDOW", "0 ok"]);
  });

  it.each([0, 1, 2])("refuses QoS %i when the network does not take bytes", (qos) => {
    const rig = online();
    rig.socket().pendingBytes = PENDING_MAX_BYTES;
    rig.publish({ ...BEAT, qos }, "a");
    expect(rig.cmds()).toHaveLength(1);
    rig.outcomes.length = 0;
    rig.socket().pendingBytes = PENDING_MAX_BYTES + 1;
    rig.publish({ ...BEAT, qos }, "b");
    expect(rig.outcomes).toEqual(["b E_MQTT_BUFFER"]);
    expect(rig.cmds()).toEqual([]);
  });

  it("tells QoS 0 of a socket that is gone, and soon its owner", () => {
    const rig = online();
    rig.socket().isWritable = false;
    rig.publish(QOS0, "a");
    expect(rig.outcomes).toEqual(["a E_MQTT_OFFLINE"]);
    expect(rig.events).toEqual([]);
    rig.board.advance(20);
    expect(rig.events).toEqual(["fail E_NET reason=gone"]);
  });

  it("keeps QoS 1 and 2 for the next connection when the socket is gone", () => {
    const rig = online();
    rig.socket().isWritable = false;
    rig.publish(BEAT, "a");
    rig.publish(QOS2, "b");
    rig.board.advance(20);
    rig.dial();
    rig.accept();
    expect(rig.sent().slice(1)).toMatchObject([{ messageId: 1 }, { messageId: 2 }]);
    rig.feed(puback(1) + pubrec(2) + pubcomp(2));
    expect(rig.outcomes).toEqual(["a ok", "b ok"]);
  });
});

describe("packet identifiers", () => {
  it("count from 1 to 65535 and again, over those in use: until PUBACK, and until PUBCOMP", () => {
    const rig = online();
    rig.publish(BEAT, "old");
    rig.publish(QOS2, "half");
    rig.feed(pubrec(2));
    for (let id = 3; id <= 65_535; id++) {
      rig.link.publish(BEAT, () => undefined);
      rig.socket().receive("\x40\x02" + String.fromCharCode(id >> 8, id & 255));
    }
    rig.socket().written = "";
    rig.publish(BEAT, "new");
    expect(rig.socket().written.slice(5, 7)).toBe("\0\x03");
    rig.feed(puback(3));
    expect(rig.outcomes).toEqual(["new ok"]);
  });

  it("begin anywhere with a persistent session, whose server knows those of a board that lost power", () => {
    const rig = createMqttRig({}, {}, 0.5);
    rig.goOnline();
    rig.publish(QOS2, "first");
    rig.publish(QOS2, "second");
    expect(rig.sent()).toMatchObject([{ messageId: 32_768 }, { messageId: 32_769 }]);
  });
});

describe("without a connection", () => {
  it.each([
    ["before the first", createMqttRig],
    ["before CONNACK", greeting],
  ] as const)("messages of every QoS wait %s and go out in order", (_when, from) => {
    const rig = from();
    rig.publish(BEAT, "a");
    rig.publish(QOS0, "b");
    rig.publish(QOS2, "c");
    if (!rig.board.net.sockets.length) rig.dial();
    rig.accept();
    const publishes = rig.sent().filter((packet) => packet.cmd === "publish");
    expect(publishes).toMatchObject([
      { qos: 1, messageId: 1, dup: false },
      { qos: 0, dup: false },
      { qos: 2, messageId: 2, dup: false },
    ]);
    expect(rig.outcomes).toEqual(["b ok"]);
    rig.feed(puback(1) + pubrec(2) + pubcomp(2));
    expect(rig.outcomes).toEqual(["b ok", "a ok", "c ok"]);
    // QoS 0 is done with: nothing waits for an acknowledgement, and nothing is sent again.
    rig.lose();
    rig.goOnline(true);
    expect(rig.cmds()).toEqual([]);
  });

  it("a message that is published while others are sent again comes behind them", () => {
    const rig = createMqttRig();
    rig.link.publish({ ...QOS0, body: "1" }, () => rig.publish({ ...QOS0, body: "3" }, "3"));
    rig.publish({ ...QOS0, body: "2" }, "2");
    rig.dial();
    rig.accept();
    const bodies = rig.sent().map((p) => (p.cmd === "publish" ? String(p.payload) : p.cmd));
    expect(bodies).toEqual(["connect", "1", "2", "3"]);
  });

  it("messages beyond the window are refused", () => {
    const rig = createMqttRig();
    for (let i = 0; i < BEATS_MAX; i++) rig.publish({ ...BEAT, qos: i % 3 }, `${i}`);
    rig.publish(BEAT, "more");
    rig.publish(QOS0, "most");
    expect(rig.outcomes).toEqual(["more E_MQTT_OFFLINE", "most E_MQTT_OFFLINE"]);
  });

  it("abandoning gives up what waits, each once", () => {
    const rig = createMqttRig();
    for (const [name, qos] of Object.entries({ a: 1, b: 0, c: 2 }))
      rig.publish({ ...BEAT, qos }, name);
    rig.link.abandon();
    rig.link.abandon();
    expect(rig.outcomes).toEqual(["a E_MQTT_CLOSED", "b E_MQTT_CLOSED", "c E_MQTT_CLOSED"]);
    rig.goOnline();
    expect(rig.cmds()).toEqual([]);
  });

  it("abandoning gives up what is half delivered, too", () => {
    const rig = online();
    rig.publish(QOS2, "a");
    rig.feed(pubrec(1));
    rig.lose();
    rig.link.abandon();
    expect(rig.outcomes).toEqual(["a E_MQTT_CLOSED"]);
  });

  it("a message that ends the connection while it is sent ends the handshake, too", () => {
    const rig = greeting();
    rig.link.publish(QOS0, () => rig.link.close());
    rig.publish(BEAT, "b");
    rig.accept();
    expect(rig.events).toEqual([]);
    expect(rig.cmds()).toEqual(["publish"]);
    expect([rig.board.isArmed(SLOT), rig.board.net.openCount()]).toEqual([false, 0]);
    expect(linesOf(rig.board, "fault")).toEqual([]);
  });
});

// ------------------------------------------------------------------------------ over connections

describe("over connections", () => {
  it.each([true, false])(
    "sends again in order, with the same identifiers and DUP (session present: %s)",
    (present) => {
      const rig = online();
      rig.publish({ ...BEAT, body: "1" }, "a");
      rig.publish({ ...QOS2, body: "2" }, "b");
      rig.publish({ ...BEAT, body: "3" }, "c");
      rig.publish({ ...QOS2, body: "4" }, "d");
      rig.feed(puback(3));
      rig.lose();
      rig.dial();
      rig.accept(present);
      expect(rig.sent().slice(1)).toMatchObject([
        { messageId: 1, qos: 1, dup: true, payload: Buffer.from("1") },
        { messageId: 2, qos: 2, dup: true, payload: Buffer.from("2") },
        { messageId: 4, qos: 2, dup: true, payload: Buffer.from("4") },
      ]);
      rig.feed(puback(1) + pubrec(2) + pubcomp(2) + pubrec(4) + pubcomp(4));
      expect(rig.outcomes).toEqual(["c ok", "a ok", "b ok", "d ok"]);
    },
  );

  it("sends PUBREL again and never PUBLISH after PUBREC", () => {
    const rig = online();
    for (const name of ["a", "b", "c"]) rig.publish({ ...QOS2, body: name }, name);
    rig.feed(pubrec(3) + pubrec(1));
    rig.lose();
    rig.dial();
    rig.accept(true);
    // What is not received yet first, then the releases in the order of PUBREC.
    expect(rig.sent().slice(1)).toMatchObject([
      { cmd: "publish", messageId: 2, dup: true },
      { cmd: "pubrel", messageId: 3 },
      { cmd: "pubrel", messageId: 1 },
    ]);
    rig.feed(pubcomp(3) + pubcomp(1));
    expect(rig.outcomes).toEqual(["c ok", "a ok"]);
  });

  it.each([true, false])(
    "ends a half delivered QoS 2 message with its session, which a broker may not even know (clean: %s)",
    (clean_session) => {
      const rig = online({ clean_session });
      rig.publish(QOS2, "a");
      rig.publish({ ...QOS2, body: "2" }, "b");
      rig.feed(pubrec(1));
      rig.lose();
      rig.dial();
      rig.accept(false);
      expect(rig.outcomes).toEqual(["a E_MQTT_CLOSED"]);
      expect(rig.sent().slice(1)).toMatchObject([{ cmd: "publish", messageId: 2 }]);
    },
  );

  it.each([
    { ...TARGET, host: "other" },
    { ...TARGET, port: 8883 },
    { ...TARGET, path: "/other" },
  ])("ends a half delivered QoS 2 message before another broker's session: %j", (other) => {
    const rig = online();
    rig.publish(QOS2, "a");
    rig.publish({ ...QOS2, body: "2" }, "b");
    rig.feed(pubrec(1) + publish("t", "x", 2, 5));
    rig.lose();
    rig.dial(other);
    rig.accept(true);
    expect(rig.outcomes).toEqual(["a E_MQTT_CLOSED"]);
    expect(rig.sent().slice(1)).toMatchObject([{ cmd: "publish", messageId: 2 }]);
    // Nor are its identifiers those of the first one.
    rig.events.length = 0;
    rig.feed(publish("t", "y", 2, 5));
    expect(rig.events).toEqual(["message t y"]);
  });

  it("releases it to the first broker after another one that could not be reached", () => {
    const rig = online();
    rig.publish(QOS2, "a");
    rig.feed(pubrec(1));
    rig.lose();
    rig.dial({ ...TARGET, host: "other" });
    rig.lose();
    rig.dial();
    rig.accept(true);
    expect(rig.sent().slice(1)).toMatchObject([{ cmd: "pubrel", messageId: 1 }]);
    rig.feed(pubcomp(1));
    expect(rig.outcomes).toEqual(["a ok"]);
  });

  it.each([1, 2])("gives a QoS %i message up at which the peer ends each connection", (qos) => {
    const rig = online();
    rig.publish({ ...BEAT, qos }, "a");
    rig.publish({ ...BEAT, body: "2" }, "b");
    for (let i = 1; i < ENDS_MAX; i++) {
      rig.lose();
      rig.dial();
      rig.accept(true);
      expect(rig.sent()).toMatchObject([{ cmd: "connect" }, { messageId: 1 }, { messageId: 2 }]);
    }
    expect(rig.outcomes).toEqual([]);
    rig.lose();
    expect(rig.outcomes).toEqual(["a E_MQTT_DENIED"]);
    rig.dial();
    rig.accept(true);
    expect(rig.sent()).toMatchObject([{ cmd: "connect" }, { messageId: 2 }]);
    rig.feed(puback(2));
    expect(rig.outcomes).toEqual(["a E_MQTT_DENIED", "b ok"]);
  });

  it("gives up nothing for a network that comes and goes, nor for missing answers", () => {
    const rig = online({ ack_timeout_s: 10 });
    rig.publish(BEAT, "a");
    for (let i = 0; i < 2 * ENDS_MAX; i++) {
      if (i % 2) rig.board.advance(10_020);
      rig.link.close();
      rig.dial();
      rig.accept(true);
      expect(rig.sent()[1]).toMatchObject({ messageId: 1, dup: true });
    }
    expect(rig.events).toContain("fail E_MQTT_TIMEOUT wait=ack");
  });

  it("gives up nothing that is received and waits for its end", () => {
    const rig = online();
    rig.publish(QOS2, "a");
    rig.feed(pubrec(1));
    for (let i = 0; i <= ENDS_MAX; i++) {
      rig.lose();
      rig.dial();
      rig.accept(true);
      expect(rig.cmds()).toEqual(["connect", "pubrel"]);
    }
    rig.feed(pubcomp(1));
    expect(rig.outcomes).toEqual(["a ok"]);
  });

  it("does not claim DUP in a clean session", () => {
    const rig = online({ clean_session: true });
    rig.publish(BEAT, "a");
    rig.publish(QOS2, "b");
    rig.lose();
    rig.dial();
    rig.accept();
    expect(rig.sent()).toMatchObject([
      { clean: true },
      { messageId: 1, dup: false },
      { messageId: 2, dup: false },
    ]);
  });

  it.each([1, 2])("does not send QoS %i again that was acknowledged", (qos) => {
    const rig = online();
    rig.publish({ ...BEAT, qos }, "a");
    rig.feed(qos === 1 ? puback(1) : pubrec(1) + pubcomp(1));
    rig.lose();
    rig.dial();
    rig.accept(true);
    expect(rig.cmds()).toEqual(["connect"]);
  });

  it("does not send again within a connection", () => {
    const rig = online({ ack_timeout_s: 60 });
    rig.publish(BEAT, "a");
    rig.sent();
    rig.board.advance(59_000);
    expect(rig.cmds()).toEqual([]);
  });

  it("ends retained messages with their connection: they told its state", () => {
    const rig = online();
    rig.publish(OWN, "birth");
    rig.publish(BEAT, "beat");
    rig.lose();
    expect(rig.outcomes).toEqual(["birth E_MQTT_CLOSED"]);
    rig.dial();
    rig.accept(true);
    expect(rig.sent()).toMatchObject([{ cmd: "connect" }, { messageId: 2, dup: true }]);
  });

  it("answers each once although an answer closes again", () => {
    const rig = online();
    rig.link.publish(OWN, (failure) => {
      rig.outcome("a")(failure);
      rig.link.close();
    });
    rig.publish(OWN, "b");
    rig.lose();
    expect(rig.outcomes).toEqual(["a E_MQTT_CLOSED", "b E_MQTT_CLOSED"]);
  });

  it("does not count the time without a connection as waiting for an acknowledgement", () => {
    const rig = online();
    rig.publish(BEAT, "a");
    rig.lose();
    rig.board.advance(60_000);
    rig.goOnline(true);
    rig.board.advance(9_999);
    expect(rig.events).toEqual([]);
    rig.board.advance(100);
    expect(rig.events).toEqual(["fail E_MQTT_TIMEOUT wait=ack"]);
  });
});

// ---------------------------------------------------------------------------------- subscribing

describe("subscribing", () => {
  const FILTERS = { topicFilters: ["a/b", "c/#"], filterQos: 2 };
  const subscriber = (change: Partial<MqttConfig> = {}): MqttRig => {
    const rig = createMqttRig(change, FILTERS);
    rig.dial();
    rig.accept();
    return rig;
  };

  it("asks for all filters in one packet, in each connection, behind what is sent again", () => {
    const rig = subscriber();
    expect(rig.sent()).toMatchObject([
      { cmd: "connect" },
      {
        cmd: "subscribe",
        messageId: 1,
        subscriptions: [
          { topic: "a/b", qos: 2 },
          { topic: "c/#", qos: 2 },
        ],
      },
    ]);
    rig.feed(suback(1, 2, 1));
    rig.publish(BEAT, "a");
    rig.lose();
    rig.dial();
    rig.accept(true);
    expect(rig.cmds()).toEqual(["publish", "connect", "publish", "subscribe"].slice(1));
  });

  it("sends SUBSCRIBE as the oracle does", () => {
    const rig = subscriber();
    const oracle = bytesOf({
      cmd: "subscribe",
      messageId: 1,
      subscriptions: [
        { topic: "a/b", qos: 2 },
        { topic: "c/#", qos: 2 },
      ],
    });
    expect(toHex(rig.socket().written)).toContain(toHex(oracle));
  });

  it("sends nothing without filters", () => {
    const rig = createMqttRig({}, { topicFilters: [] });
    rig.dial();
    rig.accept();
    rig.board.advance(60_000);
    expect(rig.events[0]).toBe("online present=0");
    expect(rig.cmds()).not.toContain("subscribe");
  });

  it.each([
    [0, 0],
    [1, 1],
    [2, 2],
    [2, 0],
  ])("is content when SUBACK grants QoS %i and %i", (a, b) => {
    const rig = subscriber();
    rig.feed(suback(1, a, b));
    rig.board.advance(60_000);
    expect(rig.events).toEqual(["online present=0"]);
    expect(linesOf(rig.board, "E mqtt")).toEqual([]);
  });

  it("logs the filter that SUBACK refuses, and is deaf until the next connection", () => {
    const rig = subscriber();
    rig.feed(suback(1, 1, 0x80));
    expect(rig.board.isDeaf).toBe(true);
    expect(linesOf(rig.board, "E mqtt")).toEqual([
      'E mqtt not-subscribed code=E_MQTT_SUBSCRIBE filter="c/#"',
    ]);
    rig.board.advance(60_000);
    expect(rig.events).toEqual(["online present=0"]);
    rig.lose();
    expect(rig.board.isDeaf).toBe(false);
    rig.dial();
    rig.accept(true);
    expect(rig.cmds()).toEqual(["connect", "subscribe"]);
  });

  it.each(["03", "7f", "81", "ff"])("ends the connection for the code %s", (code) => {
    const rig = subscriber();
    rig.feed(hex(`90 04 0001 00 ${code}`));
    expect(rig.events.slice(1)).toEqual([protocol("suback")]);
  });

  it.each(["90 03 0001 00", "90 05 0001 00 00 00"])("ends the connection for %s", (bytes) => {
    const rig = subscriber();
    rig.feed(hex(bytes));
    expect(rig.events.slice(1)).toEqual([protocol("packet")]);
  });

  it("does not take PUBACK for its answer, nor SUBACK for that of a message", () => {
    const rig = subscriber();
    rig.publish(BEAT, "a");
    rig.feed(puback(1) + suback(2, 0, 0));
    expect(rig.outcomes).toEqual([]);
    expect(linesOf(rig.board, "ack-unknown")).toHaveLength(2);
    rig.feed(suback(1, 0, 0) + puback(2));
    expect(rig.outcomes).toEqual(["a ok"]);
  });

  it("has a place although messages fill their part of the window", () => {
    const rig = createMqttRig({}, FILTERS);
    for (let i = 0; i < BEATS_MAX; i++) rig.publish(BEAT, `${i}`);
    rig.dial();
    rig.accept();
    expect(rig.cmds().at(-1)).toBe("subscribe");
  });

  it("that is not answered ends the connection, and is not sent again but anew", () => {
    const rig = subscriber({ ack_timeout_s: 10 });
    rig.board.advance(9_999);
    expect(rig.events).toHaveLength(1);
    rig.board.advance(21);
    expect(rig.events.slice(1)).toEqual(["fail E_MQTT_TIMEOUT wait=ack"]);
    expect(linesOf(rig.board, "E mqtt")).toEqual([]);
    rig.dial();
    rig.accept(true);
    expect(rig.sent()).toMatchObject([{ cmd: "connect" }, { cmd: "subscribe", messageId: 2 }]);
  });

  it("waits for nothing when the owner ends the connection at once", () => {
    let isFirst = true;
    const onOnline = (): void => {
      if (isFirst) rig.link.close();
      isFirst = false;
    };
    const rig = createMqttRig({}, { ...FILTERS, onOnline });
    rig.dial();
    rig.accept();
    expect(rig.cmds()).toEqual(["connect"]);
    expect([rig.board.isArmed(SLOT), rig.board.net.openCount()]).toEqual([false, 0]);
    expect(linesOf(rig.board, "fault")).toEqual([]);
    rig.dial();
    rig.accept(true);
    expect(rig.cmds()).toEqual(["connect", "subscribe"]);
  });
});

// --------------------------------------------------------------------------------- deadlines

describe("deadline of acknowledgements", () => {
  it.each([
    { name: "PUBACK", qos: 1, before: "" },
    { name: "PUBREC", qos: 2, before: "" },
    { name: "PUBCOMP", qos: 2, before: pubrec(1) },
  ])("$name that does not come ends the connection", ({ qos, before }) => {
    const rig = online({ ack_timeout_s: 10 });
    rig.board.advance(3_333);
    rig.publish({ ...BEAT, qos }, "a");
    rig.feed(before);
    rig.board.advance(9_999);
    expect(rig.events).toEqual([]);
    rig.board.advance(50);
    expect(rig.events).toEqual(["fail E_MQTT_TIMEOUT wait=ack"]);
  });

  it("counts from each message's own sending, and anew from PUBREL", () => {
    const rig = online({ ack_timeout_s: 1 });
    rig.publish(QOS2, "a");
    rig.board.advance(500);
    rig.publish(BEAT, "b");
    rig.board.advance(400);
    rig.feed(pubrec(1));
    rig.board.advance(590);
    expect(rig.events).toEqual([]);
    rig.board.advance(50);
    expect(rig.events).toEqual(["fail E_MQTT_TIMEOUT wait=ack"]);
  });

  it.each([
    [true, []],
    [false, ["fail E_MQTT_TIMEOUT wait=ack"]],
  ])(
    "reads first what came while the interpreter was blocked (answered: %s)",
    (isAnswered, events) => {
      const rig = online({ ack_timeout_s: 10, keep_alive_s: 15 });
      rig.publish(BEAT, "a");
      const socket = rig.socket();
      const nothing = (): void => undefined;
      rig.board.net.blockMs = 18_500;
      rig.board.connect(
        { host: "away", port: 80 },
        { onOpen: nothing, onData: nothing, onClose: nothing },
      );
      rig.board.advance(0);
      expect(rig.events).toEqual([]);
      if (isAnswered) socket.receive(puback(1));
      rig.board.advance(200);
      expect(rig.events).toEqual(events);
    },
  );

  it("nothing waits: nothing ends", () => {
    const rig = online({ ack_timeout_s: 1 });
    rig.board.advance(3_600_000);
    expect(rig.events).toEqual([]);
    expect(rig.cmds()).toEqual([]);
  });

  it("a peer that has stopped reading is asked, and given up", () => {
    const rig = online({ ack_timeout_s: 10, ping_timeout_s: 4 });
    rig.socket().pendingBytes = PENDING_MAX_BYTES + 1;
    rig.board.advance(10_000);
    expect(rig.cmds()).toEqual(["pingreq"]);
    rig.board.advance(4_020);
    expect(rig.events).toEqual(["fail E_MQTT_TIMEOUT wait=pingresp"]);
  });
});

describe("Keep Alive", () => {
  /** Answers each PINGREQ after `answerMs`; gives the pauses between two sends, ms. */
  function pauses(
    keepAliveSec: number,
    options: { pingSec: number; answerMs: number; forMs: number; everyMs?: number },
  ): number[] {
    const rig = online({ keep_alive_s: keepAliveSec, ping_timeout_s: options.pingSec });
    rig.sentAtMs.splice(0, Infinity, rig.board.nowMs());
    const stepMs = 10;
    for (let ms = 0; ms < options.forMs; ms += stepMs) {
      rig.board.advance(stepMs);
      const socket = rig.socket();
      if (socket.written.endsWith("\xc0\0")) {
        socket.written = "";
        rig.board.after(() => rig.feed(pingresp()), options.answerMs);
      }
      if (options.everyMs && ms % options.everyMs === 0) rig.feed(publish("t", "x"));
    }
    expect(rig.events.filter((event) => !event.startsWith("message"))).toEqual([]);
    return rig.sentAtMs.slice(1).map((ms, i) => ms - (rig.sentAtMs[i] ?? 0));
  }

  it.each([1, 2, 3, 5, 15, 60])("sends within a Keep Alive of %i s, always", (sec) => {
    const all = pauses(sec, { pingSec: 4, answerMs: 5, forMs: sec * 20_000 });
    expect(all.length).toBeGreaterThan(19);
    expect(Math.max(...all)).toBeLessThan(sec * 850);
  });

  it.each([1, 2, 5, 15])(
    "sends within a Keep Alive of %i s although each answer comes at the last moment",
    (sec) => {
      const all = pauses(sec, {
        pingSec: 65_535,
        answerMs: sec * 750 - 20,
        forMs: sec * 20_000,
      });
      expect(Math.max(...all)).toBeLessThan(sec * 850);
    },
  );

  it.each([1, 5])("is not postponed by what comes in (Keep Alive %i s)", (sec) => {
    const all = pauses(sec, { pingSec: 4, answerMs: 5, forMs: sec * 10_000, everyMs: 100 });
    expect(all.length).toBeGreaterThan(9);
    expect(Math.max(...all)).toBeLessThan(sec * 850);
  });

  it("asks a silent peer although QoS 0 messages keep going out", () => {
    const rig = online({ keep_alive_s: 10 });
    for (let sec = 0; sec < 12; sec++) {
      rig.publish(QOS0, "a");
      rig.board.advance(1000);
    }
    expect(rig.cmds().filter((cmd) => cmd === "pingreq")).toHaveLength(1);
    expect(rig.events).toEqual(["fail E_MQTT_TIMEOUT wait=pingresp"]);
  });

  it("does not ask while messages go both ways", () => {
    const rig = online({ keep_alive_s: 10 });
    for (let id = 1; id <= 60; id++) {
      rig.publish(BEAT, "a");
      rig.feed(puback(id));
      rig.board.advance(1000);
    }
    expect(rig.cmds()).not.toContain("pingreq");
  });

  it("has a deadline of its own for PINGRESP", () => {
    const rig = online({ keep_alive_s: 100, ping_timeout_s: 4, ack_timeout_s: 60 });
    rig.board.advance(75_000);
    expect(rig.cmds()).toEqual(["pingreq"]);
    rig.board.advance(3_999);
    expect(rig.events).toEqual([]);
    rig.board.advance(1);
    expect(rig.events).toEqual(["fail E_MQTT_TIMEOUT wait=pingresp"]);
  });

  it("is not satisfied by other traffic when PINGRESP is missing", () => {
    const rig = online({ keep_alive_s: 10 });
    rig.board.advance(7_500);
    for (let i = 0; i < 5; i++) {
      rig.feed(publish("t", "x"));
      rig.board.advance(1000);
    }
    expect(rig.events.at(-1)).toBe("fail E_MQTT_TIMEOUT wait=pingresp");
  });

  it.each([1, 5, 15])("takes no longer for that than until the next would be due (%i s)", (sec) => {
    const rig = online({ keep_alive_s: sec, ping_timeout_s: 60, ack_timeout_s: 120 });
    rig.board.advance(sec * 1500 - 1);
    expect(rig.cmds()).toEqual(["pingreq"]);
    expect(rig.events).toEqual([]);
    rig.board.advance(1);
    expect(rig.events).toEqual(["fail E_MQTT_TIMEOUT wait=pingresp"]);
  });

  it("asks once, however long the answer takes", () => {
    const rig = online({ keep_alive_s: 10 });
    rig.board.advance(11_000);
    expect(rig.cmds()).toEqual(["pingreq"]);
  });

  it("asks before the interpreter may block, unless something was just sent, and waits for no answer", () => {
    const rig = online({ keep_alive_s: 30, ping_timeout_s: 4 });
    const block = rig.board.beforeBlock as () => boolean;
    rig.board.advance(IDLE_MS);
    // Written in the same turn: it has to leave first.
    rig.publish(QOS0, "a");
    expect([block(), rig.cmds()]).toEqual([true, ["publish"]]);
    rig.board.advance(20);
    expect([block(), rig.cmds()]).toEqual([false, []]);
    rig.board.advance(IDLE_MS);
    expect([block(), rig.cmds()]).toEqual([true, ["pingreq"]]);
    rig.board.advance(20);
    expect([block(), rig.cmds()]).toEqual([false, []]);
    rig.board.advance(20_000);
    expect([rig.events, rig.cmds()]).toEqual([[], []]);
    rig.lose();
    rig.board.advance(IDLE_MS);
    expect([block(), rig.cmds()]).toEqual([false, []]);
  });

  it("is off at 0", () => {
    const rig = online({ keep_alive_s: 0 });
    rig.board.advance(86_400_000);
    expect(rig.cmds()).toEqual([]);
    expect(rig.events).toEqual([]);
  });

  it("works at 65535 s", () => {
    const rig = online({ keep_alive_s: 65_535 });
    rig.board.advance(65_535 * 750 - 1);
    expect(rig.cmds()).toEqual([]);
    rig.board.advance(20);
    expect(rig.cmds()).toEqual(["pingreq"]);
  });

  it("forgets an unanswered PINGREQ with its connection", () => {
    const rig = online({ keep_alive_s: 10 });
    rig.board.advance(7_500);
    rig.lose();
    rig.goOnline();
    rig.board.advance(7_000);
    expect(rig.events).toEqual([]);
  });

  it("finds a dead peer within 20 s by default, in every phase of every traffic", () => {
    const worst: number[] = [];
    for (const everyMs of [700, 5_000, 30_000, 3_600_000])
      for (const qos of [0, 1, 2])
        for (let deadMs = 0; deadMs < 31_000; deadMs += 930) {
          const rig = online({ keep_alive_s: 15, ping_timeout_s: 4, ack_timeout_s: 10 });
          const startMs = rig.board.nowMs();
          let isDead = false;
          let seen = rig.socket().written.length;
          rig.socket().onWrite = () => {
            const socket = rig.socket();
            const bytes = socket.written.slice(seen);
            seen = socket.written.length;
            if (isDead) return;
            const id = bytes.charCodeAt(5) * 256 + bytes.charCodeAt(6);
            let answer = "";
            if (bytes === "\xc0\0") answer = pingresp();
            else if (bytes.startsWith("\x62")) answer = hex("7002") + bytes.slice(2);
            else if (qos) answer = qos === 1 ? puback(id) : pubrec(id);
            if (answer) rig.board.after(() => isDead || rig.feed(answer), 5);
          };
          let nextMs = everyMs;
          for (let ms = 0; ms < deadMs + 25_000 && !rig.events.length; ms += 620) {
            isDead ||= ms >= deadMs;
            if (ms >= nextMs) {
              nextMs += everyMs;
              rig.publish({ ...BEAT, qos }, "a");
            }
            rig.board.advance(620);
          }
          expect(rig.events).toHaveLength(1);
          worst.push(rig.board.nowMs() - startMs - deadMs);
        }
    expect(Math.max(...worst)).toBeLessThanOrEqual(20_000);
  });
});

// ------------------------------------------------------------------------------------ ending

describe("stopping", () => {
  it("says DISCONNECT as the last packet, and is done when the bytes have left", () => {
    const rig = online();
    let done = 0;
    rig.link.stop(() => done++);
    expect(rig.cmds()).toEqual(["disconnect"]);
    expect([done, rig.board.isArmed(SLOT)]).toEqual([0, false]);
    rig.publish(QOS0, "late");
    rig.board.advance(60_000);
    expect([done, rig.socket().state, rig.cmds()]).toEqual([1, "ended", []]);
    expect(rig.events).toEqual([]);
  });

  it("does not wait long for a peer that does not read", () => {
    const rig = online();
    rig.socket().isStalled = true;
    let done = 0;
    rig.link.stop(() => done++);
    rig.board.advance(FLUSH_MS - 1);
    expect(done).toBe(0);
    rig.board.advance(1);
    expect([done, rig.socket().state]).toEqual([1, "aborted"]);
  });

  it.each([
    ["without a connection", createMqttRig],
    ["before CONNACK", greeting],
  ] as const)("says nothing %s", (_when, from) => {
    const rig = from();
    let done = 0;
    rig.link.stop(() => done++);
    expect([done, rig.board.net.openCount()]).toEqual([1, 0]);
    expect(rig.board.net.sockets.length ? rig.cmds() : []).toEqual([]);
  });

  it("keeps what waits, until it is abandoned", () => {
    const rig = online();
    rig.publish(BEAT, "a");
    rig.link.stop(() => undefined);
    expect(rig.outcomes).toEqual([]);
    rig.link.abandon();
    expect(rig.outcomes).toEqual(["a E_MQTT_CLOSED"]);
  });
});

describe("after an out-of-memory", () => {
  it("does again what the hop behind CONNACK has not done", () => {
    const rig = greeting();
    rig.publish(BEAT, "a");
    rig.feed(connack());
    // Nobody can catch one: here both the write and the log of the fault throw.
    const { print } = rig.board;
    const { onWrite } = rig.socket();
    rig.board.print = rig.socket().onWrite = () => {
      throw new Error("out of memory");
    };
    expect(() => rig.board.advance(0)).toThrow("out of memory");
    rig.board.print = print;
    rig.socket().onWrite = onWrite;
    expect(rig.events).toEqual([]);
    rig.sent();
    rig.board.advance(RECOVER_MS + GUARD_MS);
    expect(rig.events[0]).toBe("online present=0");
    expect(rig.sent()).toMatchObject([{ cmd: "publish", messageId: 1, dup: true }]);
  });

  it("does not understand a packet twice whose handling was cut short", () => {
    let count = 0;
    const rig = online(
      {},
      {
        onMessage: () => {
          if (count++ === 0) throw new Error("out of memory");
        },
      },
    );
    expect(() => rig.feed(publish("t", "1"))).toThrow("out of memory");
    rig.feed(publish("t", "2"));
    expect([count, rig.events]).toEqual([2, []]);
  });
});
