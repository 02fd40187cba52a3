// SPDX-License-Identifier: MIT
// RFC 4231 and RFC 7515 A.1 computed by the firmware's code as it is on boards: bundled, minified,
// and run on virtual boards and on the real interpreter.
import { beforeAll, describe, expect, it } from "vitest";
import { buildScript, printsOnInterpreter, printsOnVirtualBoard } from "../helpers/board-script.ts";
import { INTERPRETER, NO_INTERPRETER } from "../helpers/interpreter.ts";
import { HMAC_VECTORS, JWS_VECTOR } from "../helpers/vectors.ts";
import type { BoardVectors } from "../vectors/crypto-vectors.ts";

const encode = (bytes: string): string => Buffer.from(bytes, "latin1").toString("base64url");

const VECTORS: BoardVectors = {
  hmac: HMAC_VECTORS.map(({ name, key, data, tag }) => ({
    name: `RFC 4231 ${name}`,
    key: encode(key),
    data: encode(data),
    bytes: tag.length,
  })),
  jws: [
    {
      name: "RFC 7515 A.1",
      key: JWS_VECTOR.key,
      header: encode(JWS_VECTOR.header),
      claims: encode(JWS_VECTOR.claims),
    },
  ],
};

const EXPECTED = [
  ...HMAC_VECTORS.map(({ name, tag }) => `vector RFC 4231 ${name} = ${encode(tag)}`),
  `vector RFC 7515 A.1 = ${JWS_VECTOR.token}`,
  "vectors done",
];

let script = "";

beforeAll(async () => {
  // The test writes what the script reads.
  const names = ["hmac", "jws", "name", "key", "data", "bytes", "header", "claims"];
  const bundle = await buildScript("test/vectors/crypto-vectors.ts", names);
  script = `var VECTORS=${JSON.stringify(VECTORS)};\n${bundle}`;
});

describe("published vectors", () => {
  it.each(["esp32", "linux"] as const)("are met on a virtual board of profile %s", (profile) => {
    expect(printsOnVirtualBoard(script, profile)).toEqual(EXPECTED);
  });

  it("are met on the real interpreter", async ({ skip }) => {
    if (!INTERPRETER) return skip(NO_INTERPRETER);
    const lines = await printsOnInterpreter(script, /^vector /, /^vectors done$/);
    expect(lines).toEqual(EXPECTED);
    return undefined;
  });
});
