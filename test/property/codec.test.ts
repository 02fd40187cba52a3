// SPDX-License-Identifier: MIT
// The codec over random input: what we encode the oracle reads, what the oracle encodes we read in
// any split, and what nobody encoded neither throws, nor hangs, nor is collected without bound.
import * as fc from "fast-check";
import mqtt from "mqtt-packet";
import type { Packet } from "mqtt-packet";
import { describe, expect, it } from "vitest";
import { createDecoder } from "../../firmware/mqtt/decoder.ts";
import {
  connectPacket,
  pubackPacket,
  publishPacket,
  subscribePacket,
} from "../../firmware/mqtt/packet.ts";
import { parseAll } from "../helpers/packets.ts";

const BYTES = fc
  .uint8Array({ maxLength: 300 })
  .map((bytes) => Buffer.from(bytes).toString("latin1"));
const LONG = fc.integer({ min: 0, max: 20_000 }).map((length) => "x".repeat(length));
const ASCII = (max: number): fc.Arbitrary<string> =>
  fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: max });
const TOPIC = ASCII(128).map((topic) => topic.replaceAll(/[+#]/g, "_"));
const PACKET_ID = fc.integer({ min: 1, max: 65_535 });
const PAYLOAD = fc.oneof(BYTES, LONG);
const FLAG = fc.boolean();

/** Any packet that a broker may send to a client of 3.1.1. */
const FROM_BROKER: fc.Arbitrary<Packet> = fc.oneof(
  fc.record({
    cmd: fc.constant("connack" as const),
    returnCode: fc.integer({ min: 0, max: 5 }),
    sessionPresent: FLAG,
  }),
  fc.record({ cmd: fc.constant("puback" as const), messageId: PACKET_ID }),
  fc.record({
    cmd: fc.constant("suback" as const),
    messageId: PACKET_ID,
    granted: fc.array(fc.constantFrom(0, 1, 2, 128), { minLength: 1, maxLength: 4 }),
  }),
  fc.constant({ cmd: "pingresp" as const }),
  fc.record({
    cmd: fc.constant("publish" as const),
    topic: TOPIC,
    payload: PAYLOAD.map((text) => Buffer.from(text, "latin1")),
    qos: fc.constantFrom(0 as const, 1 as const),
    messageId: PACKET_ID,
    retain: FLAG,
    dup: fc.constant(false),
  }),
);

/** Cuts a string at given fractions of its length. */
function cut(bytes: string, at: readonly number[]): string[] {
  const places = at.map((part) => Math.floor(part * bytes.length)).sort((a, b) => a - b);
  return [0, ...places].map((from, i) => bytes.slice(from, places[i] ?? bytes.length));
}

const CUTS = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 });

interface Decoded {
  packets: [head: number, body: string][];
  wrong: string | undefined;
}

function decode(chunks: readonly string[], maxBytes = 30_000): Decoded {
  const packets: [number, string][] = [];
  const decoder = createDecoder(maxBytes, (head, body) => packets.push([head, body]) > 0);
  for (const chunk of chunks) {
    const wrong = decoder.feed(chunk);
    if (wrong !== undefined) return { packets, wrong };
  }
  return { packets, wrong: undefined };
}

describe("encoder", () => {
  it("writes every CONNECT as the oracle does", () => {
    fc.assert(
      fc.property(
        fc.record({
          clientId: ASCII(64),
          username: ASCII(64),
          password: PAYLOAD,
          keepAliveSec: fc.integer({ min: 0, max: 65_535 }),
          cleanSession: FLAG,
          willTopic: TOPIC,
          willPayload: BYTES,
        }),
        (options) => {
          const oracle = mqtt.generate({
            cmd: "connect",
            protocolId: "MQTT",
            protocolVersion: 4,
            clientId: options.clientId,
            username: options.username,
            password: Buffer.from(options.password, "latin1"),
            keepalive: options.keepAliveSec,
            clean: options.cleanSession,
            will: {
              topic: options.willTopic,
              payload: Buffer.from(options.willPayload, "latin1"),
              qos: 1,
              retain: true,
            },
          });
          expect(connectPacket(options)).toBe(oracle.toString("latin1"));
        },
      ),
    );
  });

  it("writes every PUBLISH, PUBACK and SUBSCRIBE so that the oracle reads it back", () => {
    fc.assert(
      fc.property(
        TOPIC,
        PAYLOAD,
        fc.constantFrom(0, 1),
        FLAG,
        FLAG,
        PACKET_ID,
        (topic, payload, qos, retain, isAgain, packetId) => {
          const dup = isAgain && qos > 0;
          const bytes =
            publishPacket(topic, payload, qos, retain, dup, packetId) +
            pubackPacket(packetId) +
            subscribePacket(packetId, topic, qos);
          expect(parseAll(bytes)).toMatchObject([
            {
              cmd: "publish",
              topic,
              qos,
              retain,
              dup,
              payload: Buffer.from(payload, "latin1"),
              ...(qos ? { messageId: packetId } : {}),
            },
            { cmd: "puback", messageId: packetId },
            { cmd: "subscribe", messageId: packetId, subscriptions: [{ topic, qos }] },
          ]);
        },
      ),
    );
  });
});

describe("decoder", () => {
  it("gives the same packets for any split of any stream", () => {
    fc.assert(
      fc.property(fc.array(FROM_BROKER, { maxLength: 10 }), CUTS, (packets, cuts) => {
        const pieces = packets.map((packet) => mqtt.generate(packet).toString("latin1"));
        const stream = pieces.join("");
        const whole = decode([stream]);
        expect(whole.wrong).toBeUndefined();
        expect(whole.packets.map(([head]) => head)).toEqual(pieces.map((p) => p.charCodeAt(0)));
        for (const [i, [, body]] of whole.packets.entries())
          expect(pieces[i]?.endsWith(body)).toBe(true);
        expect(decode(cut(stream, cuts))).toEqual(whole);
      }),
    );
  });

  it("gives the same packets byte by byte", () => {
    fc.assert(
      fc.property(fc.array(FROM_BROKER, { maxLength: 3 }), (packets) => {
        const stream = packets
          .map((packet) => mqtt.generate(packet).toString("latin1").slice(0, 400))
          .join("");
        expect(decode(stream.split(""))).toEqual(decode([stream]));
      }),
    );
  });

  it("gives the same answer for any split of bytes that nobody encoded", () => {
    fc.assert(
      fc.property(fc.array(BYTES, { maxLength: 8 }), CUTS, (parts, cuts) => {
        const stream = parts.join("");
        expect(decode(cut(stream, cuts), 200)).toEqual(decode([stream], 200));
      }),
    );
  });

  it("holds no more than one packet, whatever comes", () => {
    const maxBytes = 64;
    fc.assert(
      fc.property(fc.array(BYTES, { minLength: 1, maxLength: 30 }), (chunks) => {
        let fed = 0;
        let taken = 0;
        const decoder = createDecoder(maxBytes, (_head, body) => {
          // Head, body, and at least one length byte.
          taken += 2 + body.length;
          return true;
        });
        for (const chunk of chunks) {
          fed += chunk.length;
          if (decoder.feed(chunk) !== undefined) return;
          // Up to three more length bytes a packet are not counted as taken.
          const held = fed - taken;
          expect(held).toBeLessThanOrEqual(maxBytes + 5 + Math.ceil(taken / 2) * 3);
        }
      }),
    );
  });
});
