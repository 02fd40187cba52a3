// SPDX-License-Identifier: MIT
import { createHmac } from "node:crypto";
import { SignJWT, base64url } from "jose";
import { describe, expect, it } from "vitest";
import { createIdentity } from "../../../firmware/auth/identity.ts";
import { createJwt, deviceKey } from "../../../firmware/auth/jwt.ts";
import { TOKEN_MAX_BYTES, verify } from "../../../firmware/auth/verify.ts";
import { START_WALL_MS } from "../../helpers/fake-clock.ts";
import { KEY, configOf, createFakeBoard } from "../../helpers/fake-board.ts";

const NOW = START_WALL_MS / 1000;
const HEADER = { alg: "HS256", typ: "JWT", kid: "1" };
const CLAIMS = { sub: "kitchen", aud: "lubdub", iat: NOW, exp: NOW + 60 };

const encode = (text: string): string => Buffer.from(text, "latin1").toString("base64url");

/** Signs texts, whatever they are. */
function tokenOf(header: unknown, claims: unknown, key = KEY): string {
  const text = (value: unknown): string =>
    typeof value === "string" ? value : JSON.stringify(value);
  const input = `${encode(text(header))}.${encode(text(claims))}`;
  const tag = createHmac("sha256", Buffer.from(key, "base64url")).update(input);
  return `${input}.${tag.digest("base64url")}`;
}

function create() {
  const board = createFakeBoard();
  const identity = createIdentity(board, configOf());
  return { board, identity, jwt: createJwt(board, identity, configOf()) };
}

/** What is wrong with a token, or its claims. */
function judge(token: string, { board, jwt } = create()): unknown {
  const [problem, claims] = verify(board, jwt, token);
  return problem || claims;
}

describe("verify", () => {
  it("accepts what jose signs with the device's key", async () => {
    const token = await new SignJWT({ ...CLAIMS, cmd: "ping" })
      .setProtectedHeader(HEADER)
      .sign(base64url.decode(KEY));
    expect(judge(token)).toEqual({ ...CLAIMS, cmd: "ping" });
  });

  it.each([
    ["another order of the header", { kid: "1", alg: "HS256" }, CLAIMS],
    ["just within the skew before", HEADER, { ...CLAIMS, iat: NOW + 60, exp: NOW + 61 }],
    ["just within the skew after", HEADER, { ...CLAIMS, iat: NOW - 600, exp: NOW - 59 }],
  ])("accepts %s", (_name, header, claims) => {
    expect(judge(tokenOf(header, claims))).toEqual(claims);
  });

  it.each([
    ["no header of HS256", { ...HEADER, alg: "none" }, CLAIMS, "header"],
    ["another hash", { ...HEADER, alg: "HS512" }, CLAIMS, "header"],
    ["an extension that must be understood", { ...HEADER, crit: ["b64"] }, CLAIMS, "header"],
    ["an unknown key id", { ...HEADER, kid: "2" }, CLAIMS, "header"],
    ["no key id", { alg: "HS256" }, CLAIMS, "header"],
    ["a header that is no object", "[]", CLAIMS, "header"],
    ["alg named twice", '{"alg":"HS256","alg":"none","kid":"1"}', CLAIMS, "header"],
    ["claims that are no JSON", HEADER, "hello", "E_COMMAND_CLAIMS"],
    ["claims that are null", HEADER, "null", "E_COMMAND_CLAIMS"],
    ["claims in single quotes", HEADER, "{'sub':'kitchen'}", "E_COMMAND_CLAIMS"],
    ["something behind the claims", HEADER, `${JSON.stringify(CLAIMS)}x`, "E_COMMAND_CLAIMS"],
    [
      "a claim named twice",
      HEADER,
      `{"sub":"hall",${JSON.stringify(CLAIMS).slice(1)}`,
      "E_COMMAND_CLAIMS",
    ],
    ["a prototype", HEADER, `{"__proto__":${JSON.stringify(CLAIMS)}}`, "E_COMMAND_CLAIMS"],
    ["another device", HEADER, { ...CLAIMS, sub: "hall" }, "E_COMMAND_CLAIMS"],
    ["another audience", HEADER, { ...CLAIMS, aud: "x" }, "E_COMMAND_CLAIMS"],
    ["times as text", HEADER, { ...CLAIMS, iat: `${NOW}` }, "E_COMMAND_CLAIMS"],
    ["no end", HEADER, { ...CLAIMS, exp: undefined }, "E_COMMAND_CLAIMS"],
    ["an end before its begin", HEADER, { ...CLAIMS, iat: NOW, exp: NOW }, "E_COMMAND_CLAIMS"],
    [
      "a token of the future",
      HEADER,
      { ...CLAIMS, iat: NOW + 61, exp: NOW + 99 },
      "E_COMMAND_EARLY",
    ],
    ["an old token", HEADER, { ...CLAIMS, iat: NOW - 600, exp: NOW - 60 }, "E_COMMAND_EXPIRED"],
  ])("refuses %s", (_name, header, claims, problem) => {
    expect(judge(tokenOf(header, claims))).toBe(problem);
  });

  const good = tokenOf(HEADER, CLAIMS);
  it.each([
    ["another key", tokenOf(HEADER, CLAIMS, "A".repeat(43)), "signature"],
    ["no signature", good.slice(0, good.lastIndexOf(".") + 1), "signature"],
    ["a signature that is cut", good.slice(0, -1), "signature"],
    ["a signature that goes on", `${good}A`, "signature"],
    ["two parts", good.slice(0, good.lastIndexOf(".")), "form"],
    ["four parts", `${good}.`, "form"],
    ["padding", `${good}=`, "form"],
    ["a line end", `${good}\n`, "form"],
    ["nothing", "", "form"],
    ["more than is looked at", "a".repeat(TOKEN_MAX_BYTES + 1), "form"],
  ])("refuses %s", (_name, token, problem) => {
    expect(judge(token)).toBe(problem);
  });

  it("refuses every spelling of the signature's last bits but one", () => {
    const last = good.at(-1) as string;
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for (const char of alphabet)
      if (char !== last) expect(judge(good.slice(0, -1) + char)).toBe("signature");
  });

  it("takes the key before the present one, by its id", () => {
    const { board, identity, jwt } = create();
    jwt.old = jwt.key;
    const key = "B".repeat(43);
    jwt.key = deviceKey(board, identity, "lubdub", "2", key);
    expect(judge(good, { board, identity, jwt })).toEqual(CLAIMS);
    const second = { ...HEADER, kid: "2" };
    expect(judge(tokenOf(second, CLAIMS, key), { board, identity, jwt })).toEqual(CLAIMS);
    expect(judge(tokenOf(second, CLAIMS), { board, identity, jwt })).toBe("signature");
  });

  it("believes no token without a clock", () => {
    const device = create();
    device.board.setWall(device.board.wallMs(), "none");
    expect(judge(good, device)).toBe("E_COMMAND_EARLY");
  });
});
