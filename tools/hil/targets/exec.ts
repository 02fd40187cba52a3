// SPDX-License-Identifier: MIT
// The interpreter as a process of this machine (its Linux build) as a target. It keeps its flash in
// `espruino.flash` of its working folder, so each target gets a folder of its own that goes with it.
//
// 1. Started with a script it runs that and ends: scripts write configuration and bundle into flash,
//    a few kilobytes each, and the last one reads them back and prints their hashes.
// 2. Started without one it boots from flash, like a board, and offers its console on stdin.
//
// It ignores SIGTERM and takes the end of stdin for endless input, so stdin stays open and the end
// is always SIGKILL to the process we started. Should this process die, the interpreter meets a
// closed pipe and dies by SIGPIPE.
import { spawn } from "node:child_process";
import type { ChildProcess, ChildProcessWithoutNullStreams } from "node:child_process";
import { createHash } from "node:crypto";
import { accessSync, constants, statSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { CONFIG_FILE } from "../../../firmware/wire/config.ts";
import type { Bundle } from "../../lib/bundle.ts";
import { sleepMs } from "../../lib/cli.ts";
import { AppError, errorText, usageError } from "../../lib/errors.ts";
import type { Target, TargetEvents } from "../../scenario/target.ts";
import { createConsoleReader } from "./console-reader.ts";

/** Bytes of flash content per script; the script itself has to fit into the interpreter's memory. */
const SCRIPT_BYTES = 8192;

/** Bytes per write; what the vendor's tools use. */
const CHUNK_BYTES = 1024;

/** Bound for one script, ms. */
const SCRIPT_MS = 20_000;

/** Bound for a killed process to be gone, ms. */
const KILL_MS = 2000;

/**
 * Pause between two typed characters, ms: longer than an idle pass of the interpreter. Its input
 * thread and its main loop share a queue without a lock (2v29.277); a line in one piece now and then
 * loses characters, or makes the queue repeat everything that went through it before.
 */
const KEY_GAP_MS = 15;

/** Every interpreter that is alive, so that none outlives this process. */
const alive = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of alive) child.kill("SIGKILL");
});

/** Fails with a usage error unless `file` is a program that can be started. */
export function checkInterpreter(file: string): void {
  try {
    if (!statSync(file).isFile()) throw usageError(`${file} is not a file`);
    accessSync(file, constants.X_OK);
  } catch (error) {
    if (error instanceof AppError) throw error;
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "EACCES") throw usageError(`${file} is not executable`);
    throw usageError(`there is no interpreter at ${file}`);
  }
}

/** Makes the scripts that write one file into flash. */
export function flashScripts(name: string, content: Buffer): string[] {
  const scripts: string[] = [];
  for (let start = 0; start < content.length; start += SCRIPT_BYTES) {
    const lines = ['var s=require("Storage");'];
    const end = Math.min(start + SCRIPT_BYTES, content.length);
    for (let at = start; at < end; at += CHUNK_BYTES) {
      const chunk = content.subarray(at, Math.min(at + CHUNK_BYTES, end)).toString("base64");
      lines.push(`s.write("${name}",atob("${chunk}"),${at},${content.length});`);
    }
    scripts.push(lines.join("\n"));
  }
  return scripts;
}

/** Prints a marked line per file with the hash of what stands in flash, and the version. */
function checkScript(names: string[]): string {
  const hash = (name: string): string =>
    `print("lubdub-flash",${JSON.stringify(name)},btoa(h(s.read(${JSON.stringify(name)}))));`;
  const head = 'var s=require("Storage"),h=require("crypto").SHA256;';
  return [head, ...names.map(hash), 'print("lubdub-version",process.version);'].join("\n");
}

