// SPDX-License-Identifier: MIT
// Signs the two kinds of token: one for each beat, bound to its body, and one for each connection.
// HS256 compact serialisation (RFC 7515 section 3.1, RFC 7518 section 3.2). No verification here.
import { BEAT_TOKEN_SEC, CONNECTION_TOKEN_SEC } from "../wire/claims.ts";
import { attachToken } from "../wire/heartbeat.ts";
import type { Config } from "../wire/config.ts";
import { createHmac } from "../lib/hmac-sha256.ts";
import type { Runtime } from "../core/runtime.ts";
import type { Identity } from "./identity.ts";

/** Signs for one device with one key. */
export interface Jwt {
  /**
   * Returns the body with a fresh token as its last member. Call it at the moment of sending.
   * @param body serialised heartbeat
   * @param seq its sequence number
   */
  seal(body: string, seq: number): string;
  /** Returns a fresh connection token; `jti` is `boot.session`. */
  connection(): string;
}

/** Makes a signer of claims, which are JSON text; exported for RFC 7515 A.1, which fixes header bytes. */
export function createSigner(rt: Runtime, key: string, header: string): (claims: string) => string {
  const mac = createHmac(rt.sha256 as (bytes: string) => string, key);
  const head = rt.base64url(header) + ".";
  return function (claims) {
    const input = head + rt.base64url(claims);
    return input + "." + rt.base64url(mac(input));
  };
}

/** Creates the manager from `key` (base64url), `kid` and `aud` of the configuration. */
export function createJwt(rt: Runtime, identity: Identity, config: Config): Jwt {
  const header = JSON.stringify({ alg: "HS256", typ: "JWT", kid: config.kid });
  const sign = createSigner(rt, rt.fromBase64url(config.key), header);

  function token(lifeSec: number, more: string): string {
    const iat = Math.floor(rt.wallMs() / 1000);
    const { id } = identity;
    const who = JSON.stringify({ iss: id, sub: id, aud: config.aud, iat, exp: iat + lifeSec });
    return sign(who.slice(0, -1) + more + "}");
  }

  return {
    seal: function (body, seq) {
      const sha256 = rt.sha256 as (bytes: string) => string;
      const bh = rt.base64url(sha256(body));
      const more = ',"boot":' + identity.boot + ',"seq":' + seq + ',"bh":"' + bh + '"';
      return attachToken(body, token(BEAT_TOKEN_SEC, more));
    },
    connection: function () {
      return token(CONNECTION_TOKEN_SEC, ',"jti":"' + identity.boot + "." + identity.session + '"');
    },
  };
}
