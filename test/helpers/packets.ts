// SPDX-License-Identifier: MIT
// The broker's half of an MQTT dialogue as byte strings, and what the device wrote taken apart, both
// by mqtt-packet: the oracle is never the code under test.
import mqtt from "mqtt-packet";
import type { Packet } from "mqtt-packet";

/** Any packet as mqtt-packet writes it. */
export function bytesOf(packet: Packet): string {
  return mqtt.generate(packet).toString("latin1");
}

/** CONNACK. */
export function connack(returnCode = 0, sessionPresent = false): string {
  return bytesOf({ cmd: "connack", returnCode, sessionPresent });
}

/** PUBACK. */
export function puback(messageId: number): string {
  return bytesOf({ cmd: "puback", messageId });
}

/** PUBREC. */
export function pubrec(messageId: number): string {
  return bytesOf({ cmd: "pubrec", messageId });
}

/** PUBREL. */
export function pubrel(messageId: number): string {
  return bytesOf({ cmd: "pubrel", messageId });
}

/** PUBCOMP. */
export function pubcomp(messageId: number): string {
  return bytesOf({ cmd: "pubcomp", messageId });
}

/** SUBACK with a code for each filter. */
export function suback(messageId: number, ...granted: number[]): string {
  return bytesOf({ cmd: "suback", messageId, granted });
}

/** PINGRESP. */
export function pingresp(): string {
  return bytesOf({ cmd: "pingresp" });
}

/** PUBLISH to the device. */
export function publish(
  topic: string,
  payload: string,
  qos: 0 | 1 | 2 = 0,
  messageId = 1,
  dup = false,
): string {
  return bytesOf({
    cmd: "publish",
    topic,
    payload: Buffer.from(payload, "latin1"),
    qos,
    messageId,
    retain: false,
    dup,
  });
}

/** Takes a byte string apart; throws for anything that MQTT 3.1.1 does not allow or a rest. */
export function parseAll(bytes: string): Packet[] {
  const packets: Packet[] = [];
  const parser = mqtt.parser({ protocolVersion: 4 });
  let problem: Error | undefined;
  parser.on("packet", (packet: Packet) => packets.push(packet));
  parser.on("error", (error: Error) => {
    problem = error;
  });
  const rest = parser.parse(Buffer.from(bytes, "latin1"));
  if (problem) throw problem;
  if (rest) throw new Error(`${rest} bytes are no packet`);
  return packets;
}

/** Bytes from hex; spaces separate fields. */
export function hex(text: string): string {
  return Buffer.from(text.replaceAll(" ", ""), "hex").toString("latin1");
}

/** Hex of bytes. */
export function toHex(bytes: string): string {
  return Buffer.from(bytes, "latin1").toString("hex");
}
