// SPDX-License-Identifier: MIT
// SHA-256 in software: the examples of FIPS 180-4 and the native hash of this machine. That it is
// right on the interpreter shows test/system/sha256.test.ts.
import { createHash } from "node:crypto";
import { assert, property, uint8Array } from "fast-check";
import { describe, expect, it } from "vitest";
import { softwareSha256 } from "../../../firmware/lib/sha256.ts";
import { SHA256_VECTORS } from "../../helpers/vectors.ts";
import { seedOf } from "../../helpers/seeds.ts";

const sha256 = softwareSha256();

describe("software SHA-256", () => {
  it.each(SHA256_VECTORS)("hashes $name", ({ text, digest }) => {
    expect(Buffer.from(sha256(text), "latin1").toString("hex")).toBe(digest);
  });

  it("hashes a million times the letter a", () => {
    const digest = Buffer.from(sha256("a".repeat(1_000_000)), "latin1").toString("hex");
    expect(digest).toBe("cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  });

  it("gives what the native hash gives for any bytes and any length around a block", () => {
    assert(
      property(uint8Array({ maxLength: 200 }), (bytes) => {
        const text = Buffer.from(bytes).toString("latin1");
        const native = createHash("sha256").update(bytes).digest();
        expect(Buffer.from(sha256(text), "latin1")).toEqual(native);
      }),
      { seed: seedOf("sha256") },
    );
  });
});
