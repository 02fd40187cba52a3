// SPDX-License-Identifier: MIT
// Devices of others: what an author writes keeps its names, everything else is as small as in the
// bundles of this project, and what is wrong is told at its place.
import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { buildDevice } from "../../tools/build-report/build-device.ts";
import { reservedNames } from "../../tools/build-report/reserved-names.ts";
import { checkSyntax } from "../../sim/index.ts";
import { PROJECT, plantForTest } from "../helpers/planted.ts";
import type { PlantedFiles } from "../helpers/planted.ts";

/** The minified script of `device.ts`, or of another file. */
async function build(files: PlantedFiles, entry = "device.ts"): Promise<string> {
  const root = plantForTest(files);
  const { files: built } = await buildDevice({
    entry: path.join(root, entry),
    outDir: path.join(root, "dist"),
    name: "device",
    root,
    checkSyntax,
    reservedNames: reservedNames(PROJECT),
    softwareSha256: false,
  });
  return built["device.min.js"] as string;
}

const problemsOf = (files: PlantedFiles): Promise<string> =>
  build(files).then(
    () => "",
    (error: Error) => error.message,
  );

describe("a device of one's own", () => {
  it("keeps the names in its files, whether quoted, behind a dot or in another file", async () => {
    const code = await build({
      "device.ts": `
        import { pump } from "./pump.js";
        const order = JSON.parse('{"target_level":1}');
        class Valve { open_angle = 3; turn_left() { return this.open_angle; } }
        setInterval(() => print(JSON.stringify({
          valve_angle: new Valve().turn_left(), "flow-rate": pump.flow_rate, level: order.target_level,
        })), 1000);
      `,
      "pump.js": "export const pump = JSON.parse('{}');",
    });
    for (const name of [
      "target_level",
      "valve_angle",
      "flow-rate",
      "flow_rate",
      "open_angle",
      "turn_left",
    ])
      expect(code).toContain(name);
  });

  it("is as small as the bundle of this project with the same parts", async () => {
    const main = readFileSync(path.join(PROJECT, "firmware/main-mqtt.ts"), "utf8");
    const entry = main.replaceAll(/"\.\/[a-z/]+\.ts"/g, '"lubdub/firmware"');
    expect(entry).not.toBe(main);
    const ours = readFileSync(path.join(PROJECT, "dist/firmware/lubdub-mqtt.min.js"), "utf8");
    expect((await build({ "device.ts": entry })).length - ours.length).toBeLessThan(40);
  }, 180_000);

  it.each([
    {
      name: "an import of Node",
      source: 'import fs from "node:fs"; fs();',
      problem: 'device.ts:1:16: import of "node:fs": a board has no such module',
    },
    {
      name: "an export that is not there",
      source: 'import { boots } from "lubdub/firmware"; boots("");',
      problem: "device.ts:1:10: import of boots: lubdub/firmware has no such export",
    },
    {
      name: "a type that is imported as a value",
      source: 'import { boot, App } from "lubdub/firmware"; boot("");',
      problem: "device.ts:1:16: import of App: lubdub/firmware has no such export (a type takes",
    },
    {
      name: "a file without its ending",
      source: 'import { pump } from "./pump"; pump();',
      problem: 'device.ts: import of "./pump": there is no such file; its ending belongs to it',
    },
    {
      name: "what the interpreter has not",
      source: "async function later() {}\nlater();",
      problem: "device.ts:1:1: async function: ",
    },
    { name: "no script", source: "let x = ;", problem: "device.ts:1:9: syntax error: " },
  ])("is refused for $name, at its place", async ({ source, problem }) => {
    expect(await problemsOf({ "device.ts": source })).toContain(problem);
  });
});
