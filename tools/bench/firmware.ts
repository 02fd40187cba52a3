// SPDX-License-Identifier: MIT
// `npm run bench:firmware -- --interpreter PATH [--peers DIR]`: what each bundle, and the modules of
// others, take on the real interpreter: bytes, JsVars, instructions of a heartbeat, and what is lost
// by reconnecting. What is counted:
//
//   JsVars        `process.memory().usage`, which collects garbage first, less what the same script
//                 beside an empty board tells: what the program adds to the interpreter.
//   instructions  of the interpreter's process within calls of functions of the program (its
//                 `jspExecuteFunction`), counted by callgrind: all that runs from tick to bytes
//                 handed to write, nothing of the idle loop. Two run lengths, difference by beat.
//   growth        least JsVars online after N connections that failed, less that before.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import path from "node:path";
import { Command, Option } from "commander";
import { parseCount, quietPipes, runCommand, sleepMs } from "../lib/cli.ts";
import { AppError, errorText, usageError } from "../lib/errors.ts";
import { startBoard } from "./firmware-board.ts";
import type { Board, BoardOptions } from "./firmware-board.ts";
import { startBenchServer } from "./firmware-server.ts";
import type { BenchServer, Failure } from "./firmware-server.ts";
import { bundleSubjects, peerSubjects } from "./firmware-subjects.ts";
import type { Program, Subject } from "./firmware-subjects.ts";

interface BenchOptions {
  interpreter?: string;
  peers?: string;
  reconnects: number;
  faketime?: string;
  only?: string[];
  json?: boolean;
}

/** JsVars in use with the code in one place. */
interface Vars {
  connected: number;
  afterBeats: number;
}

/** Figures of one subject; a text in place of one says why there is none. */
interface Row {
  name: string;
  sha256?: string;
  codeBytes: number;
  flash?: Vars | string;
  memory?: Vars | string;
  instructions?: number | string;
  /** By way of failing. */
  growth: { [failure: string]: number | string };
}

const BEATS = 20;
const INTERVAL_SEC = 1;
/** Interval where many beats are wanted, s. */
const FAST_SEC = 0.5;
const CONNECT_MS = 20_000;
/** Bound of a connection that must not fail, s. */
const PATIENT_SEC = 60;
/** A beat's own memory is given back within so long, ms. */
const QUIET_MS = 800;
const RUN_BEATS: readonly [number, number] = [5, 25];
/** valgrind is fifty times slower than the processor. */
const VALGRIND_MS = 180_000;
const COUNTED = "jspExecuteFunction";
/** Failures in a row before the board is left alone, so that its patience stays short. */
const FAILURES_IN_A_ROW = 3;
const WARM_UP = 2;
const FAILURE_MS = 60_000;
const ONLINE_MS = 3000;
/** How many times faster a board's clock runs while it reconnects with --faketime. */
const SPEED = 10;

/** Runs a board, with whatever happens to it told by its last line. */
async function withBoard<T>(options: BoardOptions, use: (board: Board) => Promise<T>): Promise<T> {
  const board = await startBoard(options);
  try {
    return await use(board);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    throw new AppError(error.code, `${errorText(error)}; last line: ${board.lines.at(-1)}`);
  } finally {
    await board.close();
  }
}

async function withServer<T>(
  { carrier }: Program,
  use: (server: BenchServer) => Promise<T>,
): Promise<T> {
  const server = await startBenchServer(carrier);
  try {
    return await use(server);
  } finally {
    await server.close();
  }
}

/** What is told on a board without a program, with the code in flash or in memory. */
async function bareVars(interpreter: string, isFlash: boolean): Promise<number> {
  const options = { interpreter, flash: {}, tells: true, ...(!isFlash && { script: "" }) };
  return withBoard(options, async (board) => {
    await board.leastVars(QUIET_MS);
    return board.leastVars(QUIET_MS);
  });
}

function boardOf(program: Program, server: BenchServer, isFlash: boolean, sec: number) {
  return isFlash
    ? { flash: program.flash(server, sec, PATIENT_SEC) }
    : program.memory(server, sec, PATIENT_SEC);
}

async function measureVars(
  interpreter: string,
  program: Program,
  isFlash: boolean,
  bare: number,
): Promise<Vars> {
  return withServer(program, async (server) => {
    const files = boardOf(program, server, isFlash, INTERVAL_SEC);
    return withBoard({ interpreter, ...files, tells: true }, async (board) => {
      await server.untilConnections(1, CONNECT_MS);
      const connected = await board.leastVars((INTERVAL_SEC * 1000) / 2);
      await server.untilBeats(BEATS, CONNECT_MS + BEATS * INTERVAL_SEC * 2000);
      const afterBeats = await board.leastVars(QUIET_MS);
      return { connected: connected - bare, afterBeats: afterBeats - bare };
    });
  });
}

