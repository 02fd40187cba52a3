// SPDX-License-Identifier: MIT
// The package as somebody gets it who installs it: packed, unpacked into a project of its own, its
// library imported by plain Node and by the compiler, its command started. No network: what it
// depends on is linked from here.
import { spawnSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PROJECT } from "../helpers/planted.ts";

interface Result {
  status: number | null;
  stdout: string;
  stderr: string;
}

let project: string;

/** The device in the page for authors, as it stands there. */
const device = readFileSync(path.join(PROJECT, "docs/reference/authoring.md"), "utf8")
  .split("```ts\n")[1]
  ?.split("```")[0] as string;

function run(command: string, args: string[], cwd = project): Result {
  const env = { ...process.env, npm_config_update_notifier: "false", NODE_OPTIONS: "" };
  return spawnSync(command, args, { cwd, encoding: "utf8", env });
}

function write(file: string, text: string): void {
  writeFileSync(path.join(project, file), text);
}

/** Runs a module of the project by plain Node. */
function runModule(text: string): Result {
  write("main.mjs", text);
  return run(process.execPath, ["main.mjs"]);
}

/** Complaints of the compiler about a source that imports the library. */
function typeErrors(compilerOptions: object, source: string): string[] {
  write("use.ts", source);
  const options = { noEmit: true, strict: true, target: "es2022", types: ["node"] };
  const config = { compilerOptions: { ...options, ...compilerOptions }, files: ["use.ts"] };
  write("tsconfig.json", JSON.stringify(config));
  const { stdout } = run(path.join(PROJECT, "node_modules/.bin/tsc"), ["-p", "."]);
  return stdout.split("\n").filter((line) => line !== "");
}

beforeAll(() => {
  project = realpathSync(mkdtempSync(path.join(tmpdir(), "lubdub-package-")));
  write("package.json", '{ "name": "somebody-elses", "type": "module" }');
  const packed = run(
    "npm",
    ["pack", "--ignore-scripts", "--silent", "--pack-destination", project],
    PROJECT,
  );
  const installed = path.join(project, "node_modules/lubdub");
  mkdirSync(installed, { recursive: true });
  const unpacked = run("tar", ["-xzf", packed.stdout.trim(), "-C", installed, "--strip", "1"]);
  expect(unpacked).toMatchObject({ status: 0, stderr: "" });
  const { dependencies } = JSON.parse(
    readFileSync(path.join(installed, "package.json"), "utf8"),
  ) as { dependencies: object };
  for (const name of [...Object.keys(dependencies), "@types/node"]) {
    mkdirSync(path.dirname(path.join(project, "node_modules", name)), { recursive: true });
    symlinkSync(path.join(PROJECT, "node_modules", name), path.join(project, "node_modules", name));
  }
});

afterAll(() => rmSync(project, { recursive: true }));

