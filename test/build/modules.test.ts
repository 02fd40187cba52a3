// SPDX-License-Identifier: MIT
// Firmware can name its own files and the modules built into the board, nothing else.
import { describe, expect, it } from "vitest";
import { buildFirmware, buildProblems, plantForTest } from "../helpers/planted.ts";

const DECLARE = "declare function require(name: string): unknown;\n";

describe("modules in firmware", () => {
  it.each([
    { source: 'import { readFileSync } from "node:fs";', problem: '2:30: import of "node:fs"' },
    { source: 'import { readFileSync } from "fs";', problem: '2:30: import of "fs"' },
    { source: 'import crypto from "crypto";', problem: '2:20: import of "crypto"' },
    { source: 'import "mqtt-packet";', problem: '2:8: import of "mqtt-packet"' },
    { source: 'export * from "node:net";', problem: '2:15: import of "node:net"' },
    { source: 'export { connect } from "net";', problem: '2:25: import of "net"' },
    { source: 'import("./main.ts");', problem: "2:1: import()" },
    { source: 'require("serialport");', problem: '2:1: require("serialport")' },
    { source: 'require("ne" + "t");', problem: "2:1: require" },
  ])("stops the build at `$source`", async ({ source, problem }) => {
    const problems = await buildProblems({ "firmware/main.ts": DECLARE + source });
    expect(problems).toEqual([expect.stringContaining(`firmware/main.ts:${problem}: `)]);
  });

  it("tells all of them at once", async () => {
    const source =
      'import "node:fs";\nimport "node:net";\nimport { a } from "./a.ts";\nrequire(a);';
    const problems = await buildProblems({
      "firmware/main.ts": DECLARE + source,
      "firmware/a.ts": 'import "node:os";\nexport const a = "";',
    });
    expect(problems).toHaveLength(4);
  });

  it("leaves `require` of the board's modules as calls", async () => {
    const names = ["net", "tls", "http", "dgram", "crypto", "Storage", "Wifi", "Flash"];
    const source = names.map((name) => `require("${name}");`).join("\n");
    const result = await buildFirmware(plantForTest({ "firmware/main.ts": DECLARE + source }));
    const calls = names.map((name) => `require("${name}")`).join(",");
    expect(result).toMatchObject({ files: { "lubdub.min.js": `${calls};` } });
  });

  it("lets imports of types vanish", async () => {
    const source = 'import type { Socket } from "node:net";\nrequire("net") as Socket;';
    expect(await buildProblems({ "firmware/main.ts": DECLARE + source })).toEqual([]);
  });
});
