// SPDX-License-Identifier: MIT
// `lubdub command`, `update` and `image` called wrongly: one line on stderr, exit code 2 or 1, nothing
// on stdout, and never the key.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { registerCommand } from "../../tools/command/main.ts";
import { registerImage } from "../../tools/image/main.ts";
import { createRootCommand, runCommand } from "../../tools/lib/cli.ts";
import { registerUpdate } from "../../tools/update/main.ts";
import { TEST_KEY } from "../helpers/test-board.ts";

const folder = mkdtempSync(path.join(tmpdir(), "lubdub-command-"));
afterAll(() => rmSync(folder, { recursive: true }));

function fileOf(name: string, text: string): string {
  const file = path.join(folder, name);
  writeFileSync(file, text, "latin1");
  return file;
}

const KEY = ["--key", fileOf("key", `${TEST_KEY}\n`)];
const TO = ["--device", "kitchen", ...KEY];
const BUNDLE = fileOf("bundle.min.js", `print("lubdub update ")`);
const URL = ["--url", "http://h/b"];

let written: { stdout: string; stderr: string };
beforeEach(() => {
  written = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const)
    vi.spyOn(process[name], "write").mockImplementation((text) => {
      written[name] += String(text);
      return true;
    });
  vi.stubEnv("LUBDUB_KEY", undefined);
});
afterEach(() => {
  process.exitCode = 0;
  vi.unstubAllEnvs();
});

async function run(...args: string[]): Promise<number> {
  const root = createRootCommand("");
  for (const register of [registerCommand, registerUpdate, registerImage]) register(root);
  return runCommand(root, args);
}

/** Claims of the token on stdout. */
function printed(): object {
  expect(written.stdout).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
  const claims = written.stdout.split(".")[1] as string;
  return JSON.parse(Buffer.from(claims, "base64url").toString()) as object;
}

describe("a command", () => {
  it("is printed with what the options say, the key from a file", async () => {
    const to = [...TO, "--ttl", "90s", "--jti", "once", "--aud", "yard"];
    expect(await run("command", "interval", "--args", `{"seconds":30}`, ...to)).toBe(0);
    const { iat, ...claims } = printed() as { iat: number };
    expect(claims).toEqual({
      sub: "kitchen",
      aud: "yard",
      exp: iat + 90,
      jti: "once",
      cmd: "interval",
      args: { seconds: 30 },
    });
    expect(Math.abs(iat - Date.now() / 1000)).toBeLessThan(60);
    expect(written.stderr).toBe("");
  });

  it("has an id of its own each time, the key from the environment", async () => {
    vi.stubEnv("LUBDUB_KEY", TEST_KEY);
    const ids = new Set<string>();
    for (let i = 0; i < 3; i++) {
      written.stdout = "";
      expect(await run("command", "ping", "--device", "kitchen")).toBe(0);
      ids.add((printed() as { jti: string }).jti);
    }
    expect(ids.size).toBe(3);
  });
});

describe("called wrongly", () => {
  const SHORT = Buffer.alloc(31, 1).toString("base64url");
  it.each([
    ["no device", ["command", "ping", ...KEY], 2, "required option '--device <id>'"],
    ["no command", ["command", ...TO], 2, "missing required argument 'cmd'"],
    ["a device id that is none", ["command", "ping", "--device", "a/b", ...KEY], 2, "1-64 of"],
    ["no key", ["command", "ping", "--device", "k"], 2, "there is no key"],
    ["the key itself", ["command", "ping", "--device", "k", "--key", TEST_KEY], 2, "not the key"],
    [
      "a file with a short key",
      ["command", "ping", "--device", "k", "--key", fileOf("short", SHORT)],
      2,
      "the key in the file of --key is invalid",
    ],
    ["arguments that are none", ["command", "ping", ...TO, "--args", "30"], 2, "no JSON object"],
    [
      "arguments that the interpreter drops",
      ["command", "ping", ...TO, "--args", `{"constructor":1}`],
      2,
      "drops a member constructor",
    ],
    ["a time without a unit", ["command", "ping", ...TO, "--ttl", "60"], 2, "with a unit"],
    ["a long id", ["command", "ping", ...TO, "--jti", "x".repeat(65)], 2, "1-64 characters"],
    [
      "a list of brokers",
      ["command", "ping", ...TO, "--broker", "mqtt://a,mqtt://b"],
      2,
      "mqtt[s]",
    ],
    ["a server for HTTP", ["command", "ping", ...TO, "--broker", "http://a"], 2, "mqtt[s]"],
    ["no URL", ["update", BUNDLE, ...TO], 2, "required option '--url <url>'"],
    ["a URL that boards cannot read", ["update", BUNDLE, ...TO, "--url", "h/b"], 2, "http[s]"],
    ["a long URL", ["update", BUNDLE, ...TO, "--url", `http://h/${"b".repeat(2000)}`], 2, "2048"],
    ["no such bundle", ["update", `${BUNDLE}x`, ...TO, ...URL], 1, "there is no "],
    ["a folder for a bundle", ["update", folder, ...TO, ...URL], 1, "cannot read /"],
    ["an empty bundle", ["update", fileOf("empty", ""), ...TO, ...URL], 1, "empty or not ASCII"],
    ["bytes", ["image", "--out", folder, "--bundle", fileOf("x", "\xff")], 1, "empty or not ASCII"],
    [
      "a bundle without updates",
      ["image", "--out", folder, "--bundle", fileOf("y", "1")],
      1,
      "no bundle with the part",
    ],
    [
      "a committed slot",
      ["update", fileOf("s", `10002pJaMOMf45efb334---1x`), ...TO, ...URL],
      1,
      "is a slot",
    ],
    ["no folder", ["image"], 2, "required option '-o, --out <dir>'"],
    ["a file for a folder", ["image", "--out", BUNDLE], 1, "cannot write to"],
  ])("with %s: one line", async (_name, args, code, complaint) => {
    expect(await run(...args)).toBe(code);
    expect(written.stdout).toBe("");
    const last = written.stderr.split("\n").at(-2);
    expect(last).toMatch(new RegExp(`^lubdub ${args[0]}: `));
    expect(last).toContain(complaint);
    expect(written.stderr).not.toContain(TEST_KEY);
    expect(written.stderr).not.toContain(SHORT);
  });
});
