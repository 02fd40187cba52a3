// SPDX-License-Identifier: MIT
// The MQTT client over random streams: what it writes the oracle reads, what the oracle writes it
// reads in any split, and what nobody wrote neither throws, nor hangs, nor leaves anything behind.
// `STREAMS=1000000` runs as many mutated streams.
import * as fc from "fast-check";
import mqtt from "mqtt-packet";
import type { Packet } from "mqtt-packet";
import { describe, expect, it } from "vitest";
import { PACKET_MAX_BYTES } from "../../firmware/mqtt/client.ts";
import { linesOf } from "../helpers/fake-board.ts";
import { createMqttRig } from "../helpers/mqtt-rig.ts";
import type { MqttRig } from "../helpers/mqtt-rig.ts";
import {
  bytesOf,
  connack,
  pingresp,
  puback,
  pubcomp,
  publish,
  pubrec,
  pubrel,
  suback,
} from "../helpers/packets.ts";
import { randomOf } from "../helpers/seeds.ts";
import { STREAMS, STREAMS_TEST_MS, forEachStream } from "../helpers/streams.ts";

const BYTES = fc
  .uint8Array({ maxLength: 300 })
  .map((bytes) => Buffer.from(bytes).toString("latin1"));
const ASCII = (max: number): fc.Arbitrary<string> =>
  fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: max });
