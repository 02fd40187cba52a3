// SPDX-License-Identifier: MIT
// Checks a heartbeat's token with a library that shares no code with ours.
import { createHash } from "node:crypto";
import { jwtVerify } from "jose";
import { expect } from "vitest";
import { AUDIENCE } from "../../firmware/wire/claims.ts";
import { detachToken } from "../../firmware/wire/heartbeat.ts";
import type { Received } from "./beat-reader.ts";
import { TEST_KEY } from "./test-board.ts";

/** The key of all test boards. */
export const KEY_BYTES = Buffer.from(TEST_KEY, "base64url");

/** Fails unless the message is signed by `deviceId`, now, for this very body. */
export async function expectSigned(deviceId: string, message: Received): Promise<void> {
  const parts = detachToken(message.payload.toString("latin1"));
  const body = Buffer.from(parts?.body ?? "", "latin1");
  const { payload, protectedHeader } = await jwtVerify(parts?.token ?? "", KEY_BYTES, {
    algorithms: ["HS256"],
    audience: AUDIENCE,
    issuer: deviceId,
    subject: deviceId,
    currentDate: new Date(message.wallMs),
    clockTolerance: 2,
  });
  expect(protectedHeader).toEqual({ alg: "HS256", typ: "JWT", kid: "1" });
  expect(payload["bh"]).toBe(createHash("sha256").update(body).digest("base64url"));
}
