// SPDX-License-Identifier: MIT
// The interpreter as a process of this machine, as the bench needs it: with files in its flash, with
// its code run from there or from memory, and with a script beside it that tells how many JsVars are
// in use. It keeps its flash in its working folder, which goes with it.
import { spawn } from "node:child_process";
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { sleepMs } from "../lib/cli.ts";
import { AppError } from "../lib/errors.ts";
import { readVariables } from "./firmware-variables.ts";
import type { Variables } from "./firmware-variables.ts";

/** What a board is given. */
export interface BoardOptions {
  /** Path of the interpreter. */
  interpreter: string;
  /** Files in its flash, one character per byte; `.bootcde` runs at its start. */
  flash: { [name: string]: string };
  /** Run from memory instead of what is in flash. */
  script?: string;
  /** Whether a script beside it tells the JsVars in use. */
  tells: boolean;
  /** How often, by its own clock, ms; 100 unless given. */
  tellMs?: number;
  /** Whether that script can tell what the JsVars are, too; then timers are numbered from 8,192 on. */
  dumps?: boolean;
  /** Lines of its console that are counted, by name. */
  counts?: { [name: string]: RegExp };
  /** A program, with its arguments, that runs the interpreter: `{folder}` is the working folder. */
  prefix?: readonly string[];
  /** A clock of its own, by libfaketime: how many times as fast as the machine's. */
  clock?: { faketimeFile: string; speed: number };
}

/** A running board. */
export interface Board {
  readonly pid: number;
  /** Last lines of its console, without what is told. */
  readonly lines: readonly string[];
  /** Lines so far that were to be counted by that name. */
  counted(name: string): number;
  /** Waits for so long and gives the least of what was told meanwhile. */
  leastVars(forMs: number): Promise<number>;
  /** Tells what the JsVars are at the next time that so many are in use. */
  variables(jsvars: number): Promise<Variables>;
  /** Lets so much time pass at once on a clock of its own. */
  skip(sec: number): void;
  /** Lets it stand still for so long. */
  pause(forMs: number): Promise<void>;
  /** Writes a file into its folder, whole or not at all. */
  put(name: string, text: string): void;
  /** Text of the files of its folder whose names begin so, in the order of their names. */
  filesOf(prefix: string): string[];
  /** Ends the process, whatever it does, and removes the folder. */
  close(): Promise<void>;
}

const TELL_MS = 100;
const PREPARE_MS = 20_000;
/** File in its folder that a clock of its own is read from. */
const CLOCK_FILE = "clock";
/** File in its folder with the number of JsVars at which they are dumped; the line after a dump. */
const DUMP_FILE = "dump";
const DUMPED = "DUMPED";
/** Bound for so many JsVars to be in use again, ms. */
const DUMP_MS = 60_000;
/** Pause between looks at a process that prepares the flash, ms. */
const LOOK_MS = 20;
/** Bound for a board on a busy machine to tell anything, ms. */
const SILENT_MS = 20_000;
/** Bytes per script that writes flash: the script has to fit into the memory as well. */
const SCRIPT_BYTES = 12_000;
const KEPT_LINES = 1000;

