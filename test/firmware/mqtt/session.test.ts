// SPDX-License-Identifier: MIT
// The MQTT session as a table of (state, event, effects), its timers, and what it does with messages
// over connections. The broker's half is written by mqtt-packet.
import { describe, expect, it } from "vitest";
import type { Packet } from "mqtt-packet";
import type { Failure } from "../../../firmware/core/fail.ts";
import { WINDOW } from "../../../firmware/mqtt/in-flight.ts";
import type { OutMessage } from "../../../firmware/mqtt/in-flight.ts";
import type { ConnectOptions } from "../../../firmware/mqtt/packet.ts";
import {
  PACKET_MAX_BYTES,
  PENDING_MAX_BYTES,
  RESERVED,
  createSession,
} from "../../../firmware/mqtt/session.ts";
import { createFakePlatform, linesWith, loggerOf } from "../../helpers/fake-platform.ts";
import {
  connack,
  hex,
  parseAll,
  pingresp,
  puback,
  publish,
  suback,
} from "../../helpers/packets.ts";

const CONNECT: ConnectOptions = {
  clientId: "kitchen",
  username: "kitchen",
  password: "token",
  keepAliveSec: 0,
  cleanSession: false,
  willTopic: "devices/kitchen/status",
  willPayload: "{}",
};

const BEAT: OutMessage = { topic: "t", body: "beat", qos: 1, retain: false, seq: 1 };
const QOS0: OutMessage = { ...BEAT, qos: 0 };

/** Most messages that are not the session's own. */
const BEATS_MAX = WINDOW - RESERVED;

interface Options {
  pingMs?: number;
  ackMs?: number;
  /** The owner resumes later, when the test says so. */
  isSlow?: boolean;
}

