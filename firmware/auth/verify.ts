// SPDX-License-Identifier: MIT
// Verifies tokens that a host signed with the device's key: form, header, signature, whom they are
// for, and their time, in the order of cost. Not for what they ask for (services/commands.ts).
import type { Runtime } from "../core/runtime.ts";
import { SKEW_SEC } from "../wire/claims.ts";
import type { Jwt, SigningKey } from "./jwt.ts";

/** Longest token that is looked at, bytes. */
export const TOKEN_MAX_BYTES = 2048;

/** Claims of a verified token. */
export interface Claims {
  sub: string;
  aud: string;
  iat: number;
  exp: number;
  [name: string]: unknown;
}

/**
 * Parses an object, and only one that `JSON.stringify` would write like this: the interpreter's
 * parser takes a member twice, single quotes, `__proto__` and anything behind the end.
 */
function parseExact(text: string): Claims | undefined {
  try {
    const value = JSON.parse(text) as Claims;
    if (text[0] === "{" && JSON.stringify(value) === text) return value;
  } catch {
    // No JSON.
  }
  return undefined;
}

/**
 * Verifies a token with the key that its header names, the device's own or the one before it.
 * @returns what is wrong, empty when nothing is: `form`, `header` or `signature`; or, with the claims
 *   as far as they can be read, because a host that signs deserves an answer, E_COMMAND_CLAIMS,
 *   E_COMMAND_EARLY or E_COMMAND_EXPIRED.
 */
export function verify(rt: Runtime, jwt: Jwt, token: string): [problem: string, claims?: Claims] {
  const parts = token.split(".");
  const [head, body, signature] = parts as [string, string, string];
  if (token.length > TOKEN_MAX_BYTES || parts.length !== 3 || /[^A-Za-z0-9_.-]/.test(token))
    return ["form"];
  const header = parseExact(rt.fromBase64url(head));
  if (!header || header["alg"] !== "HS256" || header["crit"] !== undefined) return ["header"];
  let key: SigningKey | undefined = jwt.key;
  if (header["kid"] !== key.kid) key = jwt.old;
  if (!key || header["kid"] !== key.kid) return ["header"];
  // The tags are compared as tags of themselves: how far an unequal one agrees tells nothing.
  const { mac } = key;
  if (mac(rt.base64url(mac(head + "." + body))) !== mac(signature)) return ["signature"];

  const claims = parseExact(rt.fromBase64url(body));
  if (!claims) return ["E_COMMAND_CLAIMS", {} as Claims];
  const { iat, exp } = claims;
  const nowSec = rt.wallMs() / 1000;
  let problem = "";
  if (claims.sub !== jwt.identity.id || claims.aud !== jwt.aud) problem = "E_COMMAND_CLAIMS";
  else if (typeof iat !== "number" || typeof exp !== "number" || !(exp > iat))
    problem = "E_COMMAND_CLAIMS";
  else if (rt.quality === "none" || iat > nowSec + SKEW_SEC) problem = "E_COMMAND_EARLY";
  else if (exp <= nowSec - SKEW_SEC) problem = "E_COMMAND_EXPIRED";
  return [problem, claims];
}
