// SPDX-License-Identifier: MIT
// Commands that the tools sign, taken by the firmware's own verifier; arguments that a board would
// read differently are refused before.
import { describe, expect, it } from "vitest";
import { createIdentity } from "../../../firmware/auth/identity.ts";
import { createJwt } from "../../../firmware/auth/jwt.ts";
import { TOKEN_MAX_BYTES, verify } from "../../../firmware/auth/verify.ts";
import { parseArgs, signCommand } from "../../../tools/lib/command-token.ts";
import { KEY, configOf, createFakeBoard } from "../../helpers/fake-board.ts";
import { START_WALL_MS } from "../../helpers/fake-clock.ts";

const IAT = START_WALL_MS / 1000;
const CLAIMS = { sub: "kitchen", aud: "lubdub", iat: IAT, exp: IAT + 60, jti: "one", cmd: "ping" };
const KEY_BYTES = Buffer.from(KEY, "base64url");

/** What the firmware says to a token. */
function judge(token: string): unknown {
  const board = createFakeBoard();
  return verify(board, createJwt(board, createIdentity(board, configOf()), configOf()), token);
}

describe("signCommand", () => {
  it.each([
    {},
    { args: parseArgs(`{ "seconds": 0.1, "text": "a\\n\\"b\\"", "list": [1, -2.5, null, true] }`) },
  ])("makes what the firmware takes, with %j", (more) => {
    expect(judge(signCommand({ ...CLAIMS, ...more }, "1", KEY_BYTES))).toEqual([
      "",
      { ...CLAIMS, ...more },
    ]);
  });

  it("makes what the firmware refuses with another key or key id", () => {
    expect(judge(signCommand(CLAIMS, "1", Buffer.alloc(32)))).toEqual(["signature"]);
    expect(judge(signCommand(CLAIMS, "2", KEY_BYTES))).toEqual(["header"]);
  });

  it("refuses what is longer than the firmware reads", () => {
    const sign = (chars: number): string =>
      signCommand({ ...CLAIMS, args: { text: "x".repeat(chars) } }, "1", KEY_BYTES);
    let chars = 1200;
    while (sign(chars + 1).length < TOKEN_MAX_BYTES - 1) chars++;
    expect(judge(sign(chars))).toMatchObject(["", { cmd: "ping" }]);
    expect(() => sign(chars + 4)).toThrow(/^the command has \d+ characters, and boards read 2048$/);
  });
});

describe("parseArgs", () => {
  it.each(["", "x", "[1]", "1", "null", `{"a":1}x`, "{'a':1}"])("refuses %j", (text) => {
    expect(() => parseArgs(text)).toThrow("--args is no JSON object such as");
  });

  // Each as the interpreter 2v29 would write it: 1.23456789012, 10e+20, raw bytes, \u007F, \u001F.
  it.each([
    [`{"a":1.23456789012345}`, "1.23456789012345 has too many digits"],
    [`{"a":[1e21]}`, "1e+21 has too many digits"],
    [`{"a":9007199254740993}`, "9007199254740992 has too many digits"],
    [`{"a":"caf\u00e9"}`, `"caf\u00e9" has characters`],
    [`{"\u00e9":1}`, `"\u00e9" has characters`],
    [`{"a":{"b":"\u007f"}}`, "has characters"],
    [`{"a":"\\u001f"}`, `"\\u001f" has characters`],
  ])("refuses %s, which the interpreter writes in its own way", (text, complaint) => {
    expect(() => parseArgs(text)).toThrow(complaint);
  });

  it.each([0.1, 9.647106, 123456.7, 1e-7, 86400, Number.MAX_SAFE_INTEGER])("takes %d", (value) => {
    expect(parseArgs(JSON.stringify({ value }))).toEqual({ value });
  });
});