/** A session with a scripted transport; `events` tells in order what it told its owner. */
function create(options: Options = {}) {
  const platform = createFakePlatform();
  const { clock } = platform;
  const events: string[] = [];
  const sentAtMs: number[] = [];
  const transport = { isOpen: true, pendingBytes: 0, bytes: "" };
  const session = createSession(
    clock,
    loggerOf(platform),
    { pingMs: options.pingMs ?? 4000, ackMs: options.ackMs ?? 10_000 },
    {
      send: (bytes) => {
        if (!transport.isOpen) return false;
        sentAtMs.push(clock.nowMs());
        transport.bytes += bytes;
        return true;
      },
      pendingBytes: () => transport.pendingBytes,
      onOnline: (isPresent) => {
        events.push(`online present=${isPresent}`);
        if (!options.isSlow) session.resume();
      },
      onFail: (failure, code) => events.push(`fail ${failure.code} ${failure.text} code=${code}`),
      onMessage: (topic, payload) => events.push(`message ${topic} ${payload}`),
    },
  );
  const outcomes: string[] = [];
  return {
    ...session,
    platform,
    clock,
    events,
    transport,
    sentAtMs,
    outcomes,
    /** Collects the outcome of a message under a name. */
    outcome: (name: string) => (failure: Failure | undefined) => {
      // Detail for a log line is pairs without blanks or NaN in them.
      if (failure) expect(failure.text).toMatch(/^[a-z]+=[a-z0-9/#]+$/);
      outcomes.push(`${name} ${failure ? failure.code : "ok"}`);
    },
    /** What was sent since the last call, as the oracle reads it. */
    sent: (): Packet[] => {
      const packets = parseAll(transport.bytes);
      transport.bytes = "";
      return packets;
    },
    /** Opens and accepts. */
    goOnline: (change: Partial<ConnectOptions> = {}, isPresent = false) => {
      transport.isOpen = true;
      session.open({ ...CONNECT, ...change });
      session.feed(connack(0, isPresent));
      transport.bytes = "";
      events.length = 0;
    },
  };
}

type Rig = ReturnType<typeof create>;

function cmds(rig: Rig): string[] {
  return rig.sent().map((packet) => packet.cmd);
}

// ------------------------------------------------------------------------------ state table

const FRESH = (): Rig => create();
const GREETING = (): Rig => {
  const rig = create();
  rig.open(CONNECT);
  rig.sent();
  return rig;
};
const ONLINE = (): Rig => {
  const rig = create();
  rig.goOnline();
  return rig;
};

interface Row {
  name: string;
  from: () => Rig;
  does(rig: Rig): void;
  /** What the owner is told. */
  events?: string[];
  /** What is sent. */
  sends?: string[];
  /** Timers afterwards; 0 is CLOSED or GREETING. */
  timers?: number;
}

function protocol(what: string): string {
  return `fail E_MQTT_PROTOCOL what=${what} code=0`;
}

const TABLE: Row[] = [
  {
    name: "CLOSED: open says CONNECT",
    from: FRESH,
    does: (r) => r.open(CONNECT),
    sends: ["connect"],
  },
  { name: "CLOSED: bytes are ignored", from: FRESH, does: (r) => r.feed(connack()) },
  { name: "CLOSED: disconnect says nothing", from: FRESH, does: (r) => r.disconnect() },
  { name: "CLOSED: close is nothing", from: FRESH, does: (r) => r.close() },
  {
    name: "GREETING: CONNACK 0 is online",
    from: GREETING,
    does: (r) => r.feed(connack(0)),
    events: ["online present=false"],
    timers: 1,
  },
  {
    name: "GREETING: CONNACK 0 with the session present is online",
    from: GREETING,
    does: (r) => r.feed(connack(0, true)),
    events: ["online present=true"],
    timers: 1,
  },
  ...[1, 2, 3, 4, 5].map((code) => ({
    name: `GREETING: CONNACK ${code} is refused`,
    from: GREETING,
    does: (r: Rig) => r.feed(hex(`20 02 00 0${code}`)),
    events: [`fail E_MQTT_REFUSED connack=${code} code=${code}`],
  })),
  {
    name: "GREETING: CONNACK 6 is no code",
    from: GREETING,
    does: (r) => r.feed(hex("20 02 00 06")),
    events: [protocol("connack")],
  },
  {
    name: "GREETING: CONNACK 255 is no code",
    from: GREETING,
    does: (r) => r.feed(hex("20 02 00 ff")),
    events: [protocol("connack")],
  },
  {
    name: "GREETING: reserved flags of CONNACK",
    from: GREETING,
    does: (r) => r.feed(hex("20 02 02 00")),
    events: [protocol("connack")],
  },
  {
    name: "GREETING: session present with a refusal",
    from: GREETING,
    does: (r) => r.feed(hex("20 02 01 05")),
    events: [protocol("connack-session-present")],
  },
  {
    name: "GREETING: session present for a clean session",
    from: FRESH,
    does: (r) => {
      r.open({ ...CONNECT, cleanSession: true });
      r.sent();
      r.feed(connack(0, true));
    },
    events: [protocol("connack-session-present")],
  },
  {
    name: "GREETING: CONNACK of one byte",
    from: GREETING,
    does: (r) => r.feed(hex("20 01 00")),
    events: [protocol("connack")],
  },
  {
    name: "GREETING: CONNACK of three bytes",
    from: GREETING,
    does: (r) => r.feed(hex("20 03 00 00 00")),
    events: [protocol("connack")],
  },
  {
    name: "GREETING: CONNACK without a body",
    from: GREETING,
    does: (r) => r.feed(hex("20 00")),
    events: [protocol("connack")],
  },
  {
    name: "GREETING: flags in the header of CONNACK",
    from: GREETING,
    does: (r) => r.feed(hex("21 02 00 00")),
    events: [protocol("flags=33")],
  },
  ...[
    ["PUBLISH", publish("t", "x"), "before-connack type=3"],
    ["PUBLISH with QoS 1", publish("t", "x", 1), "flags=50"],
    ["PUBACK", puback(1), "before-connack type=4"],
    ["SUBACK", suback(1, 0), "before-connack type=9"],
    ["PINGRESP", pingresp(), "before-connack type=13"],
    ["CONNECT", hex("10 00"), "before-connack type=1"],
    ["type 0", hex("00 00"), "before-connack type=0"],
    ["type 15", hex("f0 00"), "before-connack type=15"],
  ].map(([what, bytes, text]) => ({
    name: `GREETING: ${what} before CONNACK`,
    from: GREETING,
    does: (r: Rig) => r.feed(bytes as string),
    events: [protocol(text as string)],
  })),
  { name: "GREETING: disconnect says nothing", from: GREETING, does: (r) => r.disconnect() },
  { name: "GREETING: close is silent", from: GREETING, does: (r) => r.close() },
  {
    name: "ONLINE: a second CONNACK",
    from: ONLINE,
    does: (r) => r.feed(connack()),
    events: [protocol("connack-twice")],
  },
  {
    name: "ONLINE: PUBLISH with QoS 0 is given on",
    from: ONLINE,
    does: (r) => r.feed(publish("a/b", "hello")),
    events: ["message a/b hello"],
    timers: 1,
  },
  {
    name: "ONLINE: PUBLISH with QoS 1 is given on and acknowledged",
    from: ONLINE,
    does: (r) => r.feed(publish("a/b", "hello", 1, 513)),
    events: ["message a/b hello"],
    sends: ["puback"],
    timers: 1,
  },
  {
    name: "ONLINE: an empty payload is a message",
    from: ONLINE,
    does: (r) => r.feed(publish("a", "")),
    events: ["message a "],
    timers: 1,
  },
  ...[
    ["PUBLISH with QoS 2", "34 06 0001 74 0001 78", "publish-flags"],
    ["PUBLISH with QoS 3", "36 06 0001 74 0001 78", "publish-flags"],
    ["PUBLISH with DUP and QoS 0", "38 04 0001 74 78", "publish-flags"],
    ["PUBLISH without a body", "30 00", "publish"],
    ["PUBLISH of one byte", "30 01 00", "publish"],
    ["PUBLISH without a topic", "30 02 0000", "publish"],
    ["PUBLISH with a topic beyond its end", "30 04 0005 7474", "publish"],
    ["PUBLISH with QoS 1 and no identifier", "32 03 0001 74", "publish"],
    ["PUBLISH with half an identifier", "32 04 0001 74 00", "publish"],
    ["PUBLISH with identifier 0", "32 05 0001 74 0000", "publish-id"],
    ["PUBACK of one byte", "40 01 00", "ack"],
    ["PUBACK of three bytes", "40 03 000100", "ack"],
    ["PUBACK without a body", "40 00", "ack"],
    ["PUBACK with flags", "42 02 0001", "flags=66"],
    ["SUBACK of two bytes", "90 02 0001", "ack"],
    ["SUBACK for two filters", "90 04 0001 00 00", "ack"],
    ["PINGRESP with a body", "d0 01 00", "type=13"],
    ["PINGRESP with flags", "d1 00", "flags=209"],
    ["PUBREC", "50 02 0001", "type=5"],
    ["PUBREL", "62 02 0001", "flags=98"],
    ["PUBCOMP", "70 02 0001", "type=7"],
    ["UNSUBACK", "b0 02 0001", "type=11"],
    ["PINGREQ", "c0 00", "type=12"],
    ["DISCONNECT", "e0 00", "type=14"],
    ["type 0", "00 00", "type=0"],
    ["type 15", "f0 00", "type=15"],
    ["300 MB announced", "30 ffffff7f", "packet-bytes=268435455"],
    ["five length bytes", "30 ffffffff", "length-bytes"],
  ].map(([what, bytes, text]) => ({
    name: `ONLINE: ${what} ends the connection`,
    from: ONLINE,
    does: (r: Rig) => r.feed(hex(bytes as string)),
    events: [protocol(text as string)],
  })),
  {
    name: "ONLINE: PUBACK nobody waits for is a log line",
    from: ONLINE,
    does: (r) => r.feed(puback(99)),
    timers: 1,
  },
  {
    name: "ONLINE: SUBACK nobody waits for is a log line",
    from: ONLINE,
    does: (r) => r.feed(suback(99, 0)),
    timers: 1,
  },
  {
    name: "ONLINE: PINGRESP nobody asked for is nothing",
    from: ONLINE,
    does: (r) => r.feed(pingresp()),
    timers: 1,
  },
  {
    name: "ONLINE: disconnect says DISCONNECT",
    from: ONLINE,
    does: (r) => r.disconnect(),
    sends: ["disconnect"],
    timers: 1,
  },
  { name: "ONLINE: close is silent", from: ONLINE, does: (r) => r.close() },
];

describe("session state table", () => {
  it.each(TABLE)("$name", ({ from, does, events = [], sends = [], timers = 0 }) => {
    const rig = from();
    does(rig);
    expect(rig.events).toEqual(events);
    expect(cmds(rig)).toEqual(sends);
    expect(rig.clock.pendingMs()).toHaveLength(timers);
    rig.close();
    expect(rig.clock.pendingMs()).toEqual([]);
  });

  it("tells of a failure once, and ignores what comes after it in the same chunk", () => {
    const rig = ONLINE();
    rig.feed(hex("f0 00") + publish("t", "x") + hex("f0 00"));
    rig.feed(publish("t", "x"));
    expect(rig.events).toEqual([protocol("type=15")]);
  });

  it("greets again after a failure, with nothing left of the broken stream", () => {
    const rig = ONLINE();
    rig.feed(publish("t", "half a message").slice(0, 8));
    rig.close();
    rig.goOnline();
    rig.feed(publish("t", "whole"));
    expect(rig.events).toEqual(["message t whole"]);
  });

  it("takes CONNACK in single bytes", () => {
    const rig = GREETING();
    for (const byte of connack()) rig.feed(byte);
    expect(rig.events).toEqual(["online present=false"]);
    rig.close();
  });

  it("accepts the largest packet and refuses one byte more", () => {
    const rig = ONLINE();
    rig.feed(publish("t", "x".repeat(PACKET_MAX_BYTES - 3)));
    expect(rig.events).toHaveLength(1);
    rig.feed(publish("t", "x".repeat(PACKET_MAX_BYTES - 2)));
    expect(rig.events.slice(1)).toEqual([protocol(`packet-bytes=${PACKET_MAX_BYTES + 1}`)]);
  });

  it("reads topics and identifiers of more than 255", () => {
    const rig = ONLINE();
    const topic = "a".repeat(300);
    rig.feed(publish(topic, "x", 1, 0x1234));
    expect(rig.events).toEqual([`message ${topic} x`]);
    expect(rig.sent()).toMatchObject([{ cmd: "puback", messageId: 0x1234 }]);
  });

  it("cancels nobody else's timer when it greets again", () => {
    const rig = ONLINE();
    rig.close();
    let calls = 0;
    rig.clock.after(1000, () => calls++);
    rig.goOnline();
    rig.clock.advance(1000);
    expect(calls).toBe(1);
  });

  it("does not acknowledge a message whose handler ended the connection", () => {
    const rig = ONLINE();
    const feed = rig.feed;
    rig.events.push = (text: string) => {
      rig.close();
      return Array.prototype.push.call(rig.events, text);
    };
    feed(publish("t", "x", 1, 5));
    expect(cmds(rig)).toEqual([]);
  });
});

// --------------------------------------------------------------------------------- publishing

describe("publishing", () => {
  it("sends QoS 0 and is done with it", () => {
    const rig = ONLINE();
    rig.publish(QOS0, rig.outcome("a"));
    expect(rig.sent()).toMatchObject([{ cmd: "publish", qos: 0, topic: "t" }]);
    expect(rig.outcomes).toEqual(["a ok"]);
  });

  it("sends QoS 1 and is done when PUBACK comes", () => {
    const rig = ONLINE();
    rig.publish(BEAT, rig.outcome("a"));
    expect(rig.sent()).toMatchObject([{ cmd: "publish", qos: 1, messageId: 1, dup: false }]);
    expect(rig.outcomes).toEqual([]);
    rig.feed(puback(1));
    expect(rig.outcomes).toEqual(["a ok"]);
  });

  it("tells how long the acknowledgement took", () => {
    const rig = ONLINE();
    const took: unknown[] = [];
    rig.clock.advance(5000);
    rig.publish(BEAT, (_failure, rttMs) => took.push(rttMs));
    rig.publish(QOS0, (_failure, rttMs) => took.push(rttMs));
    rig.clock.advance(123);
    rig.feed(puback(1));
    expect(took).toEqual([undefined, 123]);
  });

  it("settles acknowledgements out of order, each once", () => {
    const rig = ONLINE();
    for (const name of ["a", "b", "c"]) rig.publish(BEAT, rig.outcome(name));
    rig.feed(puback(3) + puback(1) + puback(3) + puback(2));
    expect(rig.outcomes).toEqual(["c ok", "a ok", "b ok"]);
    expect(linesWith(rig.platform, "ack-unknown")).toEqual(["W mqtt ack-unknown type=4 id=3"]);
  });

  it("does not take SUBACK for the acknowledgement of a message", () => {
    const rig = ONLINE();
    rig.publish(BEAT, rig.outcome("a"));
    rig.feed(suback(1, 0));
    expect(rig.outcomes).toEqual([]);
    rig.feed(puback(1));
    expect(rig.outcomes).toEqual(["a ok"]);
  });

  it("seals at the moment of sending, each time", () => {
    const rig = ONLINE();
    let count = 0;
    const seal = (body: string, seq: number): string => `${body} ${seq} ${++count}`;
    rig.publish({ ...BEAT, seal, seq: 9 }, rig.outcome("a"));
    rig.close();
    rig.transport.bytes = "";
    rig.open(CONNECT);
    rig.feed(connack());
    expect(rig.sent()[1]).toMatchObject({ payload: Buffer.from("beat 9 2") });
  });

  it("refuses what the window has no room for, and keeps places for the session's own", () => {
    const rig = ONLINE();
    for (let i = 0; i < BEATS_MAX; i++) rig.publish(BEAT, rig.outcome(`${i}`));
    expect(rig.outcomes).toEqual([]);
    rig.publish(BEAT, rig.outcome("more"));
    expect(rig.outcomes).toEqual(["more E_MQTT_WINDOW"]);
    for (let i = 0; i < RESERVED; i++) rig.publish({ ...BEAT, retain: true }, rig.outcome("own"));
    expect(rig.outcomes).toEqual(["more E_MQTT_WINDOW"]);
    rig.publish({ ...BEAT, retain: true }, rig.outcome("too many"));
    expect(rig.outcomes).toEqual(["more E_MQTT_WINDOW", "too many E_MQTT_WINDOW"]);
    expect(rig.sent()).toHaveLength(WINDOW);
  });

  it("has room again when an acknowledgement comes", () => {
    const rig = ONLINE();
    for (let i = 0; i < BEATS_MAX; i++) rig.publish(BEAT, rig.outcome(`${i}`));
    rig.feed(puback(1));
    rig.publish(BEAT, rig.outcome("more"));
    expect(rig.outcomes).toEqual(["0 ok"]);
  });

  it.each([0, 1])("refuses QoS %i when the network does not take bytes", (qos) => {
    const rig = ONLINE();
    rig.transport.pendingBytes = PENDING_MAX_BYTES;
    rig.publish({ ...BEAT, qos }, rig.outcome("a"));
    expect(rig.sent()).toHaveLength(1);
    rig.outcomes.length = 0;
    rig.transport.pendingBytes = PENDING_MAX_BYTES + 1;
    rig.publish({ ...BEAT, qos }, rig.outcome("b"));
    expect(rig.outcomes).toEqual(["b E_MQTT_BUFFER"]);
    expect(rig.sent()).toEqual([]);
  });

  it("tells QoS 0 of a socket that is gone", () => {
    const rig = ONLINE();
    rig.transport.isOpen = false;
    rig.publish(QOS0, rig.outcome("a"));
    expect(rig.outcomes).toEqual(["a E_MQTT_OFFLINE"]);
  });

  it("keeps QoS 1 for the next connection when the socket is gone", () => {
    const rig = ONLINE();
    rig.transport.isOpen = false;
    rig.publish(BEAT, rig.outcome("a"));
    rig.close();
    rig.transport.isOpen = true;
    rig.open(CONNECT);
    rig.feed(connack());
    expect(rig.sent()).toMatchObject([{ cmd: "connect" }, { cmd: "publish", messageId: 1 }]);
    rig.feed(puback(1));
    expect(rig.outcomes).toEqual(["a ok"]);
  });
});

describe("without a connection", () => {
  it.each([FRESH, GREETING])("messages of both QoS wait and go out in order (%#)", (from) => {
    const rig = from();
    rig.publish(BEAT, rig.outcome("a"));
    rig.publish(QOS0, rig.outcome("b"));
    rig.publish(BEAT, rig.outcome("c"));
    expect(rig.sent()).toEqual([]);
    rig.open(CONNECT);
    rig.sent();
    rig.feed(connack());
    expect(rig.sent()).toMatchObject([
      { qos: 1, messageId: 1, dup: false },
      { qos: 0, dup: false },
      { qos: 1, messageId: 3, dup: false },
    ]);
    expect(rig.outcomes).toEqual(["b ok"]);
    rig.feed(puback(1) + puback(3));
    expect(rig.outcomes).toEqual(["b ok", "a ok", "c ok"]);
    // QoS 0 is done with: nothing waits for an acknowledgement, and nothing is sent again.
    rig.clock.advance(60_000);
    rig.close();
    rig.goOnline();
    expect(rig.sent()).toEqual([]);
    expect(rig.events).toEqual([]);
  });

  it("messages beyond the window are refused", () => {
    const rig = FRESH();
    for (let i = 0; i < BEATS_MAX; i++) rig.publish(i % 2 ? BEAT : QOS0, rig.outcome(`${i}`));
    rig.publish(BEAT, rig.outcome("more"));
    rig.publish(QOS0, rig.outcome("most"));
    expect(rig.outcomes).toEqual(["more E_MQTT_OFFLINE", "most E_MQTT_OFFLINE"]);
  });

  it("a subscription is refused", () => {
    const rig = FRESH();
    rig.subscribe("a/#", 1, rig.outcome("s"));
    expect(rig.outcomes).toEqual(["s E_MQTT_OFFLINE"]);
  });

  it("abandoning gives up what waits, each once", () => {
    const rig = FRESH();
    rig.publish(BEAT, rig.outcome("a"));
    rig.publish(QOS0, rig.outcome("b"));
    rig.abandon();
    rig.abandon();
    expect(rig.outcomes).toEqual(["a E_MQTT_CLOSED", "b E_MQTT_CLOSED"]);
    rig.goOnline();
    expect(rig.sent()).toEqual([]);
  });

  it("a message that ends the connection while it is sent ends the handshake, too", () => {
    const rig = GREETING();
    rig.publish(QOS0, () => rig.close());
    rig.publish(BEAT, rig.outcome("b"));
    rig.feed(connack());
    expect(rig.isOnline()).toBe(false);
    expect(rig.sent()).toHaveLength(1);
    expect(rig.clock.pendingMs()).toEqual([]);
  });
});

describe("over connections", () => {
  it("sends again in order, with the same identifiers and DUP", () => {
    const rig = ONLINE();
    rig.publish({ ...BEAT, body: "1" }, rig.outcome("a"));
    rig.publish({ ...BEAT, body: "2" }, rig.outcome("b"));
    rig.publish({ ...BEAT, body: "3" }, rig.outcome("c"));
    rig.feed(puback(2));
    rig.close();
    rig.sent();
    rig.open(CONNECT);
    rig.feed(connack(0, true));
    expect(rig.sent().slice(1)).toMatchObject([
      { messageId: 1, dup: true, payload: Buffer.from("1") },
      { messageId: 3, dup: true, payload: Buffer.from("3") },
    ]);
    rig.feed(puback(1) + puback(3));
    expect(rig.outcomes).toEqual(["b ok", "a ok", "c ok"]);
  });

  it("does not count the time without a connection as waiting for an acknowledgement", () => {
    const rig = create({ isSlow: true });
    rig.open(CONNECT);
    rig.feed(connack());
    rig.resume();
    rig.publish(BEAT, rig.outcome("a"));
    rig.close();
    rig.clock.advance(60_000);
    rig.open(CONNECT);
    rig.feed(connack(0, true));
    // A slow interpreter comes to it later.
    rig.clock.advance(500);
    rig.resume();
    rig.feed(puback(1));
    expect(rig.events).toEqual(["online present=false", "online present=true"]);
    expect(rig.outcomes).toEqual(["a ok"]);
  });

  it("does not claim DUP in a clean session", () => {
    const rig = create();
    rig.goOnline({ cleanSession: true });
    rig.publish(BEAT, rig.outcome("a"));
    rig.close();
    rig.sent();
    rig.open({ ...CONNECT, cleanSession: true });
    rig.feed(connack());
    expect(rig.sent()).toMatchObject([{ clean: true }, { messageId: 1, dup: false }]);
  });

  it("does not send again what was acknowledged", () => {
    const rig = ONLINE();
    rig.publish(BEAT, rig.outcome("a"));
    rig.feed(puback(1));
    rig.close();
    rig.sent();
    rig.open(CONNECT);
    rig.feed(connack());
    expect(cmds(rig)).toEqual(["connect"]);
  });

  it("ends retained messages and subscriptions with their connection", () => {
    const rig = ONLINE();
    rig.publish({ ...BEAT, retain: true }, rig.outcome("birth"));
    rig.publish(BEAT, rig.outcome("beat"));
    rig.subscribe("a", 1, rig.outcome("sub"));
    rig.close();
    expect(rig.outcomes).toEqual(["birth E_MQTT_CLOSED", "sub E_MQTT_CLOSED"]);
    rig.sent();
    rig.open(CONNECT);
    rig.feed(connack());
    expect(rig.sent()).toMatchObject([{ cmd: "connect" }, { messageId: 2, dup: true }]);
  });

  it("answers each once although an answer closes again", () => {
    const rig = ONLINE();
    rig.publish({ ...BEAT, retain: true }, (failure) => {
      rig.outcome("birth")(failure);
      rig.close();
    });
    rig.subscribe("a", 1, rig.outcome("sub"));
    rig.close();
    expect(rig.outcomes).toEqual(["birth E_MQTT_CLOSED", "sub E_MQTT_CLOSED"]);
  });

  it("waits anew for the acknowledgement of what was sent again", () => {
    const rig = ONLINE();
    rig.publish(BEAT, rig.outcome("a"));
    rig.close();
    rig.clock.advance(60_000);
    rig.goOnline();
    rig.clock.advance(9_999);
    expect(rig.events).toEqual([]);
    rig.clock.advance(100);
    expect(rig.events).toEqual(["fail E_MQTT_TIMEOUT wait=ack id=1 code=0"]);
  });
});

describe("subscribing", () => {
  it.each([0, 1, 2])("is done when SUBACK grants QoS %i", (code) => {
    const rig = ONLINE();
    rig.subscribe("a/b", 1, rig.outcome("s"));
    expect(rig.sent()).toMatchObject([
      { cmd: "subscribe", messageId: 1, subscriptions: [{ topic: "a/b", qos: 1 }] },
    ]);
    rig.feed(suback(1, code));
    expect(rig.outcomes).toEqual(["s ok"]);
  });

  it("fails when SUBACK says 0x80", () => {
    const rig = ONLINE();
    rig.subscribe("a/b", 1, rig.outcome("s"));
    rig.feed(suback(1, 0x80));
    expect(rig.outcomes).toEqual(["s E_MQTT_SUBSCRIBE"]);
    expect(rig.events).toEqual([]);
  });

  it.each(["03", "7f", "81", "ff"])("ends the connection for the code %s", (code) => {
    const rig = ONLINE();
    rig.subscribe("a/b", 1, rig.outcome("s"));
    rig.feed(hex(`90 03 0001 ${code}`));
    expect(rig.events).toEqual([protocol("suback-code")]);
    expect(rig.outcomes).toEqual(["s E_MQTT_CLOSED"]);
  });

  it("does not take PUBACK for its answer", () => {
    const rig = ONLINE();
    rig.subscribe("a/b", 1, rig.outcome("s"));
    rig.feed(puback(1));
    expect(rig.outcomes).toEqual([]);
    rig.feed(suback(1, 1));
    expect(rig.outcomes).toEqual(["s ok"]);
  });

  it("has a place although messages fill their part of the window", () => {
    const rig = ONLINE();
    for (let i = 0; i < BEATS_MAX; i++) rig.publish(BEAT, rig.outcome(`${i}`));
    rig.publish({ ...BEAT, retain: true }, rig.outcome("birth"));
    rig.subscribe("a/b", 1, rig.outcome("s"));
    expect(rig.sent().at(-1)).toMatchObject({ cmd: "subscribe" });
  });
});

// --------------------------------------------------------------------------------- deadlines

describe("deadline of acknowledgements", () => {
  it.each([
    { name: "PUBACK", does: (rig: Rig) => rig.publish(BEAT, rig.outcome("a")) },
    { name: "SUBACK", does: (rig: Rig) => rig.subscribe("a", 1, rig.outcome("a")) },
  ])("$name that does not come ends the connection", ({ does }) => {
    const rig = create({ ackMs: 10_000 });
    rig.goOnline();
    rig.clock.advance(3_333);
    does(rig);
    rig.clock.advance(9_999);
    expect(rig.events).toEqual([]);
    rig.clock.advance(50);
    expect(rig.events).toEqual(["fail E_MQTT_TIMEOUT wait=ack id=1 code=0"]);
    expect(rig.clock.pendingMs()).toEqual([]);
  });

  it("counts from each message's own sending", () => {
    const rig = create({ ackMs: 1_000 });
    rig.goOnline();
    rig.publish(BEAT, rig.outcome("a"));
    rig.clock.advance(900);
    rig.publish(BEAT, rig.outcome("b"));
    rig.feed(puback(1));
    rig.clock.advance(900);
    expect(rig.events).toEqual([]);
    rig.clock.advance(200);
    expect(rig.events).toEqual(["fail E_MQTT_TIMEOUT wait=ack id=2 code=0"]);
  });

  it("nothing waits: nothing ends", () => {
    const rig = create({ ackMs: 1_000 });
    rig.goOnline();
    rig.clock.advance(3_600_000);
    expect(rig.events).toEqual([]);
    expect(rig.sent()).toEqual([]);
    rig.close();
  });
});

describe("keep alive", () => {
  /** Answers each PINGREQ after `delayMs`; gives the pauses between two sends, ms. */
  function pauses(
    keepAliveSec: number,
    options: { pingMs: number; answerMs: number; forMs: number; everyMs?: number },
  ): number[] {
    const rig = create({ pingMs: options.pingMs });
    rig.goOnline({ keepAliveSec });
    rig.sentAtMs.length = 0;
    rig.sentAtMs.push(0);
    const stepMs = 10;
    for (let ms = 0; ms < options.forMs; ms += stepMs) {
      rig.clock.advance(stepMs);
      if (rig.transport.bytes.endsWith("\xc0\0")) {
        rig.transport.bytes = "";
        rig.clock.after(options.answerMs, () => rig.feed(pingresp()));
      }
      if (options.everyMs && ms % options.everyMs === 0) rig.feed(publish("t", "x"));
    }
    expect(rig.events.filter((event) => !event.startsWith("message"))).toEqual([]);
    rig.close();
    return rig.sentAtMs.slice(1).map((ms, i) => ms - (rig.sentAtMs[i] ?? 0));
  }

  it.each([1, 2, 5, 15, 60])("sends within a Keep Alive of %i s, always", (keepAliveSec) => {
    const all = pauses(keepAliveSec, { pingMs: 4000, answerMs: 5, forMs: keepAliveSec * 20_000 });
    expect(all.length).toBeGreaterThan(19);
    expect(Math.max(...all)).toBeLessThan(keepAliveSec * 1000 * 0.85);
  });

  it.each([1, 2, 5, 15])(
    "sends within a Keep Alive of %i s although each answer comes at the last moment",
    (keepAliveSec) => {
      const pingMs = keepAliveSec * 750;
      const all = pauses(keepAliveSec, {
        pingMs,
        answerMs: pingMs - 20,
        forMs: keepAliveSec * 20_000,
      });
      expect(Math.max(...all)).toBeLessThan(keepAliveSec * 1000 * 0.85);
    },
  );

  it.each([1, 5])("is not postponed by what comes in (Keep Alive %i s)", (keepAliveSec) => {
    const all = pauses(keepAliveSec, {
      pingMs: 4000,
      answerMs: 5,
      forMs: keepAliveSec * 10_000,
      everyMs: 100,
    });
    expect(all.length).toBeGreaterThan(9);
    expect(Math.max(...all)).toBeLessThan(keepAliveSec * 1000 * 0.85);
  });

  it("asks a silent peer although QoS 0 messages keep going out", () => {
    const rig = create({ pingMs: 4000 });
    rig.goOnline({ keepAliveSec: 10 });
    for (let sec = 0; sec < 8; sec++) {
      rig.publish(QOS0, rig.outcome("a"));
      rig.clock.advance(1000);
    }
    expect(cmds(rig).filter((cmd) => cmd === "pingreq")).toHaveLength(1);
    for (let sec = 0; sec < 4; sec++) {
      rig.publish(QOS0, rig.outcome("a"));
      rig.clock.advance(1000);
    }
    expect(rig.events).toEqual(["fail E_MQTT_TIMEOUT wait=pingresp ms=4000 code=0"]);
  });

  it("does not ask while messages go both ways", () => {
    const rig = create();
    rig.goOnline({ keepAliveSec: 10 });
    for (let sec = 1; sec <= 60; sec++) {
      rig.publish(BEAT, rig.outcome("a"));
      rig.feed(puback(sec));
      rig.clock.advance(1000);
    }
    expect(cmds(rig)).not.toContain("pingreq");
    rig.close();
  });

  it("has a deadline of its own for PINGRESP", () => {
    const rig = create({ pingMs: 4000, ackMs: 60_000 });
    rig.goOnline({ keepAliveSec: 100 });
    rig.clock.advance(75_000);
    expect(cmds(rig)).toEqual(["pingreq"]);
    rig.clock.advance(3_999);
    expect(rig.events).toEqual([]);
    rig.clock.advance(1);
    expect(rig.events).toEqual(["fail E_MQTT_TIMEOUT wait=pingresp ms=4000 code=0"]);
    expect(rig.clock.pendingMs()).toEqual([]);
  });

  it("is not satisfied by other traffic when PINGRESP is missing", () => {
    const rig = create({ pingMs: 4000 });
    rig.goOnline({ keepAliveSec: 10 });
    rig.clock.advance(7_500);
    for (let i = 0; i < 5; i++) {
      rig.feed(publish("t", "x"));
      rig.clock.advance(1000);
    }
    expect(rig.events.at(-1)).toBe("fail E_MQTT_TIMEOUT wait=pingresp ms=4000 code=0");
  });

  it("asks once, however long the answer takes", () => {
    const rig = create({ pingMs: 4000 });
    rig.goOnline({ keepAliveSec: 10 });
    rig.clock.advance(11_000);
    expect(cmds(rig)).toEqual(["pingreq"]);
    rig.close();
  });

  it("is off at 0", () => {
    const rig = create();
    rig.goOnline({ keepAliveSec: 0 });
    rig.clock.advance(86_400_000);
    expect(rig.sent()).toEqual([]);
    expect(rig.events).toEqual([]);
    rig.close();
  });

  it("works at 65535 s", () => {
    const rig = create();
    rig.goOnline({ keepAliveSec: 65_535 });
    rig.clock.advance(65_535 * 750 - 1);
    expect(rig.sent()).toEqual([]);
    rig.clock.advance(20);
    expect(cmds(rig)).toEqual(["pingreq"]);
    rig.close();
  });

  it("forgets an unanswered PINGREQ with its connection", () => {
    const rig = create({ pingMs: 4000 });
    rig.goOnline({ keepAliveSec: 10 });
    rig.clock.advance(7_500);
    rig.close();
    rig.goOnline({ keepAliveSec: 10 });
    rig.clock.advance(7_000);
    expect(rig.events).toEqual([]);
    rig.close();
  });
});

it("the bytes of CONNECT are what the oracle reads", () => {
  const rig = create();
  rig.open({ ...CONNECT, keepAliveSec: 15 });
  expect(rig.sent()).toMatchObject([
    {
      cmd: "connect",
      clientId: "kitchen",
      username: "kitchen",
      password: Buffer.from("token"),
      keepalive: 15,
      clean: false,
      will: { topic: "devices/kitchen/status", qos: 1, retain: true, payload: Buffer.from("{}") },
    },
  ]);
});
