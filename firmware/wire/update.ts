// SPDX-License-Identifier: MIT
// The command `update`: its arguments, and what its MAC covers.

/** Arguments of the command. */
export interface UpdateArgs {
  /** Where the bundle is; the server answers ranges (RFC 9110 section 14). */
  url: string;
  /** Bytes of the bundle, ASCII. */
  size: number;
  /** base64url(SHA-256(bundle)). */
  sha256: string;
  /** base64url(HMAC-SHA256(device key, {@link updateMacText})). */
  mac: string;
}

/**
 * Begin of what the MAC is computed over, see {@link updateMacText}. It cannot be taken for a token,
 * whose signed part has no space.
 */
export const MAC_PREFIX = "lubdub update ";

/**
 * What the MAC is computed over: all that decides which bytes are accepted. Where they come from is
 * of no importance. The board puts the same together by itself.
 */
export function updateMacText(size: number, sha256: string): string {
  return MAC_PREFIX + size + " " + sha256;
}
