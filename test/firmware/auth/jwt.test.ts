// SPDX-License-Identifier: MIT
// Tokens against RFC 7515 A.1 and against jose, which is what verifies them on hosts.
import { SignJWT, base64url, jwtVerify } from "jose";
import { describe, expect, it } from "vitest";
import { createIdentity } from "../../../firmware/auth/identity.ts";
import { createJwt, createSigner } from "../../../firmware/auth/jwt.ts";
import { BEAT_TOKEN_SEC, CONNECTION_TOKEN_SEC } from "../../../firmware/wire/claims.ts";
import type { Config } from "../../../firmware/wire/config.ts";
import { detachToken } from "../../../firmware/wire/heartbeat.ts";
import { START_WALL_MS } from "../../helpers/fake-clock.ts";
import { KEY, configOf, createFakeBoard } from "../../helpers/fake-board.ts";
import { JWS_VECTOR } from "../../helpers/vectors.ts";

const IAT = START_WALL_MS / 1000;
const BODY = '{"device_id":"kitchen","seq":5}';

function create(change: Partial<Config> = {}) {
  const board = createFakeBoard({ files: { "lubdub.boot": "6" } });
  const config = configOf(change);
  const identity = createIdentity(board, config);
  return { board, identity, ...createJwt(board, identity, config) };
}

function sealed(payload: string): { body: string; token: string } {
  const detached = detachToken(payload);
  if (!detached) throw new Error(`no token in ${payload}`);
  return detached;
}

async function verify(token: string, key = KEY): Promise<Awaited<ReturnType<typeof jwtVerify>>> {
  return jwtVerify(token, base64url.decode(key), {
    algorithms: ["HS256"],
    currentDate: new Date(START_WALL_MS),
  });
}

describe("createSigner", () => {
  it("makes the token of RFC 7515 A.1", () => {
    const board = createFakeBoard();
    const key = board.fromBase64url(JWS_VECTOR.key);
    expect(createSigner(board, key, JWS_VECTOR.header)(JWS_VECTOR.claims)).toBe(JWS_VECTOR.token);
  });
});

describe("token of a beat", () => {
  it("is exactly the one that jose makes", async () => {
    const { seal } = create();
    const { body, token } = sealed(seal(BODY, 5));
    expect(body).toBe(BODY);
    const expected = await new SignJWT({
      iss: "kitchen",
      sub: "kitchen",
      aud: "lubdub",
      iat: IAT,
      exp: IAT + BEAT_TOKEN_SEC,
      boot: 7,
      seq: 5,
      bh: createFakeBoard().base64url(createFakeBoard().sha256(BODY)),
    })
      .setProtectedHeader({ alg: "HS256", typ: "JWT", kid: "1" })
      .sign(base64url.decode(KEY));
    expect(token).toBe(expected);
  });

  it("is verified by jose with the key, and with no other", async () => {
    const { seal } = create();
    const { token } = sealed(seal(BODY, 5));
    await expect(verify(token)).resolves.toMatchObject({ payload: { sub: "kitchen", seq: 5 } });
    await expect(verify(token, "A".repeat(43))).rejects.toThrowError("signature");
  });

  it("names the moment of sealing, in whole seconds", async () => {
    const { board, seal } = create();
    seal(BODY, 5);
    board.clock.advance(59_999);
    const { payload } = await verify(sealed(seal(BODY, 5)).token);
    expect([payload.iat, payload.exp]).toEqual([IAT + 59, IAT + 59 + BEAT_TOKEN_SEC]);
  });

  it("takes the boot counter that is known when it seals", async () => {
    const { identity, seal } = create();
    identity.boot = 99;
    expect((await verify(sealed(seal(BODY, 1)).token)).payload["boot"]).toBe(99);
  });
});

describe("token of a connection", () => {
  it("is exactly the one that jose makes", async () => {
    const { identity, connection } = create();
    identity.session = 3;
    const expected = await new SignJWT({
      iss: "kitchen",
      sub: "kitchen",
      aud: "lubdub",
      iat: IAT,
      exp: IAT + CONNECTION_TOKEN_SEC,
      jti: "7.3",
    })
      .setProtectedHeader({ alg: "HS256", typ: "JWT", kid: "1" })
      .sign(base64url.decode(KEY));
    expect(connection()).toBe(expected);
  });

  it("carries the configured audience and key id", async () => {
    const { connection } = create({ aud: "house", kid: "second" });
    const { payload, protectedHeader } = await verify(connection());
    expect([payload.aud, protectedHeader.kid]).toEqual(["house", "second"]);
  });
});

it.each([32, 33, 34, 64, 65, 100])("a key of %i bytes signs as jose does", async (bytes) => {
  const key = base64url.encode(new Uint8Array(bytes).map((_, i) => 255 - i));
  const { connection } = create({ key });
  await expect(verify(connection(), key)).resolves.toBeDefined();
});
