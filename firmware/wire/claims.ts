// SPDX-License-Identifier: MIT
// JWT header and claims in use (RFC 7519). HS256 and nothing else.

/** Audience unless configured. */
export const AUDIENCE = "lubdub";

/** Key id unless configured. */
export const KEY_ID = "1";

/** Lifetime of a beat's token, s. */
export const BEAT_TOKEN_SEC = 300;

/** Lifetime of a connection's token, s. */
export const CONNECTION_TOKEN_SEC = 3600;

/** Shortest HS256 key, bytes (RFC 7518 section 3.2). */
export const KEY_MIN_BYTES = 32;

/** Clock difference a verifier forgives, s. */
export const SKEW_SEC = 60;

/** JOSE header. `kid` names which of a device's keys signed. */
export interface TokenHeader {
  alg: "HS256";
  typ: "JWT";
  kid: string;
}

/** Claims of a beat's token; `bh` is base64url(SHA-256(body bytes)). */
export interface BeatClaims {
  iss: string;
  sub: string;
  aud: string;
  iat: number;
  exp: number;
  boot: number;
  seq: number;
  bh: string;
}

/** Claims of a connection's token (MQTT password); `jti` is `boot.session`. */
export interface ConnectionClaims {
  iss: string;
  sub: string;
  aud: string;
  iat: number;
  exp: number;
  jti: string;
}