describe("package", () => {
  it("runs a world with plain Node", () => {
    const { stdout, stderr } = runModule(`
      import { World } from "lubdub/sim";
      const world = new World({ seed: 1 });
      const board = world.board("a", { script: "setInterval(() => print(getTime()), 60000)" });
      await world.run("1h");
      console.log(board.lines.length, world.trace.count, world.check.count({ ev: "print" }));
      await world.close();
    `);
    expect({ stdout, stderr }).toEqual({ stdout: "60 62 60\n", stderr: "" });
  });

  it("reaches the host's network from plain Node", () => {
    const { stdout, stderr } = runModule(`
      import { createBoard, createRealClock, createRealNetwork } from "lubdub/sim";
      import { createServer } from "node:net";
      const network = createRealNetwork();
      const clock = createRealClock();
      const server = createServer((socket) => socket.end("hello"));
      server.listen(0, "127.0.0.1", () => {
        const board = createBoard({ clock, network, seed: 1, onPrint: finish });
        const dial = 'require("net").connect({ host: "127.0.0.1", port: ' + server.address().port;
        board.runScript(dial + ' }, (socket) => socket.on("data", print))', "dial.js");
        async function finish(line) {
          console.log(line);
          board.powerOff();
          server.close();
          await network.close();
        }
      });
    `);
    expect({ stdout, stderr }).toEqual({ stdout: "hello\n", stderr: "" });
  });

  it.each([
    { name: "nodenext", options: { module: "nodenext" } },
    { name: "bundler", options: { module: "esnext", moduleResolution: "bundler" } },
  ])("has types for module resolution $name", ({ options }) => {
    const right = [
      'import { World } from "lubdub/sim";',
      "const world: World = new World({ seed: 1 });",
      'export const lines: readonly string[] = world.board("a", { script: "" }).lines;',
    ];
    expect(typeErrors(options, right.join("\n"))).toEqual([]);
    const wrong = "export const wrong: string = world.trace.count;";
    expect(typeErrors(options, [...right, wrong].join("\n"))).toEqual([
      expect.stringMatching(/^use\.ts\(4,14\): error TS2322: Type 'number'/),
    ]);
  });

  it("brings the command with it", () => {
    const command = path.join(project, "node_modules/lubdub/tools/lubdub.js");
    write("answer.js", "print(6 * 7);\n");
    expect(run(process.execPath, [command, "run", "answer.js"])).toMatchObject({
      stdout: "42\n",
      stderr: "",
      status: 0,
    });
  });

  it("builds a device of one's own, in ten lines, whose members reach the broker", () => {
    write("my-device.ts", device);
    expect(device.slice(device.indexOf("const app")).trim().split("\n")).toHaveLength(9);
    const command = path.join(project, "node_modules/lubdub/tools/lubdub.js");
    const built = run(process.execPath, [command, "build", "my-device.ts"]);
    expect(built).toMatchObject({ status: 0, stderr: "" });
    expect(built.stdout).toMatch(/ lubdub\/firmware\/parts\.ts\n/);
    expect(built.stdout).toMatch(/\ndist\/my-device\.min\.js \d+ bytes sha256=[0-9a-f]{64}\n$/);
    const { stdout, stderr } = runModule(`
      import { readFileSync } from "node:fs";
      import { World } from "lubdub/sim";
      const world = new World({ seed: 1 });
      const broker = world.broker("broker");
      const versions = new Set();
      broker.subscribe("devices/+/heartbeat", (topic, payload) => {
        versions.add(JSON.parse(payload.toString()).player_version);
      });
      const config = { urls: "mqtt://broker", wifi_ssid: "home", key: "k".repeat(43) };
      world.board("display", {
        script: readFileSync("dist/my-device.min.js", "latin1"),
        files: { "lubdub.json": JSON.stringify(config) },
      });
      await world.run("3m");
      console.log([...versions], world.problems);
      await world.close();
    `);
    expect({ stdout, stderr }).toEqual({ stdout: "[ '4.2' ] []\n", stderr: "" });
  }, 180_000);

  it("has types for a device, which refuse members of every heartbeat and parts in a wrong order", () => {
    const types = (source: string): string[] => {
      write("my-device.ts", source);
      const config = { extends: "lubdub/tsconfig.device.json", files: ["my-device.ts"] };
      write("tsconfig.json", JSON.stringify(config));
      const { stdout } = run(path.join(PROJECT, "node_modules/.bin/tsc"), ["-p", "."]);
      return stdout.split("\n").filter((line) => /^\S/.test(line));
    };
    expect(types(`${device}D2.write(require("Storage").getFree() > 0);\n`)).toEqual([]);
    expect(types(device.replace("player_version", "boot"))).toEqual([
      expect.stringMatching(
        /^my-device\.ts\(\d+,\d+\): error TS2322: Type '.* boot: string; }' is not assignable/,
      ),
    ]);
    expect(types(`${device}document.title = "";\n`)).toHaveLength(1);
    expect(types(device.replace("  uplink(app);\n", ""))).toEqual([
      expect.stringMatching(/error TS2345: .* parameter of type 'Connected'/),
      expect.stringMatching(/error TS2345: .* parameter of type 'Connected'/),
    ]);
  });

  it("holds what runs and nothing that tests it", () => {
    const installed = readdirSync(path.join(project, "node_modules/lubdub"));
    expect(installed.toSorted()).toEqual([
      "LICENSE",
      "README.md",
      "SECURITY.md",
      "dist",
      "docs",
      "examples",
      "firmware",
      "package.json",
      "sim",
      "tools",
    ]);
  });
});
