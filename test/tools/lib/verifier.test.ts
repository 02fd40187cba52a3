// SPDX-License-Identifier: MIT
// The host's door for heartbeats: each reason to reject, the order by boot and seq, and that no
// payload makes it throw. jose is the oracle for tokens.
import { SignJWT } from "jose";
import { describe, expect, it } from "vitest";
import { createHash } from "node:crypto";
import { attachToken } from "../../../firmware/wire/heartbeat.ts";
import { createVerifier } from "../../../tools/lib/verifier.ts";
import type { Verdict, Verifier } from "../../../tools/lib/verifier.ts";
import {
  FAKE_KEY,
  FAKE_WALL_MS,
  fakeBody,
  signBody,
  signToken,
  signedBeat,
} from "../../helpers/fake-device.ts";
import { SEED, randomOf } from "../../helpers/seeds.ts";

function verifierWith(options: { maxDevices?: number } = {}): Verifier {
  return createVerifier({
    keyFor: (_id, kid) => (kid === "1" ? FAKE_KEY : undefined),
    ...options,
  });
}

function accept(payload: Buffer, deviceId = "kitchen", wallMs = FAKE_WALL_MS): Verdict {
  return verifierWith().accept(payload, deviceId, wallMs);
}

const body = JSON.stringify(fakeBody());
const sec = FAKE_WALL_MS / 1000;

/** The payload with one byte of the body changed and the token left as it was. */
function tampered(): Buffer {
  return Buffer.from(signedBeat().toString("latin1").replace('"alive"', '"alivE"'), "latin1");
}

function withRawBody(text: string): Buffer {
  return signBody(text);
}

