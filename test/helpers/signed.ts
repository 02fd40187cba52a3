// SPDX-License-Identifier: MIT
// Tokens by means that share no code with ours: checks that of a heartbeat, makes that of a command.
import { createHash, createHmac } from "node:crypto";
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

let commands = 0;

/** A command for a test board, signed at a time of the world, epoch ms. */
export function commandToken(deviceId: string, cmd: string, args: object, wallMs: number): string {
  const encode = (value: object): string =>
    Buffer.from(JSON.stringify(value)).toString("base64url");
  const iat = Math.floor(wallMs / 1000);
  const claims = {
    sub: deviceId,
    aud: AUDIENCE,
    iat,
    exp: iat + 300,
    jti: `${cmd}-${++commands}`,
    cmd,
    args,
  };
  const input = `${encode({ alg: "HS256", typ: "JWT", kid: "1" })}.${encode(claims)}`;
  return `${input}.${createHmac("sha256", KEY_BYTES).update(input).digest("base64url")}`;
}
