// SPDX-License-Identifier: MIT
// The table of who may import whom, and the fence around the interpreter's globals: each rule is
// broken once in a planted project, and lint finds it. One run of the linter for the whole table.
import { readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { lintFolder } from "../helpers/lint.ts";
import { PROJECT, plantFiles } from "../helpers/planted.ts";
import type { PlantedFiles } from "../helpers/planted.ts";

interface Row {
  file: string;
  imports: string;
}

const FORBIDDEN: Row[] = [
  { file: "firmware/wire/topics.ts", imports: "../lib/bytes.ts" },
  { file: "firmware/wire/topics.ts", imports: "../platform/board.ts" },
  { file: "firmware/lib/bytes.ts", imports: "../core/state.ts" },
  { file: "firmware/lib/bytes.ts", imports: "../platform/board.ts" },
  { file: "firmware/platform/platform.ts", imports: "../core/state.ts" },
  { file: "firmware/platform/espruino.ts", imports: "../services/wifi.ts" },
  { file: "firmware/core/state.ts", imports: "../transport/tcp.ts" },
  { file: "firmware/core/state.ts", imports: "../platform/espruino.ts" },
  { file: "firmware/transport/tcp.ts", imports: "../mqtt/session.ts" },
  { file: "firmware/transport/tcp.ts", imports: "../services/wifi.ts" },
  { file: "firmware/mqtt/session.ts", imports: "../auth/jwt.ts" },
  { file: "firmware/mqtt/session.ts", imports: "../services/wifi.ts" },
  { file: "firmware/auth/jwt.ts", imports: "../mqtt/session.ts" },
  { file: "firmware/http/request.ts", imports: "../mqtt/session.ts" },
  { file: "firmware/services/wifi.ts", imports: "./uplink.ts" },
  { file: "firmware/services/wifi.ts", imports: "../platform/espruino.ts" },
  { file: "firmware/services/wifi.ts", imports: "../app.ts" },
  { file: "firmware/app.ts", imports: "./main.ts" },
  { file: "firmware/main.ts", imports: "../tools/lib/errors.ts" },
  { file: "firmware/services/wifi.ts", imports: "../../sim/index.ts" },
  { file: "firmware/services/wifi.ts", imports: "mqtt-packet" },
  { file: "sim/board/board.ts", imports: "../../firmware/lib/bytes.ts" },
  { file: "sim/index.ts", imports: "../firmware/app.ts" },
  { file: "sim/index.ts", imports: "../tools/lib/errors.ts" },
  { file: "sim/board/board.ts", imports: "../../test/helpers/seeds.ts" },
  { file: "tools/lib/errors.ts", imports: "../hil/main.ts" },
  { file: "tools/lib/errors.ts", imports: "../../sim/index.ts" },
  { file: "tools/scenario/runner.ts", imports: "../../firmware/lib/bytes.ts" },
  { file: "tools/hil/main.ts", imports: "../../sim/index.ts" },
  { file: "tools/hil/main.ts", imports: "../demo/main.ts" },
  { file: "tools/hil/main.ts", imports: "../../firmware/lib/bytes.ts" },
  { file: "tools/hil/targets/exec.ts", imports: "../../demo/main.ts" },
  { file: "tools/hil/targets/exec.ts", imports: "../../../sim/index.ts" },
  { file: "tools/hil/targets/virtual.ts", imports: "../../../sim/board/board.ts" },
  { file: "tools/demo/main.ts", imports: "../../sim/board/board.ts" },
  { file: "tools/demo/main.ts", imports: "../sim/main.ts" },
  { file: "tools/cli.ts", imports: "../test/helpers/seeds.ts" },
  { file: "tools/cli.ts", imports: "../sim/index.ts" },
];

const ALLOWED: Row[] = [
  { file: "firmware/lib/bytes.ts", imports: "../wire/topics.ts" },
  { file: "firmware/platform/platform.ts", imports: "../wire/topics.ts" },
  { file: "firmware/core/state.ts", imports: "../platform/board.ts" },
  { file: "firmware/transport/tcp.ts", imports: "../core/state.ts" },
  { file: "firmware/mqtt/session.ts", imports: "../transport/tcp.ts" },
  { file: "firmware/services/wifi.ts", imports: "../mqtt/session.ts" },
  { file: "firmware/app.ts", imports: "./services/wifi.ts" },
  { file: "firmware/main.ts", imports: "./platform/espruino.ts" },
  { file: "sim/board/modules/net.ts", imports: "../../../firmware/wire/topics.ts" },
  { file: "tools/lib/verifier.ts", imports: "../../firmware/wire/topics.ts" },
  { file: "tools/hil/main.ts", imports: "../scenario/runner.ts" },
  { file: "tools/hil/targets/exec.ts", imports: "../../lib/errors.ts" },
  { file: "tools/hil/targets/virtual.ts", imports: "../../../sim/index.ts" },
  { file: "tools/demo/main.ts", imports: "../../sim/index.ts" },
  { file: "tools/cli.ts", imports: "./demo/main.ts" },
  { file: "test/system/fleet.test.ts", imports: "../../firmware/lib/bytes.ts" },
];

const SOURCES: (Row & { rule: string })[] = [
  { file: "firmware/services/beat.ts", imports: "setTimeout(() => {}, 1);", rule: "no-undef" },
  { file: "firmware/services/ask.ts", imports: 'require("net");', rule: "no-undef" },
  { file: "firmware/lib/show.ts", imports: 'print("x");', rule: "no-undef" },
  { file: "firmware/lib/now.ts", imports: "Date.now();", rule: "no-restricted-properties" },
  { file: "firmware/lib/early.ts", imports: "x(y); const y = 1;", rule: "no-use-before-define" },
  { file: "firmware/lib/a.ts", imports: 'export * from "./b.ts";', rule: "no-cycle" },
  { file: "sim/clock/a.ts", imports: 'export * from "./b.ts";', rule: "no-cycle" },
];

let found: string[];

const importLine = (row: Row): string => `import ${JSON.stringify(row.imports)};`;

beforeAll(() => {
  // Types play no part in these rules, and asking for them costs a second.
  const config = readFileSync(path.join(PROJECT, ".oxlintrc.json"), "utf8");
  const files: PlantedFiles = {
    ".oxlintrc.json": config.replace('"typeAware": true', '"typeAware": false'),
    "firmware/lib/b.ts": 'export * from "./a.ts";',
    "sim/clock/b.ts": 'export * from "./a.ts";',
  };
  for (const { file, imports } of SOURCES) files[file] = imports;
  for (const row of [...FORBIDDEN, ...ALLOWED])
    files[row.file] = (files[row.file] ?? "") + importLine(row) + "\n";
  const root = plantFiles(files);
  found = lintFolder(root);
  rmSync(root, { recursive: true });
});

function lineOf(row: Row): number {
  const rows = [...FORBIDDEN, ...ALLOWED].filter(({ file }) => file === row.file);
  return rows.indexOf(row) + 1;
}

describe("import rules", () => {
  it.each(FORBIDDEN)("keep $imports out of $file", (row) => {
    const place = `${row.file}:${lineOf(row)} eslint(no-restricted-imports)`;
    expect(found.filter((line) => line === place).length).toBeGreaterThan(0);
  });

  it.each(ALLOWED)("let $file import $imports", (row) => {
    const place = `${row.file}:${lineOf(row)} eslint(no-restricted-imports)`;
    expect(found.filter((line) => line === place)).toEqual([]);
  });
});

describe("lint of firmware and simulator", () => {
  it.each(SOURCES)("finds $rule in `$imports` of $file", ({ file, rule }) => {
    expect(found.some((line) => line.startsWith(file) && line.includes(`(${rule})`))).toBe(true);
  });
});