/** Creates the target for the interpreter at `file`, which `checkInterpreter` has found usable. */
export async function createExecTarget(file: string): Promise<Target> {
  const folder = await mkdtemp(path.join(tmpdir(), "lubdub-hil-"));
  const program = path.resolve(file);
  let child: ChildProcessWithoutNullStreams | undefined;
  let typing = Promise.resolve();

  function start(
    args: string[],
    onLine: (line: string) => void,
    onExit: (how: string) => void,
  ): ChildProcessWithoutNullStreams {
    const started = spawn(program, args, { cwd: folder, stdio: "pipe" });
    alive.add(started);
    let how: string | undefined;
    let isOver = false;
    function over(text: string): void {
      alive.delete(started);
      if (isOver) return;
      isOver = true;
      onExit(text);
    }
    const reader = createConsoleReader(onLine, () => {
      how = "console flood: more than 1 MB within a second";
      started.kill("SIGKILL");
    });
    for (const stream of [started.stdout, started.stderr]) {
      stream.on("data", (bytes: Buffer) => reader.feed(bytes, Date.now()));
      stream.on("error", () => {});
    }
    // Typing to a process that has just ended.
    started.stdin.on("error", () => {});
    started.on("error", (error) => over(`cannot be started: ${errorText(error)}`));
    started.on("close", (code, signal) =>
      over(how ?? `interpreter ended with ${signal ?? `exit code ${code}`}`),
    );
    return started;
  }

  /** Runs one script to its end and gives the lines it printed. */
  async function runScript(text: string): Promise<string[]> {
    await writeFile(path.join(folder, "prelude.js"), text, "latin1");
    const lines: string[] = [];
    let settle: (how: string) => void = () => {};
    const end = new Promise<string>((resolve) => (settle = resolve));
    const running = start(["prelude.js"], (line) => lines.push(line), settle);
    const timer = setTimeout(() => {
      settle(`no end within ${SCRIPT_MS / 1000} s`);
      running.kill("SIGKILL");
    }, SCRIPT_MS);
    const how = await end;
    clearTimeout(timer);
    if (how !== "interpreter ended with exit code 0") {
      const said = lines.find((line) => line.startsWith("Uncaught")) ?? lines.at(-1);
      throw new AppError(
        "E_TARGET_PREPARE",
        `cannot write flash: ${how}${said ? `: ${said}` : ""}`,
      );
    }
    return lines;
  }

  async function prepare(configText: string, bundle: Bundle): Promise<string> {
    const files: [name: string, content: Buffer][] = [
      [CONFIG_FILE, Buffer.from(configText, "latin1")],
      [".bootcde", Buffer.from(bundle.text, "latin1")],
    ];
    for (const [name, content] of files)
      for (const script of flashScripts(name, content)) await runScript(script);
    const lines = await runScript(checkScript(files.map(([name]) => name)));
    for (const [name, content] of files) {
      const expected = createHash("sha256").update(content).digest("base64");
      if (!lines.includes(`lubdub-flash ${name} ${expected}`))
        throw new AppError("E_TARGET_PREPARE", `${name} does not stand in flash as it was written`);
    }
    const version = lines.find((line) => line.startsWith("lubdub-version "));
    return version?.slice("lubdub-version ".length) ?? "unknown";
  }

  async function halt(): Promise<void> {
    const killed = child;
    child = undefined;
    if (!killed || !alive.has(killed)) return;
    const isGone = new Promise<void>((resolve) => killed.once("close", () => resolve()));
    killed.kill("SIGKILL");
    let timer: NodeJS.Timeout | undefined;
    const bound = new Promise<void>((resolve) => (timer = setTimeout(resolve, KILL_MS)));
    await Promise.race([isGone, bound]);
    clearTimeout(timer);
  }

  async function typeKeys(typist: typeof child, keys: string): Promise<void> {
    for (const key of keys) {
      if (child !== typist) return;
      typist?.stdin.write(key);
      await sleepMs(KEY_GAP_MS);
    }
  }

  return {
    capabilities: ["console", "restart", "memory"],
    settings: {},
    prepare,
    boot: (events: TargetEvents) => {
      const booted = start(
        [],
        (line) => events.onLine(line),
        (how) => {
          if (child === booted) events.onExit(how);
        },
      );
      child = booted;
      return Promise.resolve();
    },
    send: (line) => {
      // The first sequence clears what a lost character may have left of the line before; 0x10 at
      // the start of a line: do not echo it.
      const keys = `\x1b[2H\x10${line}\n`;
      const typist = child;
      typing = typing.then(() => typeKeys(typist, keys));
    },
    halt,
    dispose: async () => {
      await halt();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
