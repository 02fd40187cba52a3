// SPDX-License-Identifier: MIT
import { expect, it } from "vitest";
import {
  AUDIENCE,
  BEAT_TOKEN_SEC,
  CONNECTION_TOKEN_SEC,
  KEY_ID,
  KEY_MIN_BYTES,
  SKEW_SEC,
} from "../../../firmware/wire/claims.ts";
import { CONFIG } from "../../../firmware/wire/config.ts";

it("the defaults of the configuration are those of the claims", () => {
  expect([CONFIG.aud[1], CONFIG.kid[1]]).toEqual([AUDIENCE, KEY_ID]);
});

it("a key has the bytes that HS256 asks for, and tokens outlive the skew", () => {
  expect(KEY_MIN_BYTES).toBe(32);
  expect([BEAT_TOKEN_SEC > SKEW_SEC, CONNECTION_TOKEN_SEC > SKEW_SEC]).toEqual([true, true]);
});