describe("verifier", () => {
  it("accepts a correctly signed beat as fresh and gives its members", () => {
    const verdict = accept(signedBeat({ current_playlist: "jazz" }));
    expect(verdict).toMatchObject({ kind: "fresh", beat: { seq: 1, current_playlist: "jazz" } });
  });

  it("accepts a token that jose signed", async () => {
    const bh = createHash("sha256").update(body).digest("base64url");
    const token = await new SignJWT({ boot: 3, seq: 1, bh })
      .setProtectedHeader({ alg: "HS256", typ: "JWT", kid: "1" })
      .setIssuer("kitchen")
      .setSubject("kitchen")
      .setAudience("lubdub")
      .setIssuedAt(sec)
      .setExpirationTime(sec + 300)
      .sign(FAKE_KEY);
    expect(accept(Buffer.from(attachToken(body, token))).kind).toBe("fresh");
  });

  it.each<[name: string, payload: Buffer, reason: string]>([
    ["a payload above the bound", Buffer.alloc(20_000, 32), "size"],
    ["an empty payload", Buffer.alloc(0), "unsigned"],
    ["a body without a token", Buffer.from(body), "unsigned"],
    [
      "a jwt that is not the last member",
      Buffer.from(`${signedBeat().toString().slice(0, -1)},"x":1}`),
      "unsigned",
    ],
    ["a token of two parts", Buffer.from(attachToken(body, "a.b")), "token"],
    ["a token with an impossible length", Buffer.from(attachToken(body, "a.b.c")), "token"],
    ["an endless token", Buffer.from(attachToken(body, "a".repeat(5000))), "token"],
    ["a header that is no JSON", Buffer.from(attachToken(body, "AAAA.AAAA.AAAA")), "header"],
    ["a header without kid", signBody(body, { header: { kid: undefined } }), "header"],
    ["a foreign typ", signBody(body, { header: { typ: "JOSE" } }), "header"],
    ["a critical extension", signBody(body, { header: { crit: ["b64"] } }), "header"],
    ["alg none", signBody(body, { header: { alg: "none" } }), "alg"],
    ["alg HS512", signBody(body, { header: { alg: "HS512" }, hash: "sha512" }), "alg"],
    ["alg in lower case", signBody(body, { header: { alg: "hs256" } }), "alg"],
    ["an unknown key id", signBody(body, { header: { kid: "2" } }), "key"],
    ["another key", signBody(body, { key: Buffer.alloc(32, 8) }), "signature"],
    ["HS512 under the name of HS256", signBody(body, { hash: "sha512" }), "signature"],
    ["claims without bh", signBody(body, { claims: { bh: undefined } }), "claims"],
    ["a fractional iat", signBody(body, { claims: { iat: sec + 0.5 } }), "claims"],
    ["exp not after iat", signBody(body, { claims: { exp: sec } }), "claims"],
    ["seq as text", signBody(body, { claims: { seq: "1" } }), "claims"],
    ["the token of another device", signBody(body, { claims: { sub: "cellar" } }), "subject"],
    ["another issuer", signBody(body, { claims: { iss: "cellar" } }), "issuer"],
    ["another audience", signBody(body, { claims: { aud: "other" } }), "audience"],
    [
      "an iat beyond the skew",
      signBody(body, { claims: { iat: sec + 62, exp: sec + 400 } }),
      "early",
    ],
    [
      "an exp beyond the skew",
      signBody(body, { claims: { iat: sec - 361, exp: sec - 61 } }),
      "expired",
    ],
    ["a body with one byte changed", tampered(), "hash"],
    ["a body that is no JSON", withRawBodyOf('{"device_id":"kitchen",}'), "body"],
    ["a body that is not UTF-8", withRawBody(body.replace("alive", "aliv\xe9")), "body"],
    ["a body that is an array", withRawBodyOf('[{"device_id":"kitchen"}]'), "unsigned"],
    ["a member that stands twice", withRawBody(body.replace('"seq":1', '"seq":1,"seq":1')), "body"],
    [
      "a member that stands twice, once escaped",
      withRawBody(body.replace('"seq":1', String.raw`"seq":1,"s\u0065q":1`)),
      "body",
    ],
    [
      "a nested member that stands twice",
      withRawBody(body.replace('"vars":2000', '"vars":2000,"vars":1')),
      "body",
    ],
    ["a second jwt", signedBeat({ jwt: "a.b.c" }), "body"],
    ["a timestamp without milliseconds", signedBeat({ timestamp: "2026-01-01T00:00:00Z" }), "body"],
    ["a day that does not exist", signedBeat({ timestamp: "2026-02-30T00:00:00.000Z" }), "body"],
    ["a missing member", signedBeat({ uptime_ms: undefined }), "body"],
    ["a negative seq", signBody(JSON.stringify(fakeBody({ seq: -1 })), claimsOf(-1)), "claims"],
    ["an unknown status", signedBeat({ status: "fine" }), "body"],
    ["an interval of nothing", signedBeat({ interval_s: 0 }), "body"],
    ["an unknown clock quality", signedBeat({ clock: "good" }), "body"],
    ["telemetry above its bound", signedBeat({ telemetry: { x: "y".repeat(200) } }), "body"],
    ["telemetry of the wrong type", signedBeat({ telemetry: { rssi: "-70" } }), "body"],
    [
      "another device in the body",
      signedBeat({ device_id: "cellar" }, { claims: { sub: "kitchen", iss: "kitchen" } }),
      "subject",
    ],
    ["a boot that differs from the claim", signBody(body, { claims: { boot: 4 } }), "order"],
    ["a seq that differs from the claim", signBody(body, { claims: { seq: 2 } }), "order"],
  ])("rejects %s", (_name, payload, reason) => {
    expect(accept(payload)).toMatchObject({ kind: "rejected", reason });
  });

  it("counts rejections by reason", () => {
    const verifier = verifierWith();
    verifier.accept(tampered(), "kitchen", FAKE_WALL_MS);
    verifier.accept(tampered(), "kitchen", FAKE_WALL_MS);
    verifier.accept(Buffer.from("x"), "kitchen", FAKE_WALL_MS);
    expect([...verifier.rejections()]).toEqual([
      ["hash", 2],
      ["unsigned", 1],
    ]);
  });

  it.each([
    ["iat at the edge of the skew", { iat: sec + 60, exp: sec + 300 }],
    ["exp just within the skew", { iat: sec - 300, exp: sec - 59 }],
  ])("accepts %s", (_name, claims) => {
    expect(accept(signBody(body, { claims })).kind).toBe("fresh");
  });

  it("takes a beat that comes twice for a duplicate", () => {
    const verifier = verifierWith();
    verifier.accept(signedBeat(), "kitchen", FAKE_WALL_MS);
    expect(verifier.accept(signedBeat(), "kitchen", FAKE_WALL_MS).kind).toBe("duplicate");
  });

  it("does not remember a beat it has rejected", () => {
    const verifier = verifierWith();
    verifier.accept(signBody(body, { claims: { aud: "x" } }), "kitchen", FAKE_WALL_MS);
    expect(verifier.accept(signedBeat(), "kitchen", FAKE_WALL_MS).kind).toBe("fresh");
  });

  it("forgets the longest silent device first when it knows too many", () => {
    const verifier = verifierWith({ maxDevices: 2 });
    const send = (id: string): string =>
      verifier.accept(signedBeat({ device_id: id }), id, FAKE_WALL_MS).kind;
    expect(["a", "b", "a", "c", "a", "b"].map(send)).toEqual([
      "fresh",
      "fresh",
      "duplicate",
      "fresh",
      "duplicate",
      "fresh",
    ]);
  });

  it(`never throws on 10,000 mutated payloads (seed ${SEED})`, () => {
    const random = randomOf("verifier-mutations");
    const verifier = verifierWith();
    const original = signedBeat();
    verifier.accept(original, "kitchen", FAKE_WALL_MS);
    for (let i = 0; i < 10_000; i++) {
      let bytes = Buffer.from(original);
      for (let n = Math.ceil(random() * 3); n > 0; n--) {
        const at = Math.floor(random() * bytes.length);
        const kind = random();
        if (kind < 0.6) bytes[at] = Math.floor(random() * 256);
        else if (kind < 0.8) bytes = bytes.subarray(0, at);
        else bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at >> 1)]);
      }
      if (bytes.equals(original)) continue;
      const verdict = verifier.accept(bytes, "kitchen", FAKE_WALL_MS);
      expect(verdict.kind, bytes.toString("latin1")).toBe("rejected");
    }
  });
});

function claimsOf(seq: number): { claims: Record<string, unknown> } {
  return { claims: { seq } };
}

/** Signs text that is not JSON, as a broken device would. */
function withRawBodyOf(text: string): Buffer {
  const claims = {
    iss: "kitchen",
    sub: "kitchen",
    aud: "lubdub",
    iat: sec,
    exp: sec + 300,
    boot: 3,
    seq: 1,
    bh: createHash("sha256").update(text, "latin1").digest("base64url"),
  };
  const payload = attachToken(text, signToken(claims));
  return Buffer.from(text.endsWith("}") ? payload : `${text},"jwt":"${signToken(claims)}"]`);
}
