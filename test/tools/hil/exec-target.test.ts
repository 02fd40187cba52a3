// SPDX-License-Identifier: MIT
// The process target with programs that go wrong in each way there is. Every one is reported,
// bounded, and leaves no process and no folder behind.
import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import {
  checkInterpreter,
  createExecTarget,
  flashScripts,
} from "../../../tools/hil/targets/exec.ts";
import type { Bundle } from "../../../tools/lib/bundle.ts";
import { createFeed } from "../../../tools/scenario/feed.ts";
import type { Target } from "../../../tools/scenario/target.ts";
import { writeFakeInterpreter } from "../../helpers/fake-interpreter.ts";
import type { BOOT_CODE } from "../../helpers/fake-interpreter.ts";

const bundle: Bundle = {
  text: Array.from({ length: 20_000 }, (_, i) => String.fromCharCode(i % 256)).join(""),
  sha256: "",
  sizeBytes: 20_000,
  sourceMap: null,
};

const cleanups: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  while (cleanups.length > 0) await cleanups.pop()?.();
});

async function targetFor(behaviour: keyof typeof BOOT_CODE): Promise<Target> {
  const { file, remove } = writeFakeInterpreter(behaviour);
  cleanups.push(remove);
  const target = await createExecTarget(file);
  cleanups.push(() => target.dispose());
  return target;
}

/** Boots it and collects what it reports. */
async function boot(target: Target): Promise<{
  lines: string[];
  exit: Promise<string>;
  line(pattern: RegExp): Promise<string>;
}> {
  const lines = createFeed<string>();
  const exits = createFeed<string>();
  const exit = exits.next((how): how is string => how !== "", "exit", 10_000, 0);
  exit.catch(() => {});
  await target.boot({ onLine: (line) => lines.push(line), onExit: (how) => exits.push(how) });
  return {
    lines: lines.items as string[],
    exit,
    line: (pattern) =>
      lines.next((line): line is string => pattern.test(line), String(pattern), 10_000, 0),
  };
}

function ownFolders(): string[] {
  return readdirSync(tmpdir()).filter((name) => name.startsWith("lubdub-hil-"));
}

describe("exec target", () => {
  it("writes configuration and bundle into flash byte for byte and tells the version", async () => {
    const target = await targetFor("silent");
    expect(await target.prepare('{"a":1}', bundle)).toBe("2vFAKE");
  });

  it("writes flash in scripts that fit into a small memory", () => {
    const scripts = flashScripts(".bootcde", Buffer.from(bundle.text, "latin1"));
    expect(scripts.length).toBe(3);
    expect(Math.max(...scripts.map((script) => script.length))).toBeLessThan(16_000);
  });

  it("reports a program that is no interpreter", async () => {
    const target = await createExecTarget("/bin/false");
    cleanups.push(() => target.dispose());
    await expect(target.prepare("{}", bundle)).rejects.toThrow(
      "cannot write flash: interpreter ended with exit code 1",
    );
  });

  it("reports a program that runs scripts and keeps nothing", async () => {
    const target = await createExecTarget("/bin/true");
    cleanups.push(() => target.dispose());
    await expect(target.prepare("{}", bundle)).rejects.toThrow("does not stand in flash");
  });

  it("reports an early end with its exit code", async () => {
    const { exit } = await boot(await targetFor("early"));
    expect(await exit).toBe("interpreter ended with exit code 3");
  });

  it("reports a crash with its signal", async () => {
    const { exit } = await boot(await targetFor("crash"));
    expect(await exit).toBe("interpreter ended with SIGSEGV");
  });

  it("ends a console flood", async () => {
    const { exit } = await boot(await targetFor("flood"));
    expect(await exit).toMatch(/^console flood/);
  });

  it("ends a hung process when it is halted, without reporting an end", async () => {
    const target = await targetFor("hang");
    const { exit, line } = await boot(target);
    const early = exit.then(
      () => "reported",
      () => "silent",
    );
    await line(/app boot/);
    await target.halt();
    expect(await Promise.race([early, Promise.resolve("silent")])).toBe("silent");
  });

  it("types lines without echo", async () => {
    const target = await targetFor("echo");
    const { line } = await boot(target);
    target.send("lubdub.stop()");
    expect(await line(/^got /)).toBe("got lubdub.stop()");
  });

  it("removes its folder", async () => {
    const before = ownFolders();
    const target = await targetFor("silent");
    expect(ownFolders().length).toBe(before.length + 1);
    await boot(target);
    await target.dispose();
    expect(ownFolders()).toEqual(before);
  });
});

describe("interpreter check", () => {
  it.each([
    ["a path where nothing is", "/nowhere/espruino", "there is no interpreter at"],
    ["a folder", tmpdir(), "is not a file"],
  ])("refuses %s", (_name, file, text) => {
    expect(() => checkInterpreter(file)).toThrow(text);
  });

  it("refuses a file that is not executable", () => {
    const folder = mkdtempSync(path.join(tmpdir(), "lubdub-check-"));
    cleanups.push(() => rmSync(folder, { recursive: true }));
    const file = path.join(folder, "espruino");
    writeFileSync(file, "");
    chmodSync(file, 0o644);
    expect(() => checkInterpreter(file)).toThrow("is not executable");
  });
});
