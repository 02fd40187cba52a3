// SPDX-License-Identifier: MIT
// Why a station is not associated any more: the numbers of IEEE 802.11 (9.4.1.7) and, from 200, of
// the ESP-IDF, under the names that the interpreter gives them.

/** Numbers by name. */
export const REASON = {
  UNSPECIFIED: 1,
  AUTH_EXPIRE: 2,
  AUTH_LEAVE: 3,
  ASSOC_EXPIRE: 4,
  ASSOC_TOOMANY: 5,
  NOT_AUTHED: 6,
  NOT_ASSOCED: 7,
  ASSOC_LEAVE: 8,
  ASSOC_NOT_AUTHED: 9,
  DISASSOC_PWRCAP_BAD: 10,
  DISASSOC_SUPCHAN_BAD: 11,
  IE_INVALID: 13,
  MIC_FAILURE: 14,
  "4WAY_HANDSHAKE_TIMEOUT": 15,
  GROUP_KEY_UPDATE_TIMEOUT: 16,
  IE_IN_4WAY_DIFFERS: 17,
  GROUP_CIPHER_INVALID: 18,
  PAIRWISE_CIPHER_INVALID: 19,
  AKMP_INVALID: 20,
  REASON_UNSUPP_RSN_IE_VERSION: 21,
  INVALID_RSN_IE_CAP: 22,
  "802_1X_AUTH_FAILED": 23,
  CIPHER_SUITE_REJECTED: 24,
  BEACON_TIMEOUT: 200,
  NO_AP_FOUND: 201,
  AUTH_FAIL: 202,
  ASSOC_FAIL: 203,
  HANDSHAKE_TIMEOUT: 204,
} as const;

const NAMES = new Map<number, string>(Object.entries(REASON).map(([name, code]) => [code, name]));

/** The interpreter's name of a reason. */
export function reasonName(code: number): string {
  return NAMES.get(code) ?? "Unknown reason";
}
