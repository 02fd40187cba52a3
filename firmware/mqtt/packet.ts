// SPDX-License-Identifier: MIT
// MQTT 3.1.1 packets to bytes, those that a client sends. Strings are bytes already, so a length is
// the number of characters. Reading is in decoder.ts and session.ts.

/** Control packet types, first four bits of a packet (section 2.2.1). */
export const CONNACK = 2;
export const PUBLISH = 3;
export const PUBACK = 4;
export const SUBACK = 9;
export const PINGRESP = 13;

/** Complete PINGREQ (section 3.12). */
export const PINGREQ_BYTES = "\xc0\x00";

/** Complete DISCONNECT (section 3.14). */
export const DISCONNECT_BYTES = "\xe0\x00";

const bytes = String.fromCharCode;

/** Two bytes, most significant first (section 1.5.2). */
export function uint16(value: number): string {
  return bytes(value >> 8, value & 255);
}

/** Length-prefixed string (section 1.5.3). */
function text(value: string): string {
  return uint16(value.length) + value;
}

/** Puts the fixed header before a body; length as in section 2.2.3. */
function frame(head: number, body: string): string {
  let length = body.length;
  let out = bytes(head);
  do {
    const low = length & 127;
    length >>= 7;
    out += bytes(length ? low | 128 : low);
  } while (length);
  return out + body;
}

/** What a CONNECT says. The will is retained with QoS 1. */
export interface ConnectOptions {
  clientId: string;
  username: string;
  password: string;
  /** 0 to 65535, 0 switches it off. */
  keepAliveSec: number;
  cleanSession: boolean;
  willTopic: string;
  willPayload: string;
}

/** CONNECT with will, user name and password (section 3.1). */
export function connectPacket(options: ConnectOptions): string {
  // User name, password, will retain, will QoS 1, will: 1 1 1 01 1.
  const flags = 0xec | (options.cleanSession ? 2 : 0);
  return frame(
    0x10,
    "\x00\x04MQTT\x04" +
      bytes(flags) +
      uint16(options.keepAliveSec) +
      text(options.clientId) +
      text(options.willTopic) +
      text(options.willPayload) +
      text(options.username) +
      text(options.password),
  );
}

/**
 * PUBLISH (section 3.3).
 * @param packetId 1 to 65535 for QoS 1, unused for QoS 0
 */
export function publishPacket(
  topic: string,
  payload: string,
  qos: number,
  retain: boolean,
  dup: boolean,
  packetId: number,
): string {
  const head = 0x30 | (dup ? 8 : 0) | (qos << 1) | (retain ? 1 : 0);
  return frame(head, text(topic) + (qos ? uint16(packetId) : "") + payload);
}

/** PUBACK (section 3.4). */
export function pubackPacket(packetId: number): string {
  return "\x40\x02" + uint16(packetId);
}

/** SUBSCRIBE to one topic filter (section 3.8). */
export function subscribePacket(packetId: number, filter: string, qos: number): string {
  return frame(0x82, uint16(packetId) + text(filter) + bytes(qos));
}
