// SPDX-License-Identifier: MIT
// One whole packet to its meaning, by mqtt-packet, and the checks that it leaves to its user. One
// parser serves all connections, because it is only ever given whole packets: it keeps nothing.
import mqtt from "mqtt-packet";
import type { IConnectPacket, Packet } from "mqtt-packet";
import { readFrequent } from "./frequent-packets.ts";

/** Cannot be accepted, and why. */
export interface BadPacket {
  cmd: "bad";
  reason: string;
}

/** A CONNECT of another protocol level: the one wrong packet that has an answer. */
export interface ForeignConnect {
  cmd: "foreign";
}

/** Packet types that a client may send, by their number (section 2.2.1). */
const FROM_CLIENT = new Set([1, 3, 4, 5, 6, 7, 8, 10, 12, 14]);
const CONNECT = 1;
const LEVEL_3_1_1 = 4;

/** Bytes of the fixed header. */
function headerLength(frame: Buffer): number {
  let at = 1;
  while ((frame[at] as number) > 127) at++;
  return at + 1;
}

/** Protocol name and level of a CONNECT (sections 3.1.2.1 and 3.1.2.2); null if it has none. */
function protocolOf(frame: Buffer, at: number): { name: string; level: number } | null {
  if (frame.length < at + 2) return null;
  const end = at + 2 + frame.readUInt16BE(at);
  const level = frame[end];
  return level === undefined ? null : { name: frame.toString("latin1", at + 2, end), level };
}

/** Checks of a CONNECT that has been parsed; null when it is right. */
function connectProblem(packet: IConnectPacket, bodyBytes: number): string | null {
  const { will, username, password, clientId } = packet;
  if ((will?.qos as number | undefined) === 3) return "will-qos"; // [MQTT-3.1.2-14]
  if (password && username === undefined) return "password-alone"; // [MQTT-3.1.2-22]
  const text = (value: string): number => 2 + Buffer.byteLength(value);
  let length = 10 + text(clientId);
  if (will) length += text(will.topic) + 2 + will.payload.length;
  if (username !== undefined) length += text(username);
  if (password) length += 2 + password.length;
  return length === bodyBytes ? null : "length";
}

/** Texts of a packet that must be well-formed UTF-8. */
function textsOf(packet: Packet): string[] {
  if (packet.cmd === "publish") return [packet.topic];
  if (packet.cmd === "subscribe") return packet.subscriptions.map((row) => row.topic);
  if (packet.cmd === "unsubscribe") return packet.unsubscriptions;
  if (packet.cmd !== "connect") return [];
  return [packet.clientId, packet.will?.topic ?? "", packet.username ?? ""];
}

/** Tells whether a text that was decoded with replacement characters was sent like that. */
function wasSentSo(text: string, body: Buffer): boolean {
  const bytes = Buffer.from(text, "utf8");
  const prefix = Buffer.from([bytes.length >> 8, bytes.length & 255]);
  return body.includes(Buffer.concat([prefix, bytes]));
}

function textProblem(packet: Packet, body: Buffer): string | null {
  for (const text of textsOf(packet)) {
    if (text.includes("\0")) return "nul"; // [MQTT-1.5.3-2]
    // Ill-formed bytes, encoded surrogates among them, are decoded as U+FFFD. [MQTT-1.5.3-1]
    if (text.includes("\ufffd") && !wasSentSo(text, body)) return "utf-8";
  }
  return null;
}

/** Checks of what mqtt-packet takes as it comes; null when it is right. */
function problemOf(packet: Packet, body: Buffer): string | null {
  switch (packet.cmd) {
    case "connect":
      return connectProblem(packet, body.length) ?? textProblem(packet, body);
    case "publish":
      if (packet.qos === 0 && packet.dup) return "dup"; // [MQTT-3.3.1-2]
      if (packet.qos > 0 && !(Number(packet.messageId) > 0)) return "packet-id"; // [MQTT-2.3.1-1]
      return textProblem(packet, body);
    case "puback":
    case "pubrec":
    case "pubrel":
    case "pubcomp":
      return body.length === 2 && packet.messageId ? null : "length"; // [MQTT-2.3.1-1]
    case "subscribe":
    case "unsubscribe":
      if (!(Number(packet.messageId) > 0)) return "packet-id"; // [MQTT-2.3.1-1]
      // No filter at all: [MQTT-3.8.3-3], [MQTT-3.10.3-2].
      return body.length > 2 ? textProblem(packet, body) : "no-filter";
    default:
      return body.length === 0 ? null : "length"; // PINGREQ, DISCONNECT: sections 3.12, 3.14.
  }
}

/** Creates a parser of whole packets; it never throws, whatever the bytes are. */
export function createPacketParser(): (frame: Buffer) => Packet | BadPacket | ForeignConnect {
  const parser = mqtt.parser({ protocolVersion: 4 });
  let parsed: Packet | null = null;
  let problem: string | null = null;
  parser.on("packet", (packet: Packet) => {
    parsed = packet;
  });
  parser.on("error", (error: Error) => {
    problem = error.message;
  });
  return (frame) => {
    const frequent = readFrequent(frame);
    if (frequent) return frequent;
    const type = (frame[0] as number) >> 4;
    if (!FROM_CLIENT.has(type)) return { cmd: "bad", reason: "type" };
    const bodyAt = headerLength(frame);
    if (type === CONNECT) {
      const protocol = protocolOf(frame, bodyAt);
      const isKnown = protocol?.name === "MQTT" || protocol?.name === "MQIsdp";
      if (!protocol || !isKnown) return { cmd: "bad", reason: "protocol-name" }; // [MQTT-3.1.2-1]
      const isOurs = protocol.name === "MQTT" && protocol.level === LEVEL_3_1_1;
      if (!isOurs) return { cmd: "foreign" }; // [MQTT-3.1.2-2]
    }
    parsed = null;
    problem = null;
    parser.parse(frame);
    if (problem !== null) return { cmd: "bad", reason: problem };
    if (parsed === null) return { cmd: "bad", reason: "incomplete" };
    const packet = parsed as Packet;
    const wrong = problemOf(packet, frame.subarray(bodyAt));
    return wrong === null ? packet : { cmd: "bad", reason: wrong };
  };
}
