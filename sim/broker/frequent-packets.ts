// SPDX-License-Identifier: MIT
// The packets that fleets send and get all the time, without mqtt-packet's machinery for streams:
// PUBLISH, PUBACK and PINGREQ as they usually are, PUBACK and PINGRESP in answer. Anything unusual
// is left to mqtt-packet, and the outcome is the same.
import type { Packet } from "mqtt-packet";

const PUBACK = 0x40;
const PINGREQ = 0xc0;
const PINGREQ_PACKET: Packet = { cmd: "pingreq" };
const PINGRESP_BYTES = Buffer.from([0xd0, 0]);
/** Neither bytes beyond ASCII, whose UTF-8 must be checked, nor U+0000. */
const USUAL_TOPIC = /^[\x01-\x7f]+$/;

/** Reads PUBLISH (section 3.3); null when something about it is unusual. */
function readPublish(frame: Buffer): Packet | null {
  const head = frame[0] as number;
  const qos = (head >> 1) & 3;
  const dup = (head & 8) !== 0;
  if (qos > 1 || (dup && qos === 0)) return null;
  let at = 2;
  while ((frame[at - 1] as number) > 127) at++;
  if (frame.length < at + 2) return null;
  const topicEnd = at + 2 + (((frame[at] as number) << 8) | (frame[at + 1] as number));
  const payloadAt = qos > 0 ? topicEnd + 2 : topicEnd;
  if (frame.length < payloadAt) return null;
  const topic = frame.toString("latin1", at + 2, topicEnd);
  if (!USUAL_TOPIC.test(topic)) return null;
  const payload = frame.subarray(payloadAt);
  const packet: Packet = {
    cmd: "publish",
    topic,
    payload,
    qos: qos as 0 | 1,
    dup,
    retain: (head & 1) === 1,
  };
  if (qos > 0) {
    packet.messageId = ((frame[topicEnd] as number) << 8) | (frame[topicEnd + 1] as number);
    if (packet.messageId === 0) return null;
  }
  return packet;
}

/**
 * Reads one whole packet.
 *
 * @returns null when it is not one of those, or not right
 */
export function readFrequent(frame: Buffer): Packet | null {
  const head = frame[0] as number;
  if (head >> 4 === 3) return readPublish(frame);
  if (head === PINGREQ && frame.length === 2) return PINGREQ_PACKET;
  if (head === PUBACK && frame.length === 4) {
    const messageId = frame.readUInt16BE(2);
    return messageId === 0 ? null : { cmd: "puback", messageId };
  }
  return null;
}

/** Bytes of an answer; null when it is not one of those. */
export function writeFrequent(packet: Packet): Buffer | null {
  if (packet.cmd === "pingresp") return PINGRESP_BYTES;
  if (packet.cmd !== "puback") return null;
  const messageId = packet.messageId ?? 0;
  return Buffer.from([PUBACK, 2, messageId >> 8, messageId & 255]);
}