const TOPIC = ASCII(128).map((topic) => topic.replaceAll(/[+#]/g, "_"));
const PACKET_ID = fc.integer({ min: 1, max: 65_535 });
const QOS = fc.constantFrom(0 as const, 1 as const, 2 as const);
const FLAG = fc.boolean();

/** Any packet that a broker may send to a client that has subscribed to two filters. */
const FROM_BROKER: fc.Arbitrary<Packet> = fc.oneof(
  fc
    .record({ cmd: fc.constantFrom("puback", "pubrec", "pubrel", "pubcomp"), messageId: PACKET_ID })
    .map((packet) => packet as Packet),
  fc.record({
    cmd: fc.constant("suback" as const),
    messageId: PACKET_ID,
    granted: fc.tuple(fc.constantFrom(0, 1, 2, 128), fc.constantFrom(0, 1, 2, 128)),
  }),
  fc.constant({ cmd: "pingresp" as const }),
  fc.record({
    cmd: fc.constant("publish" as const),
    topic: TOPIC,
    payload: fc
      .oneof(
        BYTES,
        fc.integer({ min: 0, max: 3900 }).map((length) => "x".repeat(length)),
      )
      .map((text) => Buffer.from(text, "latin1")),
    qos: QOS,
    messageId: PACKET_ID,
    retain: FLAG,
    dup: fc.constant(false),
  }),
);

const CUTS = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 });

/** Cuts a string at given fractions of its length. */
function cut(bytes: string, at: readonly number[]): string[] {
  const places = at.map((part) => Math.floor(part * bytes.length)).sort((a, b) => a - b);
  return [0, ...places].map((from, i) => bytes.slice(from, places[i] ?? bytes.length));
}

/** Everything an online client does with chunks: what it tells, logs and sends. */
function understand(chunks: readonly string[]): unknown {
  const rig = createMqttRig({}, { topicFilters: ["a", "b"] });
  for (const [name, qos] of Object.entries({ x: 1, y: 2, z: 2 }))
    rig.publish({ topic: "t", body: name, qos }, name);
  rig.dial();
  rig.accept();
  for (const chunk of chunks) rig.feed(chunk);
  return {
    events: rig.events,
    outcomes: rig.outcomes,
    written: rig.socket().written,
    lines: linesOf(rig.board, "mqtt"),
  };
}

describe("what the client writes", () => {
  it("is CONNECT as the oracle writes it", () => {
    fc.assert(
      fc.property(
        ASCII(64),
        fc.oneof(BYTES, fc.constant("x".repeat(2000))),
        fc.integer({ min: 0, max: 65_535 }),
        FLAG,
        TOPIC,
        BYTES,
        (id, password, keepAlive, clean, willTopic, will) => {
          const rig = createMqttRig(
            { keep_alive_s: keepAlive, clean_session: clean },
            { hello: () => ({ id, token: password, willTopic, willPayload: will }) },
          );
          rig.dial();
          const oracle = bytesOf({
            cmd: "connect",
            protocolId: "MQTT",
            protocolVersion: 4,
            clientId: id,
            username: id,
            password: Buffer.from(password, "latin1"),
            keepalive: keepAlive,
            clean,
            will: {
              topic: willTopic,
              payload: Buffer.from(will, "latin1"),
              qos: 1,
              retain: true,
            },
          });
          expect(rig.socket().written).toBe(oracle);
        },
      ),
    );
  });

  it("is PUBLISH, SUBSCRIBE and each acknowledgement as the oracle writes them", () => {
    fc.assert(
      fc.property(
        TOPIC,
        fc.oneof(
          BYTES,
          fc.integer({ min: 0, max: 40_000 }).map((length) => "x".repeat(length)),
        ),
        QOS,
        FLAG,
        fc.array(TOPIC, { minLength: 1, maxLength: 4 }),
        PACKET_ID,
        (topic, body, qos, retain, filters, id) => {
          const rig = createMqttRig({}, { topicFilters: filters, filterQos: qos });
          rig.dial();
          rig.accept();
          const from = rig.socket().written.indexOf("\x82");
          rig.publish({ topic, body, qos, retain }, "a");
          rig.feed(publish("t", "", 1, id) + publish("t", "", 2, id) + pubrel(id) + pubrec(id));
          expect(rig.socket().written.slice(from)).toBe(
            bytesOf({
              cmd: "subscribe",
              messageId: 1,
              subscriptions: filters.map((filter) => ({ topic: filter, qos })),
            }) +
              bytesOf({
                cmd: "publish",
                topic,
                payload: Buffer.from(body, "latin1"),
                qos,
                retain,
                dup: false,
                messageId: 2,
              }) +
              puback(id) +
              pubrec(id) +
              pubcomp(id) +
              pubrel(id),
          );
        },
      ),
    );
  });
});

describe("what the client reads", () => {
  it("is the same for any split of any stream", () => {
    fc.assert(
      fc.property(fc.array(FROM_BROKER, { maxLength: 10 }), CUTS, (packets, cuts) => {
        const stream = packets.map((packet) => mqtt.generate(packet).toString("latin1")).join("");
        const whole = understand([stream]);
        expect(whole).toMatchObject({ events: expect.arrayContaining(["online present=0"]) });
        expect(JSON.stringify(whole)).not.toContain("E_MQTT_PROTOCOL");
        expect(understand(cut(stream, cuts))).toEqual(whole);
      }),
    );
  });

  it("is the same byte by byte", () => {
    fc.assert(
      fc.property(fc.array(FROM_BROKER, { maxLength: 3 }), (packets) => {
        const stream = packets.map((packet) => mqtt.generate(packet).toString("latin1")).join("");
        expect(understand(stream.split(""))).toEqual(understand([stream]));
      }),
      { numRuns: 50 },
    );
  });

  it("has the same end for any split of bytes that nobody encoded", () => {
    fc.assert(
      fc.property(fc.array(BYTES, { maxLength: 8 }), CUTS, (parts, cuts) => {
        const stream = parts.join("");
        expect(understand(cut(stream, cuts))).toEqual(understand([stream]));
      }),
    );
  });

  it("is never collected beyond one packet", () => {
    const rig = createMqttRig();
    rig.goOnline();
    rig.feed(publish("t", "x".repeat(PACKET_MAX_BYTES - 3)).slice(0, 3));
    for (let i = 0; i < PACKET_MAX_BYTES - 1; i++) rig.feed("\0");
    expect(rig.events).toEqual([]);
    rig.feed("\0\0");
    expect(rig.events).toHaveLength(1);
  });
});

describe("mutated streams", () => {
  const GOOD = [
    connack(),
    connack(5),
    connack(0, true),
    puback(1),
    pubrec(2),
    pubrel(7),
    pubcomp(2),
    suback(3, 1, 1),
    pingresp(),
    publish("t", "hello"),
    publish("t", "hello", 1, 7),
    publish("t", "hello", 2, 7),
  ];

  /** A stream with some bytes changed, put in or left out. */
  function mutate(random: () => number): string {
    let stream = "";
    const packets = 1 + Math.floor(random() * 8);
    for (let i = 0; i < packets; i++) stream += GOOD[Math.floor(random() * GOOD.length)] as string;
    const changes = Math.floor(random() * 6);
    for (let i = 0; i < changes; i++) {
      const place = Math.floor(random() * stream.length);
      const kind = Math.floor(random() * 3);
      const put = kind === 2 ? "" : String.fromCharCode(Math.floor(random() * 256));
      stream = stream.slice(0, place) + put + stream.slice(place + (kind === 1 ? 0 : 1));
    }
    return stream;
  }

  /** One stream through a link, which must be as good as new afterwards. */
  function suffer(rig: MqttRig, random: () => number): void {
    rig.events.length = rig.outcomes.length = rig.sentAtMs.length = 0;
    rig.board.net.sockets.length = rig.board.lines.length = 0;
    rig.publish({ topic: "t", body: "1", qos: 1 }, "1");
    rig.publish({ topic: "t", body: "2", qos: 2 }, "2");
    rig.dial();
    if (random() < 0.8) rig.accept(random() < 0.5);
    const stream = mutate(random);
    const step = 1 + Math.floor(random() * 40);
    for (let at = 0; at < stream.length; at += step) rig.feed(stream.slice(at, at + step));
    rig.board.advance(Math.floor(random() * 10));
    const fails = rig.events.filter((event) => event.startsWith("fail"));
    // Without `expect`, which takes longer than all the rest.
    if (fails.length > 1 || (fails.length && rig.events.at(-1) !== fails[0]))
      throw new Error(`told ${rig.events.join()}`);
    // The oracle throws for what is no packet.
    rig.sent();
    rig.link.close();
    if (rig.board.isArmed(0) || rig.board.net.openCount())
      throw new Error(`left something behind ${JSON.stringify(stream)}`);
  }

  /** Whatever the broker acknowledged by mistake or not at all: the window is free again. */
  function serve(rig: MqttRig): void {
    rig.link.abandon();
    rig.outcomes.length = 0;
    rig.goOnline();
    for (let i = 0; i < 5; i++) rig.publish({ topic: "t", body: "x", qos: 2 }, "new");
    const ids = rig.sent().map((packet) => packet.messageId ?? 0);
    for (const id of ids) rig.feed(pubrec(id) + pubcomp(id));
    expect(rig.outcomes).toEqual(Array.from({ length: 5 }, () => "new ok"));
    rig.link.close();
  }

  it(
    `neither throw, nor are told twice, nor leave anything (${STREAMS} of them)`,
    () => {
      const random = randomOf("mutated-mqtt-streams");
      const rig = createMqttRig({}, { topicFilters: ["a", "b"] });
      forEachStream((i) => {
        suffer(rig, random);
        if (i % 500 === 499) serve(rig);
      });
    },
    STREAMS_TEST_MS,
  );
});
