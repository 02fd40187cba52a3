// SPDX-License-Identifier: MIT
// Every byte the encoder writes, read by mqtt-packet and, where the standard prints bytes, by hand.
import { describe, expect, it } from "vitest";
import {
  DISCONNECT_BYTES,
  PINGREQ_BYTES,
  connectPacket,
  pubackPacket,
  publishPacket,
  subscribePacket,
  uint16,
} from "../../../firmware/mqtt/packet.ts";
import type { ConnectOptions } from "../../../firmware/mqtt/packet.ts";
import { bytesOf, hex, parseAll, toHex } from "../../helpers/packets.ts";

const CONNECT: ConnectOptions = {
  clientId: "kitchen",
  username: "kitchen",
  password: "a.b.c",
  keepAliveSec: 15,
  cleanSession: false,
  willTopic: "devices/kitchen/status",
  willPayload: "{}",
};

function oracleConnect(options: ConnectOptions): string {
  return bytesOf({
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
}

describe("connectPacket", () => {
  it("writes the fields in the order of section 3.1", () => {
    expect(
      toHex(
        connectPacket({ ...CONNECT, clientId: "a", username: "u", password: "p", willTopic: "t" }),
      ),
    ).toBe(
      toHex(
        hex(
          "10 1a" + // CONNECT, remaining length
            "0004 4d515454 04" + // protocol name and level
            "ec 000f" + // user name, password, will retain, will QoS 1, will; keep alive 15
            "0001 61" + // client identifier
            "0001 74 0002 7b7d" + // will
            "0001 75 0001 70", // user name, password
        ),
      ),
    );
  });

  it.each([
    { name: "persistent session", change: {} },
    { name: "clean session", change: { cleanSession: true } },
    { name: "keep alive off", change: { keepAliveSec: 0 } },
    { name: "longest keep alive", change: { keepAliveSec: 65535 } },
    { name: "a password of 117 bytes", change: { password: "x".repeat(117) } },
    { name: "a token of 400 bytes as password", change: { password: "x".repeat(400) } },
    { name: "a client id of 64 characters", change: { clientId: "c".repeat(64) } },
  ])("agrees with the oracle for $name", ({ change }) => {
    const options = { ...CONNECT, ...change };
    expect(toHex(connectPacket(options))).toBe(toHex(oracleConnect(options)));
  });
});

describe("publishPacket", () => {
  it.each([
    { name: "QoS 0", qos: 0, retain: false, dup: false },
    { name: "QoS 0 retained", qos: 0, retain: true, dup: false },
    { name: "QoS 1", qos: 1, retain: false, dup: false },
    { name: "QoS 1 retained", qos: 1, retain: true, dup: false },
    { name: "QoS 1 again", qos: 1, retain: false, dup: true },
  ] as const)("agrees with the oracle for $name", ({ qos, retain, dup }) => {
    const oracle = bytesOf({
      cmd: "publish",
      topic: "a/b",
      payload: "hello",
      qos,
      retain,
      dup,
      messageId: 258,
    });
    expect(toHex(publishPacket("a/b", "hello", qos, retain, dup, 258))).toBe(toHex(oracle));
  });

  // The topic takes five bytes with its length, so remaining lengths cross each border.
  it.each([122, 123, 124, 16_378, 16_379, 2_097_146, 2_097_147])(
    "writes the remaining length for a payload of %i bytes",
    (bytes) => {
      const packet = publishPacket("a/b", "x".repeat(bytes), 0, false, false, 0);
      const [parsed] = parseAll(packet);
      expect(parsed).toMatchObject({ cmd: "publish", topic: "a/b" });
      expect(parsed?.cmd === "publish" && parsed.payload.length).toBe(bytes);
    },
  );

  it("carries all 256 byte values", () => {
    const payload = Array.from({ length: 256 }, (_, i) => String.fromCharCode(i)).join("");
    const [parsed] = parseAll(publishPacket("t", payload, 1, false, false, 65535));
    expect(parsed).toMatchObject({ messageId: 65535, payload: Buffer.from(payload, "latin1") });
  });
});

describe("short packets", () => {
  it.each([
    { name: "PUBACK", bytes: pubackPacket(513), parsed: { cmd: "puback", messageId: 513 } },
    { name: "PINGREQ", bytes: PINGREQ_BYTES, parsed: { cmd: "pingreq" } },
    { name: "DISCONNECT", bytes: DISCONNECT_BYTES, parsed: { cmd: "disconnect" } },
    {
      name: "SUBSCRIBE",
      bytes: subscribePacket(7, "devices/kitchen/commands", 1),
      parsed: {
        cmd: "subscribe",
        messageId: 7,
        subscriptions: [{ topic: "devices/kitchen/commands", qos: 1 }],
      },
    },
  ])("$name is read by the oracle", ({ bytes, parsed }) => {
    expect(parseAll(bytes)).toEqual([expect.objectContaining(parsed)]);
  });

  it.each([
    [0, "0000"],
    [1, "0001"],
    [255, "00ff"],
    [256, "0100"],
    [65535, "ffff"],
  ])("uint16 writes %i as %s", (value, text) => {
    expect(toHex(uint16(value))).toBe(text);
  });
});