/** Counts the instructions until so many beats; gives both. */
async function runUnderValgrind(
  interpreter: string,
  program: Program,
  beats: number,
): Promise<{ beats: number; instructions: number }> {
  const out = "callgrind.out";
  const prefix = ["valgrind", "--tool=callgrind", `--toggle-collect=${COUNTED}`];
  return withServer(program, async (server) => {
    const board = {
      interpreter,
      flash: program.flash(server, FAST_SEC, PATIENT_SEC),
      tells: false,
    };
    const options = { ...board, prefix: [...prefix, `--callgrind-out-file={folder}/${out}`] };
    return withBoard(options, async (running) => {
      await server.untilBeats(beats, VALGRIND_MS);
      // Between two beats: what this one still does is over.
      await sleepMs((FAST_SEC * 1000) / 2);
      const seen = server.beats();
      const dump = spawnSync("callgrind_control", ["-d", String(running.pid)], {
        encoding: "utf8",
      });
      const total = running
        .filesOf(out)
        .map((text) => /^(?:summary|totals): (\d+)/m.exec(text)?.[1])
        .find((text) => text !== undefined);
      if (total === undefined)
        throw new AppError("E_BENCH", `callgrind counted nothing: ${dump.stderr || dump.stdout}`);
      return { beats: seen, instructions: Number(total) };
    });
  });
}

async function measureInstructions(interpreter: string, program: Program): Promise<number> {
  const first = await runUnderValgrind(interpreter, program, RUN_BEATS[0]);
  const second = await runUnderValgrind(interpreter, program, RUN_BEATS[1]);
  return Math.round((second.instructions - first.instructions) / (second.beats - first.beats));
}

async function measureGrowth(
  interpreter: string,
  program: Program,
  failure: Failure,
  { reconnects, faketime }: BenchOptions,
): Promise<number> {
  const env = faketime && {
    LD_PRELOAD: faketime,
    FAKETIME: `+0 x${SPEED}`,
    FAKETIME_NO_CACHE: "1",
    FAKETIME_DONT_FAKE_MONOTONIC: "1",
  };
  return withServer(program, async (server) => {
    const flash = program.flash(
      server,
      faketime ? FAST_SEC * SPEED : FAST_SEC,
      faketime ? SPEED : 1,
    );
    const board = { interpreter, flash, tells: true, ...(env && { env }) };
    return withBoard(board, async (running) => {
      let failed = 0;
      /** Attempts; nobody counts those to a port that is closed but the board itself. */
      const attempts = (): number =>
        failure === "refused"
          ? running.lines.filter((line) => /\bE_NET\b|Connect failed/.test(line)).length
          : server.connections();
      async function letDown(count: number): Promise<void> {
        const from = attempts();
        const heal = await server.fail(failure);
        const endMs = performance.now() + FAILURE_MS;
        while (attempts() - from < count) {
          if (performance.now() > endMs)
            throw new AppError("E_BENCH", `${attempts() - from} of ${count} failures`);
          await sleepMs(10);
        }
        failed += attempts() - from;
        await heal();
        await server.untilBeats(server.beats() + 2, FAILURE_MS);
      }
      await server.untilBeats(1, CONNECT_MS);
      for (let i = 0; i < WARM_UP; i++) await letDown(FAILURES_IN_A_ROW);
      const before = await running.leastVars(ONLINE_MS);
      failed = 0;
      while (failed < reconnects) await letDown(Math.min(FAILURES_IN_A_ROW, reconnects - failed));
      return (await running.leastVars(ONLINE_MS)) - before;
    });
  });
}

/** A figure, or why there is none. */
async function orReason<T>(take: () => Promise<T>): Promise<T | string> {
  try {
    return await take();
  } catch (error) {
    if (error instanceof AppError) return errorText(error);
    throw error;
  }
}

function hasValgrind(): boolean {
  return ["valgrind", "callgrind_control"].every(
    (program) => spawnSync(program, ["--version"]).error === undefined,
  );
}

async function measure(
  interpreter: string,
  subject: Subject,
  bare: { flash: number; memory: number },
  options: BenchOptions,
): Promise<Row> {
  const { name, sha256, codeBytes, program } = subject;
  const row: Row = { name, ...(sha256 !== undefined && { sha256 }), codeBytes, growth: {} };
  if (!program) return row;
  [row.flash, row.memory] = await Promise.all([
    orReason(() => measureVars(interpreter, program, true, bare.flash)),
    orReason(() => measureVars(interpreter, program, false, bare.memory)),
  ]);
  row.instructions = hasValgrind()
    ? await orReason(() => measureInstructions(interpreter, program))
    : "valgrind is not installed";
  if (options.reconnects > 0)
    for (const failure of program.failures)
      row.growth[failure] = await orReason(() =>
        measureGrowth(interpreter, program, failure, options),
      );
  return row;
}

