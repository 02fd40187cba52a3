// SPDX-License-Identifier: MIT
// The software SHA-256 as it is on boards: bundled, minified, and run on a virtual board and on the
// real interpreter, whose numbers are of its own kind.
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { rollup } from "rollup";
import { beforeAll, describe, expect, it } from "vitest";
import { checkSyntax, createBoard, createRealClock } from "../../sim/index.ts";
import { createBundleConfig } from "../../tools/build-report/bundle.ts";
import { INTERPRETER, NO_INTERPRETER } from "../helpers/interpreter.ts";
import { createTempFolder, startChild } from "../helpers/leftovers.ts";
import { PROJECT } from "../helpers/planted.ts";
import { randomOf } from "../helpers/seeds.ts";
import { SHA256_VECTORS } from "../helpers/vectors.ts";
import { waitFor } from "../helpers/wait.ts";
import { createStubNetwork } from "../sim/stub-network.ts";

const INTERPRETER_MS = 30_000;

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
  const config = createBundleConfig({
    root: PROJECT,
    entry: path.join(PROJECT, "test/vectors/sha256-vectors.ts"),
    outDir: path.join(PROJECT, "dist/vectors"),
    checkSyntax,
  });
  const bundle = await rollup(config);
  const { output } = await bundle.generate(config.output);
  await bundle.close();
  const minified = output.find((item) => item.fileName.endsWith(".min.js"));
  if (minified?.type !== "asset") throw new Error("the build made no minified script");
  script = `var TEXTS=[${TEXTS.map(literal).join(",")}];\n${String(minified.source)}`;
});

describe("software SHA-256", () => {
  it("is right on a virtual board", () => {
    const lines: string[] = [];
    const board = createBoard({
      clock: createRealClock(),
      network: createStubNetwork(),
      profile: "esp32",
      seed: 1,
      onPrint: (line) => lines.push(line),
    });
    board.runScript(script, "sha256.js");
    board.powerOff();
    expect(lines).toEqual(EXPECTED);
  });

  it("is right on the real interpreter", async ({ skip }) => {
    if (!INTERPRETER) return skip(NO_INTERPRETER);
    const folder = createTempFolder("sha256");
    const file = path.join(folder.path, "sha256.js");
    writeFileSync(file, script, "latin1");
    let output = "";
    const child = startChild(INTERPRETER, [file], {
      cwd: folder.path,
      onOutput: (text) => (output += text),
    });
    try {
      await waitFor(
        () => output.includes("digests done"),
        INTERPRETER_MS,
        () => `the digests, not ${output.slice(-1000)}`,
      );
    } finally {
      await child.stop("SIGKILL", 1000);
      folder.remove();
    }
    expect(output.split(/\r?\n/).filter((line) => line.startsWith("digest"))).toEqual(EXPECTED);
    return undefined;
  });
});
