// SPDX-License-Identifier: MIT
// UUIDs of version 1: every field, and that no two are equal.
import { describe, expect, it } from "vitest";
import { createUuid } from "../../../firmware/lib/uuid.ts";
import { randomOf } from "../../helpers/seeds.ts";

const MAC = "240ac4aa-bbcc";
const FORM = /^([0-9a-f]{8})-([0-9a-f]{4})-1([0-9a-f]{3})-([89ab][0-9a-f]{3})-([0-9a-f]{12})$/;

/** Takes one apart: time in 100 ns since 1582-10-15, clock sequence, node. */
function partsOf(uuid: string) {
  const [, low, middle, high, sequence, node] = FORM.exec(uuid) as unknown as string[];
  return {
    ticks: BigInt(`0x${high}${middle}${low}`),
    sequence: parseInt(sequence as string, 16) & 0x3fff,
    node: node as string,
  };
}

/** Epoch ms as ticks: RFC 9562 section 5.1. */
const ticksOf = (ms: number) => BigInt(ms) * 10_000n + 0x01b21dd213814000n;

describe("a UUID of version 1", () => {
  it("is the one of RFC 9562 appendix A.1", () => {
    // 2022-02-22T19:22:22Z; the clock sequence there is 0x33c8 and the node random.
    const uuid = createUuid("9f6bdece-d846", () => 0x33c8 / 16384);
    expect(uuid(Date.UTC(2022, 1, 22, 19, 22, 22))).toBe("c232ab00-9414-11ec-b3c8-9f6bdeced846");
  });

  it.each([0, 1, Date.UTC(2026, 6, 1, 12), Date.UTC(2036, 1, 7, 6, 28, 16), Date.UTC(2090, 0)])(
    "holds the time %i exactly",
    (ms) => {
      const uuid = createUuid(MAC, randomOf("uuid"));
      expect(partsOf(uuid(ms + 0.7)).ticks).toBe(ticksOf(ms));
    },
  );

  it("counts on within a millisecond", () => {
    const uuid = createUuid(MAC, randomOf("uuid"));
    const ticks = [5, 5, 5, 6].map((ms) => partsOf(uuid(ms)).ticks - ticksOf(0));
    expect(ticks).toEqual([50_000n, 50_001n, 50_002n, 60_000n]);
  });

  it("has another clock sequence after the clock went back, around the end of its 14 bits", () => {
    const uuid = createUuid(MAC, () => 0.99999);
    const sequences = [10, 9, 9, 12, 11].map((ms) => partsOf(uuid(ms)).sequence);
    expect(sequences).toEqual([16383, 0, 0, 0, 1]);
  });

  it("has the MAC address as its node", () => {
    expect(partsOf(createUuid(MAC, randomOf("uuid"))(0)).node).toBe("240ac4aabbcc");
  });

  it.each(["00000000-addeadde-addeadde", "a1b2-c3d4", "simulated-01", ""])(
    "has a random multicast node when the serial number is %j",
    (serial) => {
      const random = randomOf("uuid");
      const nodes = Array.from({ length: 20 }, () => partsOf(createUuid(serial, random)(0)).node);
      expect(new Set(nodes).size).toBe(20);
      for (const node of nodes) expect(parseInt(node.slice(0, 2), 16) & 1).toBe(1);
    },
  );
});
