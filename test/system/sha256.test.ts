// SPDX-License-Identifier: MIT
// The software SHA-256 as it is on boards: bundled, minified, and run on a virtual board and on the
// real interpreter, whose numbers are of its own kind.
import { createHash } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import { buildScript, printsOnInterpreter, printsOnVirtualBoard } from "../helpers/board-script.ts";
import { INTERPRETER, NO_INTERPRETER } from "../helpers/interpreter.ts";
import { randomOf } from "../helpers/seeds.ts";
import { SHA256_VECTORS } from "../helpers/vectors.ts";

/** Lengths on both sides of where padding needs another block. */
const LENGTHS = [1, 55, 56, 63, 64, 65, 119, 120];

const random = randomOf("software sha256");
const TEXTS = [
  ...SHA256_VECTORS.map(({ text }) => text),
  ...LENGTHS.map((length) =>
    String.fromCharCode(...Array.from({ length }, () => Math.floor(random() * 256))),
  ),
];

const EXPECTED = [
  ...TEXTS.map((text) => `digest ${createHash("sha256").update(text, "latin1").digest("hex")}`),
  "digests done",
];

/** As a literal of bytes. */
function literal(text: string): string {
  const escapes = [...Buffer.from(text, "latin1")].map((byte) =>
    byte.toString(16).padStart(2, "0"),
  );
  return `"${escapes.map((byte) => `\\x${byte}`).join("")}"`;
}

let script = "";

beforeAll(async () => {
  const bundle = await buildScript("test/vectors/sha256-vectors.ts");
  script = `var TEXTS=[${TEXTS.map(literal).join(",")}];\n${bundle}`;
});

describe("software SHA-256", () => {
  it("is right on a virtual board", () => {
    expect(printsOnVirtualBoard(script, "esp32")).toEqual(EXPECTED);
  });

  it("is right on the real interpreter", async ({ skip }) => {
    if (!INTERPRETER) return skip(NO_INTERPRETER);
    const lines = await printsOnInterpreter(script, /^digest /, /^digests done$/);
    expect(lines).toEqual(EXPECTED);
    return undefined;
  });
});
