// SPDX-License-Identifier: MIT
// Devices of others: what an author writes keeps its names, everything else is as small as in the
// bundles of this project, and what is wrong is told at its place.
import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { buildDevice } from "../../tools/build-report/build-device.ts";
import type { DeviceBundle } from "../../tools/build-report/build-device.ts";
import { reservedNames } from "../../tools/build-report/reserved-names.ts";
import { checkSyntax } from "../../sim/index.ts";
import { PROJECT, plantForTest } from "../helpers/planted.ts";
import type { PlantedFiles } from "../helpers/planted.ts";

/** What is made of `device.ts`, or of another file. */
async function made(files: PlantedFiles, entry = "device.ts"): Promise<DeviceBundle> {
  const root = plantForTest(files);
  return buildDevice({
    entry: path.join(root, entry),
    outDir: path.join(root, "dist"),
    name: "device",
    root,
    checkSyntax,
    reservedNames: reservedNames(PROJECT),
    softwareSha256: false,
  });
}

/** The minified script. */
async function build(files: PlantedFiles, entry?: string): Promise<string> {
  return (await made(files, entry)).files["device.min.js"] as string;
}

const problemsOf = (files: PlantedFiles, entry?: string): Promise<string> =>
  build(files, entry).then(
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
    {
      name: "a method that the interpreter has not",
      source: "const all = [1];\nprint(all.at(-1));",
      problem: "device.ts:2:11: missing method: no value of the interpreter has at()",
    },
    {
      name: "a spread text",
      source: 'print([..."abc"]);',
      problem: "device.ts:1:8: spread: is right for arrays only",
    },
    {
      name: "a spread that may be no array",
      source: "const copy = (list) => [...list];\nprint(copy([1]));",
      problem: "device.ts:1:25: spread: is right for arrays only",
    },
    {
      name: "the rest of what may be no array",
      source: 'const [head, ...rest] = "abc";\nprint(head, rest);',
      problem: "device.ts:1:14: rest of a pattern: is right for arrays only",
    },
    {
      name: "a private member",
      source: "class A {\n  #p = 1;\n}\nprint(new A());",
      problem: "device.ts:2:3: #private member: ",
    },
    {
      name: "a private method",
      source: "class A {\n  #m() {}\n}\nprint(new A());",
      problem: "device.ts:2:3: #private member: ",
    },
    { name: "await", source: "print(1);\nawait 5;", problem: "device.ts:2:1: await: " },
    {
      name: "a static block",
      source: "class A {\n  static {}\n}\nprint(A);",
      problem: "device.ts:2:3: static block: ",
    },
    {
      name: "new.target",
      source: "function F() { print(new.target); }\nF();",
      problem: "device.ts:1:22: new.target or import.meta: ",
    },
    {
      name: "nothing that runs",
      source: "type A = 1;",
      problem: "device.ts:1:1: nothing in it does anything: the script would be empty",
    },
    {
      name: "a `this` without a function",
      source: "print(1);\nprint(this);",
      problem: "device.ts:2:7: The 'this' keyword is equivalent to 'undefined'",
    },
    { name: "no script", source: "let x = ;", problem: "device.ts:1:9: syntax error: " },
  ])("is refused for $name, at its place", async ({ source, problem }) => {
    expect(await problemsOf({ "device.ts": source })).toContain(problem);
  });

  it("may spread what is an array for certain", async () => {
    const source = `
      const list = [1, 2];
      const copy = (first: readonly number[], ...more: number[]): number[] => [...first, ...more];
      const [head, ...rest] = "a,b".split(",");
      print(Math.max(...list), copy(list, 3), [...Object.keys({ head, rest })]);
    `;
    expect((await made({ "device.ts": source })).warnings).toEqual([]);
  });

  it("may have methods whose names the interpreter's arrays and texts lack", async () => {
    const source = "class Belt { at(place) { return place; } }\nprint(new Belt().at(3));";
    expect(await problemsOf({ "device.js": source }, "device.js")).toBe("");
  });

  it("is warned of searches that find too much where the text ends", async () => {
    const { warnings } = await made({
      "device.ts": `const text = "abc", list = ["ab"];
        print(text.indexOf("cx"), text.replace("cx", ""));
        print(text.indexOf("c"), list.includes("ab"), text.replace(/cx/, ""), text.split("cx"));`,
    });
    expect(warnings).toEqual([
      expect.stringMatching(/^device\.ts:2:20: search of a text: .* indexIn\(text, part, 0\)/),
      expect.stringMatching(/^device\.ts:2:40: search of a text: .* regular expression/),
    ]);
  });

  it("is refused for parts whose order leaves something out, and has the right one", async () => {
    const names = "boot commands heartbeat mqtt outbox ready subscribe supervisor update uplink";
    const lines = [
      `import { ${names.replaceAll(" ", ", ")} } from "lubdub/firmware";`,
      'const app = boot("");',
      "uplink(app);",
      "mqtt(app);",
      'subscribe(app, "lamp", print);',
      "commands(app);",
      "update(app);",
      "heartbeat(app, {});",
      "outbox(app);",
    ];
    const told = [
      "device.js:5:1: subscribe() behind mqtt(): ",
      "device.js:6:1: commands() behind mqtt(): ",
      "device.js:7:1: update() behind commands(): ",
      "device.js:7:1: update() without supervisor(): ",
      "device.js:9:1: outbox() behind heartbeat(): ",
    ];
    const problems = await problemsOf({ "device.js": lines.join("\n") }, "device.js");
    expect(problems.split("\n").slice(1).sort()).toEqual(
      told.map((line) => expect.stringContaining(line) as string),
    );
    const right = [0, 1, 2, 6, 5, 4, 3, 8, 7].map((i) => lines[i]).join("\n");
    expect(await problemsOf({ "device.js": `${right}\nsupervisor(app);` }, "device.js")).toBe("");
  }, 180_000);
});
