// SPDX-License-Identifier: MIT
// Verifies compact JWS tokens (RFC 7515 section 7.1) with HS256 and nothing else. Claims are not
// judged here: what a token must say depends on who presents it (see verifier.ts).
import { createHmac, timingSafeEqual } from "node:crypto";
import { parseStrictObject } from "./strict-json.ts";
import type { JsonObject } from "./strict-json.ts";

/** Finds the key that signed: raw bytes, or undefined when the device or key id is unknown. */
export type KeyLookup = (kid: string) => Buffer | undefined;

/** Why a token is refused. */
export type TokenProblem = "token" | "header" | "alg" | "key" | "signature" | "claims";

/** Outcome of the check; `detail` is for people. */
export type TokenResult =
  | { ok: true; claims: JsonObject; kid: string }
  | { ok: false; problem: TokenProblem; detail: string };

/** Longest token that is looked at, characters. */
export const TOKEN_MAX_CHARS = 4096;

const BASE64URL = /^[A-Za-z0-9_-]+$/;

/**
 * Decodes base64url without padding (RFC 4648 section 5), refusing what a lenient decoder lets
 * through: foreign characters, impossible lengths and non-zero trailing bits, any of which would
 * give one signature several spellings.
 */
export function decodeBase64url(text: string): Buffer | undefined {
  if (!BASE64URL.test(text)) return undefined;
  const bytes = Buffer.from(text, "base64url");
  return bytes.toString("base64url") === text ? bytes : undefined;
}

/** Tells whether `signature` is the HMAC-SHA-256 of `input` under `key`, in constant time. */
export function isHs256(input: string, signature: Buffer, key: Buffer): boolean {
  const expected = createHmac("sha256", key).update(input, "latin1").digest();
  return signature.length === expected.length && timingSafeEqual(signature, expected);
}

/** Checks form, header and signature of a token. Never throws. */
export function verifyToken(token: string, keyFor: KeyLookup): TokenResult {
  const refuse = (problem: TokenProblem, detail: string): TokenResult => ({
    ok: false,
    problem,
    detail,
  });
  if (token.length > TOKEN_MAX_CHARS) return refuse("token", "longer than 4096 characters");
  const parts = token.split(".");
  if (parts.length !== 3) return refuse("token", "not three parts");
  const [headerBytes, claimBytes, signature] = parts.map(decodeBase64url);
  if (!headerBytes || !claimBytes || !signature) return refuse("token", "not base64url");

  const header = parseStrictObject(headerBytes);
  if (!header.ok) return refuse("header", header.problem);
  const { alg, typ, kid, crit } = header.value;
  // Pinned before anything else of the token is used: neither `none` nor another hash is a choice.
  if (alg !== "HS256") return refuse("alg", "alg is not HS256");
  if (typ !== "JWT") return refuse("header", "typ is not JWT");
  // RFC 7515 section 4.1.11: an extension that is not understood must not be passed over.
  if (crit !== undefined) return refuse("header", "crit is not supported");
  if (typeof kid !== "string") return refuse("header", "kid is missing");
  const key = keyFor(kid);
  if (!key) return refuse("key", "no such key");
  if (!isHs256(`${parts[0]}.${parts[1]}`, signature, key))
    return refuse("signature", "signature does not match");

  const claims = parseStrictObject(claimBytes);
  if (!claims.ok) return refuse("claims", claims.problem);
  return { ok: true, claims: claims.value, kid };
}
