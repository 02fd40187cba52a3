// SPDX-License-Identifier: MIT
// Token checks against published vectors.
import { describe, expect, it } from "vitest";
import { decodeBase64url, isHs256, verifyToken } from "../../../tools/lib/token.ts";

// RFC 7515 appendix A.1.
const RFC_KEY = Buffer.from(
  "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
  "base64url",
);
const RFC_INPUT =
  "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9" +
  ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
const RFC_SIGNATURE = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

describe("token", () => {
  it("finds the signature of RFC 7515 A.1 right", () => {
    expect(isHs256(RFC_INPUT, Buffer.from(RFC_SIGNATURE, "base64url"), RFC_KEY)).toBe(true);
  });

  it("finds a signature cut short wrong", () => {
    const signature = Buffer.from(RFC_SIGNATURE, "base64url").subarray(0, 16);
    expect(isHs256(RFC_INPUT, signature, RFC_KEY)).toBe(false);
  });

  it("asks for a key id, which the token of RFC 7515 A.1 has not", () => {
    const result = verifyToken(`${RFC_INPUT}.${RFC_SIGNATURE}`, () => RFC_KEY);
    expect(result).toMatchObject({ ok: false, problem: "header" });
  });

  it.each([
    ["padding", "QQ=="],
    ["a foreign character", "QQ+/"],
    ["an impossible length", "A"],
    ["trailing bits that are not zero", "QR"],
    ["nothing", ""],
  ])("decodes no base64url with %s", (_name, text) => {
    expect(decodeBase64url(text)).toBeUndefined();
  });
});
