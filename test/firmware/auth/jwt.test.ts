// SPDX-License-Identifier: MIT
// Tokens against RFC 7515 A.1 and against jose, which is what verifies them on hosts.
import { base64url, jwtVerify } from "jose";
import { describe, expect, it } from "vitest";
import { createIdentity } from "../../../firmware/auth/identity.ts";
import { createJwt, createKey, refused, renewalMs } from "../../../firmware/auth/jwt.ts";
import { BEAT_TOKEN_SEC, CONNECTION_TOKEN_SEC } from "../../../firmware/wire/claims.ts";
import type { Config } from "../../../firmware/wire/config.ts";
import { detachToken } from "../../../firmware/wire/heartbeat.ts";
import { START_WALL_MS } from "../../helpers/fake-clock.ts";
import { KEY, configOf, createFakeBoard } from "../../helpers/fake-board.ts";
import { JWS_VECTOR } from "../../helpers/vectors.ts";
import { verifyToken } from "../../../tools/lib/token.ts";

const IAT = START_WALL_MS / 1000;
const BODY = '{"device_id":"kitchen","seq":5}';
const CLAIMS = '"boot":7,"seq":5';

function create(change: Partial<Config> = {}) {
  const board = createFakeBoard({ boot: 6 });
  const config = configOf(change);
  const identity = createIdentity(board, config);
  const jwt = createJwt(board, identity, config);
  return { board, jwt, ...jwt };
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

describe("createKey", () => {
  it("makes the token of RFC 7515 A.1", () => {
    const board = createFakeBoard();
    const key = board.fromBase64url(JWS_VECTOR.key);
    const { head, mac } = createKey(board, key, "", JWS_VECTOR.header, "");
    const input = head + board.base64url(JWS_VECTOR.claims);
    expect(`${input}.${board.base64url(mac(input))}`).toBe(JWS_VECTOR.token);
  });
});

describe("token of a beat", () => {
  it("has header and claims of the wire, for its very body", async () => {
    const { seal } = create();
    const { body, token } = sealed(seal(BODY, CLAIMS));
    expect(body).toBe(BODY);
    const { payload, protectedHeader } = await verify(token);
    expect(protectedHeader).toEqual({ alg: "HS256", typ: "JWT", kid: "1" });
    expect(payload).toEqual({
      iss: "kitchen",
      sub: "kitchen",
      aud: "lubdub",
      iat: IAT,
      exp: IAT + BEAT_TOKEN_SEC,
      boot: 7,
      seq: 5,
      bh: createFakeBoard().base64url(createFakeBoard().sha256(BODY)),
    });
  });

  it.each([1, 12, 123, 1234, 12_345])(
    "is as strict a verifier wants it for seq %i",
    async (seq) => {
      const { token } = sealed(create().seal(BODY, `"boot":7,"seq":${seq}`));
      const parsed = verifyToken(token, () => Buffer.from(KEY, "base64url"));
      expect(parsed).toMatchObject({ ok: true, claims: { seq } });
    },
  );

  it("is verified by jose with the key, and with no other", async () => {
    const { seal } = create();
    const { token } = sealed(seal(BODY, CLAIMS));
    await expect(verify(token)).resolves.toMatchObject({ payload: { sub: "kitchen", seq: 5 } });
    await expect(verify(token, "A".repeat(43))).rejects.toThrowError("signature");
  });

  it("names the moment of sealing, in whole seconds", async () => {
    const { board, seal } = create();
    seal(BODY, CLAIMS);
    board.clock.advance(59_999);
    const { payload } = await verify(sealed(seal(BODY, CLAIMS)).token);
    expect([payload.iat, payload.exp]).toEqual([IAT + 59, IAT + 59 + BEAT_TOKEN_SEC]);
  });

  it("claims boot and sequence number of the beat, not of the moment", async () => {
    const { identity, seal } = create();
    identity.boot = 99;
    const { payload } = await verify(sealed(seal(BODY, CLAIMS)).token);
    expect(payload).toMatchObject({ boot: 7, seq: 5 });
  });
});

describe("token of a connection", () => {
  it("has header and claims of the wire", async () => {
    const { identity, connection } = create();
    identity.session = 3;
    const { payload, protectedHeader } = await verify(connection());
    expect(protectedHeader).toEqual({ alg: "HS256", typ: "JWT", kid: "1" });
    expect(payload).toEqual({
      iss: "kitchen",
      sub: "kitchen",
      aud: "lubdub",
      iat: IAT,
      exp: IAT + CONNECTION_TOKEN_SEC,
      jti: "7.3",
    });
  });

  it("carries the configured audience and key id", async () => {
    const { connection } = create({ aud: '"~?> house', kid: "second" });
    const { payload, protectedHeader } = await verify(connection());
    expect([payload.aud, protectedHeader.kid]).toEqual(['"~?> house', "second"]);
  });
});

it.each([32, 33, 34, 64, 65, 100])("a key of %i bytes signs as jose does", async (bytes) => {
  const key = base64url.encode(new Uint8Array(bytes).map((_, i) => 255 - i));
  const { connection } = create({ key });
  await expect(verify(connection(), key)).resolves.toBeDefined();
});

describe("renewal", () => {
  it("comes between 72 % and 88 % of the lifetime", () => {
    const { board } = create();
    board.draws.push(0, 0.5, 0.999_999);
    const shares = [1, 2, 3].map(() => renewalMs(board) / (CONNECTION_TOKEN_SEC * 1000));
    expect(shares.map((share) => Math.round(share * 100))).toEqual([72, 80, 88]);
  });
});

describe("a refused credential", () => {
  it("is made anew, then the clock is suspected, then time is let pass", () => {
    const { board, jwt } = create();
    expect([1, 2, 3, 4].map(() => refused(board, jwt))).toEqual([
      "new-token",
      "check-clock",
      "long-backoff",
      "long-backoff",
    ]);
  });

  it("makes a clock doubtful that a time server has set: it may have stepped since", () => {
    const { board, jwt } = create();
    board.setWall(board.wallMs(), "synced");
    expect([1, 2].map(() => refused(board, jwt))).toEqual(["new-token", "check-clock"]);
    expect(board.quality).toBe("plausible");
  });

  it("is judged afresh after a success", () => {
    const { board, jwt } = create();
    refused(board, jwt);
    jwt.refusals = 0;
    expect(refused(board, jwt)).toBe("new-token");
  });
});
