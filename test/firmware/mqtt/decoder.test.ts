// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest";
import { createDecoder } from "../../../firmware/mqtt/decoder.ts";
import { connack, hex, pingresp, puback, publish, toHex } from "../../helpers/packets.ts";

type Seen = [head: number, body: string];

/** A decoder that collects, and says false for a packet whose head is `endAt`. */
function collecting(maxBytes = 4096, endAt = -1) {
  const seen: Seen[] = [];
  const decoder = createDecoder(maxBytes, (head, body) => {
    seen.push([head, toHex(body)]);
    return head !== endAt;
  });
  return { seen, feed: decoder.feed };
}

describe("decoder", () => {
  it("gives one packet", () => {
    const { seen, feed } = collecting();
    expect(feed(connack())).toBeUndefined();
    expect(seen).toEqual([[0x20, "0000"]]);
  });

  it("gives several packets of one chunk in order", () => {
    const { seen, feed } = collecting();
    expect(feed(connack() + pingresp() + puback(7))).toBeUndefined();
    expect(seen).toEqual([
      [0x20, "0000"],
      [0xd0, ""],
      [0x40, "0007"],
    ]);
  });

  it("waits for the rest of a packet that comes byte by byte", () => {
    const { seen, feed } = collecting();
    const bytes = publish("a/b", "x".repeat(200));
    for (const byte of bytes.slice(0, -1)) expect(feed(byte)).toBeUndefined();
    expect(seen).toEqual([]);
    feed(bytes.slice(-1));
    expect(seen).toEqual([[0x30, toHex("\0\x03a/b" + "x".repeat(200))]]);
  });

  it("keeps the beginning of the next packet that came with the end of one", () => {
    const { seen, feed } = collecting();
    const bytes = puback(1) + puback(2);
    feed(bytes.slice(0, 6));
    expect(seen).toEqual([[0x40, "0001"]]);
    feed(bytes.slice(6));
    expect(seen).toEqual([
      [0x40, "0001"],
      [0x40, "0002"],
    ]);
  });

  it.each([
    { name: "127 bytes in one length byte", bytes: 127, prefix: "30 7f" },
    { name: "128 bytes in two", bytes: 128, prefix: "30 8001" },
    { name: "16383 bytes in two", bytes: 16_383, prefix: "30 ff7f" },
    { name: "16384 bytes in three", bytes: 16_384, prefix: "30 808001" },
    { name: "2097152 bytes in four", bytes: 2_097_152, prefix: "30 80808001" },
  ])("reads a length of $name", ({ bytes, prefix }) => {
    const { seen, feed } = collecting(3_000_000);
    expect(feed(hex(prefix) + "x".repeat(bytes))).toBeUndefined();
    expect(seen.map(([head, body]) => [head, body.length / 2])).toEqual([[0x30, bytes]]);
  });

  it("accepts a packet of exactly the largest size", () => {
    const { seen, feed } = collecting(100);
    expect(feed(hex("30 64") + "x".repeat(100))).toBeUndefined();
    expect(seen).toHaveLength(1);
  });

  it.each([
    { name: "one byte more", bytes: "30 65", reason: "packet-bytes=101" },
    { name: "300 MB", bytes: "30 ffffff7f", reason: "packet-bytes=268435455" },
  ])("refuses a packet that announces $name before its body comes", ({ bytes, reason }) => {
    const { seen, feed } = collecting(100);
    expect(feed(hex(bytes))).toBe(reason);
    expect(seen).toEqual([]);
  });

  it("refuses a fifth length byte", () => {
    expect(collecting().feed(hex("30 80808080"))).toBe("length-bytes");
  });

  it.each([1, 2, 3])("waits for a length that is cut after %i continuation bytes", (count) => {
    const { seen, feed } = collecting(3_000_000);
    expect(feed(hex(`30${"80".repeat(count)}`))).toBeUndefined();
    expect(feed(hex("01"))).toBeUndefined();
    expect(seen).toEqual([]);
    feed("x".repeat(128 ** count));
    expect(seen).toHaveLength(1);
  });

  it("ends the stream when the handler says so, with the rest unread", () => {
    const { seen, feed } = collecting(4096, 0x20);
    expect(feed(connack() + puback(1))).toBe("ended");
    expect(seen).toEqual([[0x20, "0000"]]);
  });

  it("takes an empty chunk for nothing", () => {
    const { seen, feed } = collecting();
    expect(feed("")).toBeUndefined();
    expect(seen).toEqual([]);
  });
});
