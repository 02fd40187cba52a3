// SPDX-License-Identifier: MIT
// Packets that are read and written without mqtt-packet come out as mqtt-packet has them.
import * as fc from "fast-check";
import mqtt from "mqtt-packet";
import type { Packet } from "mqtt-packet";
import { describe, expect, it } from "vitest";
import { readFrequent, writeFrequent } from "../../../sim/broker/frequent-packets.ts";
import { SEED } from "../../helpers/seeds.ts";

/** What mqtt-packet makes of one frame; null for an error or nothing. */
function parsed(frame: Buffer): Packet | null {
  const parser = mqtt.parser({ protocolVersion: 4 });
  let packet: Packet | null = null;
  parser.on("packet", (made: Packet) => (packet = made));
  parser.on("error", () => {});
  parser.parse(frame);
  return packet;
}

const messageId = fc.integer({ min: 1, max: 65535 });
const publish = fc
  .record({
    topic: fc.string({ minLength: 1, unit: "grapheme" }),
    payload: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    qos: fc.constantFrom(0 as const, 1 as const, 2 as const),
    dup: fc.boolean(),
    retain: fc.boolean(),
    messageId,
  })
  .map((packet): Packet => ({ cmd: "publish", ...packet, dup: packet.dup && packet.qos > 0 }));
const packets = fc.oneof(
  publish,
  messageId.map((id): Packet => ({ cmd: "puback", messageId: id })),
  fc.constant<Packet>({ cmd: "pingreq" }),
);

describe("frequent packets", () => {
  it("are read as mqtt-packet reads them, or left to it", () => {
    const isReadAlike = (packet: Packet): void => {
      const frame = mqtt.generate(packet);
      const read = readFrequent(frame);
      if (read) expect(parsed(frame)).toMatchObject(read);
      const isUsual = packet.cmd !== "publish" || (packet.qos < 2 && /^[ -~]+$/.test(packet.topic));
      expect(read !== null || !isUsual).toBe(true);
    };
    fc.assert(fc.property(packets, isReadAlike), { seed: SEED });
  });

  it("are left to mqtt-packet when their bytes are wrong", () => {
    const wrong = [
      "31ff",
      "3003000161",
      "320400016100",
      "32050001610000",
      "4002",
      "40020000",
      "c00100",
    ];
    const hex = wrong.map((text) => [text, readFrequent(Buffer.from(text, "hex"))?.cmd]);
    expect(hex.filter(([, cmd]) => cmd !== undefined)).toEqual([["3003000161", "publish"]]);
  });

  it("are written as mqtt-packet writes them", () => {
    const isWrittenAlike = (id: number): void => {
      const packet: Packet = { cmd: "puback", messageId: id };
      expect(writeFrequent(packet)).toEqual(mqtt.generate(packet));
    };
    fc.assert(fc.property(messageId, isWrittenAlike), { seed: SEED });
    expect(writeFrequent({ cmd: "pingresp" })).toEqual(mqtt.generate({ cmd: "pingresp" }));
    expect(writeFrequent({ cmd: "suback", messageId: 1, granted: [0] })).toBe(null);
  });
});
