// SPDX-License-Identifier: MIT
// Signs the two kinds of token: one for each beat, bound to its body, and one for each connection,
// and says what to do when one is refused. HS256 compact serialisation (RFC 7515 section 3.1, RFC
// 7518 section 3.2). Not for tokens of others (verify.ts), nor for other keys (rotation.ts).
//
// Signing is what a beat costs most of, so what stays the same is encoded once per key: the header
// and the claims that come first, filled up with spaces to a multiple of three bytes, which encode
// by themselves. JSON allows those spaces.
import { BEAT_TOKEN_SEC, CONNECTION_TOKEN_SEC } from "../wire/claims.ts";
import type { Config } from "../wire/config.ts";
import { createHmac } from "../lib/hmac-sha256.ts";
import type { Mac } from "../lib/hmac-sha256.ts";
import type { Runtime } from "../core/runtime.ts";
import type { Identity } from "./identity.ts";

/** A key that is ready to sign and to verify. */
export interface SigningKey {
  kid: string;
  mac: Mac;
  /** The encoded beginning of every token. */
  head: string;
}

/** Signs for one device. */
export interface Jwt {
  identity: Identity;
  aud: string;
  /** What signs. */
  key: SigningKey;
  /** The other of two keys, while nobody knows whether the new one is accepted; see rotation.ts. */
  old?: SigningKey | undefined;
  /** Refusals since the last success, see {@link refused}. */
  refusals: number;
  /**
   * Returns the body with a fresh token as its last member. Call it at the moment of sending.
   * @param body serialised heartbeat
   * @param claims its `boot` and `seq` as JSON members: those of the beat, which may be from an
   *   earlier boot
   */
  seal(body: string, claims: string): string;
  /** Returns a fresh connection token; `jti` is `boot.session`. */
  connection(): string;
}

/** What to do about a refused credential. */
export type Remedy = "new-token" | "check-clock" | "long-backoff";

/**
 * Makes a key ready; `first` is JSON text that every token's claims begin with.
 * @param secret bytes
 */
export function createKey(
  rt: Runtime,
  secret: string,
  kid: string,
  header: string,
  first: string,
): SigningKey {
  const padded = first.padEnd(first.length + 2 - ((first.length + 2) % 3));
  return {
    kid,
    mac: createHmac(rt.sha256 as (bytes: string) => string, secret),
    head: rt.base64url(header) + "." + rt.base64url(padded),
  };
}

/**
 * Signs claims: what follows the first ones, ASCII without `>`, `?` and `~`, whose code units give
 * no character that base64 and base64url differ in.
 */
export function sign(rt: Runtime, key: SigningKey, claims: string): string {
  // Spaces before the brace instead of padding behind: nothing is to be cut off.
  const text = claims.slice(0, -1) + "  ".slice((claims.length + 2) % 3) + "}";
  const input = key.head + rt.base64(text);
  return input + "." + rt.base64url(key.mac(input));
}

/** Makes a device's key ready. `key` is base64url. */
export function deviceKey(
  rt: Runtime,
  identity: Identity,
  aud: string,
  kid: string,
  key: string,
): SigningKey {
  const { id } = identity;
  const first = JSON.stringify({ iss: id, sub: id, aud }).slice(0, -1) + ',"iat":';
  const header = JSON.stringify({ alg: "HS256", typ: "JWT", kid });
  return createKey(rt, rt.fromBase64url(key), kid, header, first);
}

/** Creates the manager from `key`, `kid` and `aud` of the configuration. */
export function createJwt(rt: Runtime, identity: Identity, config: Config): Jwt {
  const { aud } = config;

  function token(lifeSec: number, more: string): string {
    const iat = Math.floor(rt.wallMs() / 1000);
    return sign(rt, jwt.key, iat + ',"exp":' + (iat + lifeSec) + more);
  }

  const jwt: Jwt = {
    identity,
    aud,
    key: deviceKey(rt, identity, aud, config.kid, config.key),
    refusals: 0,
    seal: function (body, claims) {
      const bh = rt.base64url((rt.sha256 as (bytes: string) => string)(body));
      const signed = token(BEAT_TOKEN_SEC, `,${claims},"bh":"${bh}"}`);
      // A template copies each part once, a sum all that is to the left of each plus.
      return `${body.slice(0, -1)},"jwt":"${signed}"}`;
    },
    connection: function () {
      const jti = identity.boot + "." + identity.session;
      return token(CONNECTION_TOKEN_SEC, ',"jti":"' + jti + '"}');
    },
  };
  return jwt;
}

/**
 * Draws how long a connection token serves, ms: 80 % of its lifetime, and a tenth of that more or
 * less, so that a fleet that started together does not renew together.
 */
export function renewalMs(rt: Runtime): number {
  return CONNECTION_TOKEN_SEC * (720 + 160 * rt.random());
}

/**
 * Judges a refused credential (CONNACK 4 and 5, HTTP 401 and 403). The first time a token made
 * anew may help; then the clock is suspected, and is no more than plausible, because a step of the
 * interpreter's clock that looks like time passing puts off one that a time server has set; then
 * only time helps, or a person. Set `refusals` to 0 when a token was accepted.
 */
export function refused(rt: Runtime, jwt: Jwt): Remedy {
  if (++jwt.refusals < 2) return "new-token";
  if (jwt.refusals > 2) return "long-backoff";
  rt.quality = "plausible";
  return "check-clock";
}
