// SPDX-License-Identifier: MIT
// RFC 4231 and RFC 7515 A.1 computed by the firmware's code as it is on boards: bundled, minified,
// and run on virtual boards and on the real interpreter.
import { writeFileSync } from "node:fs";
import path from "node:path";
import { rollup } from "rollup";
import { beforeAll, describe, expect, it } from "vitest";
import { checkSyntax, createBoard, createRealClock } from "../../sim/index.ts";
import { createBundleConfig } from "../../tools/build-report/bundle.ts";
import { INTERPRETER, NO_INTERPRETER } from "../helpers/interpreter.ts";
import { createTempFolder, startChild } from "../helpers/leftovers.ts";
import { PROJECT } from "../helpers/planted.ts";
import { HMAC_VECTORS, JWS_VECTOR } from "../helpers/vectors.ts";
import { waitFor } from "../helpers/wait.ts";
import { createStubNetwork } from "../sim/stub-network.ts";
import type { BoardVectors } from "../vectors/crypto-vectors.ts";

const INTERPRETER_MS = 20_000;

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
  const config = createBundleConfig({
    root: PROJECT,
    entry: path.join(PROJECT, "test/vectors/crypto-vectors.ts"),
    outDir: path.join(PROJECT, "dist/vectors"),
    checkSyntax,
    // The test writes what the script reads.
    keptNames: ["hmac", "jws", "name", "key", "data", "bytes", "header", "claims"],
  });
  const bundle = await rollup(config);
  // In memory: nothing is written.
  const { output } = await bundle.generate(config.output);
  await bundle.close();
  const minified = output.find((item) => item.fileName.endsWith(".min.js"));
  if (minified?.type !== "asset") throw new Error("the build made no minified script");
  script = `var VECTORS=${JSON.stringify(VECTORS)};\n${String(minified.source)}`;
});

describe("published vectors", () => {
  it.each(["esp32", "linux"] as const)("are met on a virtual board of profile %s", (profile) => {
    const lines: string[] = [];
    const board = createBoard({
      clock: createRealClock(),
      network: createStubNetwork(),
      profile,
      seed: 1,
      onPrint: (line) => lines.push(line),
    });
    board.runScript(script, "vectors.js");
    board.powerOff();
    expect(lines).toEqual(EXPECTED);
  });

  it("are met on the real interpreter", async ({ skip }) => {
    if (!INTERPRETER) return skip(NO_INTERPRETER);
    const folder = createTempFolder("vectors");
    const file = path.join(folder.path, "vectors.js");
    writeFileSync(file, script, "latin1");
    let output = "";
    const child = startChild(INTERPRETER, [file], {
      cwd: folder.path,
      onOutput: (text) => (output += text),
    });
    try {
      await waitFor(
        () => output.includes("vectors done"),
        INTERPRETER_MS,
        () => `the vectors, not ${output.slice(-1000)}`,
      );
    } finally {
      await child.stop("SIGKILL", 1000);
      folder.remove();
    }
    expect(output.split(/\r?\n/).filter((line) => line.startsWith("vector"))).toEqual(EXPECTED);
    return undefined;
  });
});
