// SPDX-License-Identifier: MIT
// Signs the two kinds of token: one for each beat, bound to its body, and one for each connection.
// HS256 compact serialisation (RFC 7515 section 3.1, RFC 7518 section 3.2). No verification here.
import { BEAT_TOKEN_SEC, CONNECTION_TOKEN_SEC } from "../wire/claims.ts";
import type { BeatClaims, ConnectionClaims, TokenHeader } from "../wire/claims.ts";
import { attachToken } from "../wire/heartbeat.ts";
import type { Config } from "../wire/config.ts";
import { createHmac } from "../lib/hmac-sha256.ts";
import type { Clock, Hash } from "../platform/platform.ts";
import type { Identity } from "./identity.ts";

/** Signs for one device with one key. */
export interface JwtManager {
  /**
   * Returns the body with a fresh token as its last member. Call it at the moment of sending.
   * @param body serialised heartbeat
   * @param seq its sequence number
   */
  seal(body: string, seq: number): string;
  /** Returns a fresh connection token; `jti` is `boot.session`. */
  connection(): string;
}

/** Signs a JSON object; exported for the vectors of RFC 7515 A.1, which fix header bytes. */
export function createSigner(hash: Hash, key: string, header: string): (claims: string) => string {
  const mac = createHmac(hash.sha256, key);
  const head = hash.base64url(header) + ".";
  return (claims) => {
    const input = head + hash.base64url(claims);
    return input + "." + hash.base64url(mac(input));
  };
}

/** Creates the manager from `key` (base64url), `kid` and `aud` of the configuration. */
export function createJwtManager(
  hash: Hash,
  clock: Clock,
  identity: Identity,
  config: Config,
): JwtManager {
  const header: TokenHeader = { alg: "HS256", typ: "JWT", kid: config.kid };
  const sign = createSigner(hash, hash.fromBase64url(config.key), JSON.stringify(header));
  const epochSec = (): number => Math.floor(clock.wallMs() / 1000);
  return {
    seal: (body, seq) => {
      const iat = epochSec();
      const claims: BeatClaims = {
        iss: identity.id,
        sub: identity.id,
        aud: config.aud,
        iat,
        exp: iat + BEAT_TOKEN_SEC,
        boot: identity.boot,
        seq,
        bh: hash.base64url(hash.sha256(body)),
      };
      return attachToken(body, sign(JSON.stringify(claims)));
    },
    connection: () => {
      const iat = epochSec();
      const claims: ConnectionClaims = {
        iss: identity.id,
        sub: identity.id,
        aud: config.aud,
        iat,
        exp: iat + CONNECTION_TOKEN_SEC,
        jti: identity.boot + "." + identity.session,
      };
      return sign(JSON.stringify(claims));
    },
  };
}
