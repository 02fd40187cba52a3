// SPDX-License-Identifier: MIT
// HMAC-SHA256 against RFC 4231 and, for the lengths between its cases, against node:crypto.
import { createHmac as nodeHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import { createHmac } from "../../../firmware/lib/hmac-sha256.ts";
import { createFakeBoard } from "../../helpers/fake-board.ts";
import { toHex } from "../../helpers/packets.ts";
import { HMAC_VECTORS } from "../../helpers/vectors.ts";

const { sha256 } = createFakeBoard();

describe("createHmac", () => {
  it.each(HMAC_VECTORS)("computes RFC 4231 $name", ({ key, data, tag }) => {
    const mac = createHmac(sha256, key)(data);
    expect(toHex(mac.slice(0, tag.length))).toBe(toHex(tag));
  });

  it.each([0, 1, 63, 64, 65, 200])("agrees with the reference for a key of %i bytes", (bytes) => {
    const key = "\xfe".repeat(bytes);
    const reference = nodeHmac("sha256", Buffer.from(key, "latin1")).update("hello").digest("hex");
    expect(toHex(createHmac(sha256, key)("hello"))).toBe(reference);
  });

  it("keeps nothing of an earlier message", () => {
    const mac = createHmac(sha256, "key");
    const first = mac("a");
    mac("a much longer message in between".repeat(10));
    expect(mac("a")).toBe(first);
  });
});
