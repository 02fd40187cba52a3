// SPDX-License-Identifier: MIT
// Makes the signed commands that boards obey (firmware/wire/README.md, "Commands"): the token, and
// the check that a board will read its arguments as they were meant. Not for how it gets there.
import { createHmac } from "node:crypto";
import { usageError } from "./errors.ts";

/** What a command says. */
export interface CommandClaims {
  sub: string;
  aud: string;
  /** Epoch seconds. */
  iat: number;
  exp: number;
  /** 1 to 64 characters; the reply names it as `id`. */
  jti: string;
  cmd: string;
  args?: object;
}

/** Longest token that a board looks at, characters. */
const TOKEN_MAX_CHARS = 2048;

/** Digits of a fraction that the interpreter writes as every other engine does (2v29). */
const FRACTION_DIGITS = 7;

/** What the interpreter would write differently than it reads it, in words; undefined for nothing. */
function oddityOf(value: unknown): string | undefined {
  if (typeof value === "string" && /[^ -~\b\f\n\r\t]/.test(value))
    return `${JSON.stringify(value)} has characters other than printable ASCII`;
  if (typeof value !== "number" || Number.isSafeInteger(value)) return undefined;
  if (!Number.isInteger(value) && Number(value.toPrecision(FRACTION_DIGITS)) === value)
    return undefined;
  return `${value} has too many digits for the interpreter, send it as a text`;
}

/**
 * Parses the arguments of a command. A board takes a token only when it would write its claims in the
 * same bytes, so whatever the interpreter writes in its own way is refused here, where it can be told.
 * @throws AppError (`E_USAGE`)
 */
export function parseArgs(text: string): object {
  let oddity: string | undefined;
  let value: unknown;
  try {
    value = JSON.parse(text, (name, member: unknown) => {
      if (name === "constructor" || name === "__proto__")
        oddity ??= `the interpreter drops a member ${name}`;
      oddity ??= oddityOf(name) ?? oddityOf(member);
      return member;
    });
  } catch {
    // Told below.
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw usageError(`--args is no JSON object such as {"seconds":30}`);
  if (oddity) throw usageError(`--args: ${oddity}`);
  return value;
}

/**
 * Signs a command: compact JWS, HS256.
 * @throws AppError (`E_USAGE`) when it is longer than boards read.
 */
export function signCommand(claims: CommandClaims, kid: string, key: Buffer): string {
  const encode = (value: object): string =>
    Buffer.from(JSON.stringify(value)).toString("base64url");
  const input = `${encode({ alg: "HS256", typ: "JWT", kid })}.${encode(claims)}`;
  const token = `${input}.${createHmac("sha256", key).update(input).digest("base64url")}`;
  if (token.length > TOKEN_MAX_CHARS)
    throw usageError(
      `the command has ${token.length} characters, and boards read ${TOKEN_MAX_CHARS}`,
    );
  return token;
}