const DECORATION = /^>|\x1b\[[0-9;]*[A-Za-z]|[^ -~]/g;

/** Every process that is alive, so that none outlives this one. */
const alive = new Set<ChildProcessWithoutNullStreams>();
process.on("exit", () => {
  for (const child of alive) child.kill("SIGKILL");
});

/**
 * Timers are numbered, and a number beyond 8,191 is not kept beside its name but in a JsVar of its own:
 * so all of them are. One that stays keeps the count.
 */
const COUNT_TIMERS = `(function(){var f=function(){},n,o;for(var i=0;i<8192;i++){n=setTimeout(f,1e12);if(o)clearTimeout(o);o=n}})();`;

/**
 * The script that tells. The time that is left of a timer has a JsVar of its own, but for the last
 * eight milliseconds, when it fits beside its name: it is not told, so that equal states count equal.
 */
const tellerOf = (everyMs: number, dumps: boolean): string =>
  (dumps ? COUNT_TIMERS : "") +
  `setInterval(function(d){var n=process.memory().usage,t=global["\\xFF"].timers;` +
  `for(var i in t)if(t[i].time>8191||t[i].time<-8192)n--;print("JSVARS",n);` +
  `if(d&&require("fs").readFileSync("${DUMP_FILE}")==n){d();print("${DUMPED}")}},` +
  `${everyMs}${dumps ? ",E.dumpVariables" : ""});`;

function start(
  options: BoardOptions,
  folder: string,
  args: string[],
  onLine: (line: string) => void,
): ChildProcessWithoutNullStreams {
  const prefix = (options.prefix ?? []).map((part) => part.replace("{folder}", folder));
  const [command, ...rest] = [...prefix, options.interpreter, ...args] as [string, ...string[]];
  const child = spawn(command, rest, {
    cwd: folder,
    stdio: "pipe",
    env: {
      ...process.env,
      ...(options.clock && {
        LD_PRELOAD: options.clock.faketimeFile,
        FAKETIME_TIMESTAMP_FILE: path.join(folder, CLOCK_FILE),
        FAKETIME_NO_CACHE: "1",
        FAKETIME_DONT_FAKE_MONOTONIC: "1",
      }),
    },
  });
  alive.add(child);
  child.on("close", () => alive.delete(child));
  child.on("error", () => alive.delete(child));
  child.stdin.on("error", () => {});
  let open = "";
  const take = (bytes: Buffer): void => {
    const parts = (open + bytes.toString("latin1")).split("\n");
    open = parts.pop() as string;
    for (const part of parts) onLine(part.replace(DECORATION, ""));
  };
  child.stdout.on("data", take);
  child.stderr.on("data", take);
  return child;
}

async function stop(child: ChildProcessWithoutNullStreams): Promise<void> {
  // It ignores SIGTERM.
  child.kill("SIGKILL");
  while (alive.has(child)) await sleepMs(LOOK_MS);
}

/** Writes files into the flash of a folder; `E_BENCH` when one does not stand there afterwards. */
async function writeFlash(options: BoardOptions, folder: string): Promise<void> {
  const { clock: _clock, ...plain } = options;
  const scripts: string[] = [];
  for (const [name, text] of Object.entries(options.flash))
    for (let at = 0; at < text.length; at += SCRIPT_BYTES) {
      const part = Buffer.from(text.slice(at, at + SCRIPT_BYTES), "latin1").toString("base64");
      const write = `S.write(${JSON.stringify(name)},atob("${part}"),${at},${text.length});`;
      scripts.push(`var S=require("Storage");${write}print("written "+S.getFree());`);
    }
  for (const script of scripts) {
    writeFileSync(path.join(folder, "prelude.js"), script, "latin1");
    const lines: string[] = [];
    const child = start({ ...plain, prefix: [] }, folder, ["prelude.js"], (line) =>
      lines.push(line),
    );
    const endMs = performance.now() + PREPARE_MS;
    // With nothing left to do a script's process ends.
    while (alive.has(child) && performance.now() < endMs) await sleepMs(LOOK_MS);
    await stop(child);
    if (!lines.some((line) => line.startsWith("written ")))
      throw new AppError("E_BENCH", `cannot write flash: ${lines.at(-1) ?? "no output"}`);
  }
}

/** Starts a board. */
export async function startBoard(options: BoardOptions): Promise<Board> {
  const folder = mkdtempSync(path.join(tmpdir(), "lubdub-bench-"));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  const lines: string[] = [];
  let told: number[] = [];
  let dump: string[] = [];
  let dumps: string[][] = [];
  const counted: { [name: string]: number } = {};
  const teller = options.tells ? tellerOf(options.tellMs ?? TELL_MS, !!options.dumps) : "";
  const isFlash = options.script === undefined;
  let child: ChildProcessWithoutNullStreams;
  let skippedSec = 0;
  function put(name: string, text: string): void {
    const file = path.join(folder, name);
    writeFileSync(`${file}.new`, text, "latin1");
    renameSync(`${file}.new`, file);
  }
  const setClock = (): void => put(CLOCK_FILE, `+${skippedSec} x${options.clock?.speed}`);
  try {
    const flash = { ...options.flash, ...(isFlash && teller && { ".boot0": teller }) };
    await writeFlash({ ...options, flash }, folder);
    if (!isFlash)
      writeFileSync(path.join(folder, "main.js"), `${teller}\n${options.script}`, "latin1");
    if (options.clock) setClock();
    put(DUMP_FILE, "");
    child = start(options, folder, isFlash ? [] : ["main.js"], (line) => {
      const vars = /^JSVARS (\d+)$/.exec(line)?.[1];
      if (vars !== undefined) told.push(Number(vars));
      else if (line === DUMPED) {
        dumps.push(dump);
        dump = [];
      } else if (/^\d+,\d+,/.test(line)) dump.push(line);
      else if (line) {
        for (const [name, pattern] of Object.entries(options.counts ?? {}))
          if (pattern.test(line)) counted[name] = (counted[name] ?? 0) + 1;
        lines.push(line);
        if (lines.length > KEPT_LINES) lines.shift();
      }
    });
  } catch (error) {
    remove();
    throw error;
  }

  return {
    pid: child.pid ?? 0,
    lines,
    counted: (name) => counted[name] ?? 0,
    pause: async (forMs) => {
      child.kill("SIGSTOP");
      await sleepMs(forMs);
      child.kill("SIGCONT");
    },
    skip: (sec) => {
      skippedSec += sec;
      setClock();
    },
    put,
    leastVars: async (forMs) => {
      told = [];
      await sleepMs(forMs);
      const endMs = performance.now() + SILENT_MS;
      while (told.length === 0 && performance.now() < endMs) await sleepMs(LOOK_MS);
      if (told.length === 0)
        throw new AppError("E_BENCH", `the board is silent: ${lines.at(-1) ?? "no output"}`);
      return Math.min(...told);
    },
    variables: async (jsvars) => {
      dumps = [];
      put(DUMP_FILE, String(jsvars));
      const endMs = performance.now() + DUMP_MS;
      while (dumps.length === 0 && performance.now() < endMs) await sleepMs(LOOK_MS);
      put(DUMP_FILE, "");
      const [whole] = dumps;
      if (!whole) throw new AppError("E_BENCH", `${jsvars} JsVars were not in use again`);
      return readVariables(whole);
    },
    filesOf: (prefix) =>
      readdirSync(folder)
        .filter((name) => name.startsWith(prefix))
        .sort()
        .map((name) => readFileSync(path.join(folder, name), "latin1")),
    close: async () => {
      await stop(child);
      remove();
    },
  };
}