const line = (texts: readonly string[]): string => `| ${texts.join(" | ")} |\n`;
const number = (value: number): string => value.toLocaleString("en");

function table(rows: readonly Row[], reconnects: number): string {
  const reasons: string[] = [];
  const cell = (value: number | string | undefined, what: string): string => {
    if (value === undefined) return "";
    if (typeof value === "number") return number(value);
    reasons.push(`${what}: ${value}`);
    return "-";
  };
  const varsOf = (vars: Vars | string | undefined, what: string): string[] =>
    typeof vars === "object"
      ? [number(vars.connected), number(vars.afterBeats)]
      : [cell(vars, what), ""];
  const heads = [
    "",
    "bytes",
    "JsVars connected, flash",
    `after ${BEATS} beats`,
    "JsVars connected, RAM",
    `after ${BEATS} beats`,
    "instructions a beat",
  ];
  let text = line(heads) + line(heads.map((_, index) => (index === 0 ? "---" : "---:")));
  for (const row of rows)
    text += line([
      row.name,
      number(row.codeBytes),
      ...varsOf(row.flash, `${row.name}, JsVars`),
      ...varsOf(row.memory, `${row.name}, JsVars with code in RAM`),
      cell(row.instructions, `${row.name}, instructions`),
    ]);
  const failures = [...new Set(rows.flatMap(({ growth }) => Object.keys(growth)))];
  if (failures.length > 0) {
    text += `\nJsVars more after ${reconnects} reconnects:\n\n`;
    text += line(["", ...failures]) + line(["---", ...failures.map(() => "---:")]);
    for (const { name, growth } of rows)
      if (Object.keys(growth).length > 0)
        text += line([name, ...failures.map((f) => cell(growth[f], `${name}, growth, ${f}`))]);
  }
  return reasons.length > 0 ? `${text}\n${reasons.join("\n")}\n` : text;
}

function machine(): string {
  const { model = "unknown", length } = { ...cpus()[0], length: cpus().length };
  return `${model}, ${length} cores, ${Math.round(totalmem() / 2 ** 30)} GB`;
}

async function versionOf(interpreter: string): Promise<string> {
  const script = 'print("VERSION "+process.version);';
  return withBoard({ interpreter, flash: {}, script, tells: true }, async (board) => {
    await board.leastVars(QUIET_MS);
    const said = board.lines.find((text) => text.startsWith("VERSION "));
    return said?.slice("VERSION ".length) ?? "unknown";
  });
}

async function run(options: BenchOptions): Promise<void> {
  if (options.interpreter === undefined) throw usageError("--interpreter is missing");
  const interpreter = path.resolve(options.interpreter);
  if (!existsSync(interpreter)) throw usageError(`there is no interpreter at ${interpreter}`);
  const all = [
    ...bundleSubjects(),
    ...(options.peers === undefined ? [] : await peerSubjects(options.peers)),
  ];
  const { only, reconnects } = options;
  const subjects = all.filter(({ name }) => !only || only.includes(name));
  if (subjects.length === 0)
    throw usageError(`nothing to measure; there are ${all.map(({ name }) => name).join(", ")}`);

  const bare = {
    flash: await bareVars(interpreter, true),
    memory: await bareVars(interpreter, false),
  };
  const rows: Row[] = [];
  for (const subject of subjects) rows.push(await measure(interpreter, subject, bare, options));
  const head = {
    interpreter: await versionOf(interpreter),
    measured_at: new Date().toISOString().slice(0, 10),
    machine: machine(),
    bare_jsvars: bare.flash,
    beats: BEATS,
    reconnects,
  };
  process.stdout.write(
    options.json
      ? `${JSON.stringify({ ...head, subjects: rows }, null, 2)}\n`
      : `${head.machine}, interpreter ${head.interpreter}, ${head.measured_at}; ` +
          `JsVars above the ${head.bare_jsvars} of an empty board\n\n${table(rows, reconnects)}`,
  );
}

quietPipes();
const program = new Command("bench:firmware")
  .description("measures the bundles on the real interpreter, beside modules of others")
  .exitOverride()
  .option("--interpreter <file>", "the interpreter's Linux build, 32 bits")
  .option("--peers <folder>", "folder with MQTT.js, ws.js, hmac.js and sntp.js")
  .addOption(
    new Option("--reconnects <n>", "failed connections of each kind; 0: none")
      .argParser(parseCount(0, 100_000))
      .default(10),
  )
  .option("--faketime <library>", "32-bit libfaketimeMT.so.1: boards reconnect ten times as fast")
  .option("--only <name...>", "only these")
  .option("--json", "print figures as JSON")
  .action(run);
process.exitCode = await runCommand(program, process.argv.slice(2));
