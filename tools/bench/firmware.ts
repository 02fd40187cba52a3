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
//   growth        least JsVars online after N connections that failed, less that before; beside it
//                 what of the variables is more or less, by the way to them.
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
import { FAILURES, FAILURES_AT_ONCE, RADIO_FILE } from "./firmware-failures.ts";
import type { Failure } from "./firmware-failures.ts";
import type { BenchServer } from "./firmware-server.ts";
import { changesOf } from "./firmware-variables.ts";
import type { Variables } from "./firmware-variables.ts";
import { bundleSubjects, peerSubjects } from "./firmware-subjects.ts";
import type { Conditions, Program, Subject } from "./firmware-subjects.ts";

interface BenchOptions {
  interpreter?: string;
  peers?: string;
  reconnects: number;
  faketime?: string;
  failures?: Failure[];
  only?: string[];
  json?: boolean;
}

/** JsVars in use with the code in one place. */
interface Vars {
  connected: number;
  afterBeats: number;
}

/** What is more after connections that failed, JsVars. */
interface Growth {
  all: number;
  /** What is more or less, by the way to it; empty when nothing is. */
  changes: [way: string, jsvars: number][];
}

interface Settled {
  vars: number;
  variables: Variables;
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
  growth: { [failure: string]: Growth | string };
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
/**
 * Interval under valgrind, fifty times slower than the processor, s. A beat must be over when the
 * next is due, or what is counted is a board that keeps beats for later and sends old ones.
 */
const VALGRIND_SEC = 2.5;
const VALGRIND_MS = 180_000;
const COUNTED = "jspExecuteFunction";
/** Failures in a row, without and with --faketime. */
const FAILURES_IN_A_ROW = 4;
const FAKE_FAILURES_IN_A_ROW = 20;
/**
 * How long it is left alone then, by its own clock, ms, so that its patience stays short: with
 * --faketime, where there may be many failures.
 */
const REST_MS = 40_000;
const WARM_UP = 2;
/** A block that is long for the board, also by its own clock, ms. */
const PAUSE_MS = 1500;
/** After so long without a failure a board is let down again, ms. */
const AGAIN_MS = 10_000;
/** Bound of so many failures, and of the way back, ms. */
const FAILURE_MS = 120_000;
/** Time that passes first with --faketime, in steps that the board does not take for a changed clock. */
const SKIPS = 60;
const SKIP_SEC = 200;
const SKIP_MS = 200;
/**
 * Offline for so long first with --faketime, in real time, that the outbox is on its third page: a
 * page of 4,096 bytes takes 224 beats, and its places are counted beyond 8,191 then.
 */
const AWAY_MS = 240_000;
/** Readings are compared that take so long, ms, until so many equal the one before. */
const READING_MS = 5000;
const EQUAL_READINGS = 2;
const READINGS = 40;
/** How often it tells, in real time: telling collects garbage, ms. */
const TELL_MS = 50;
/** How many times faster a board's clock runs while it reconnects with --faketime. */
const SPEED = 10;
/** Bound of a connection that may fail, s: without and with --faketime. */
const SHORT_SEC = 1;
const SHORT_FAKE_SEC = 10;
/** Boards at once: they mostly wait. */
const AT_ONCE = 6;

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
  dripMs = 0,
): Promise<T> {
  const server = await startBenchServer(carrier, dripMs);
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

function boardOf(program: Program, server: BenchServer, isFlash: boolean, intervalSec: number) {
  const conditions = { intervalSec, connectSec: PATIENT_SEC };
  return isFlash
    ? { flash: program.flash(server, conditions) }
    : program.memory(server, conditions);
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
    const conditions = { intervalSec: VALGRIND_SEC, connectSec: PATIENT_SEC };
    const board = { interpreter, flash: program.flash(server, conditions), tells: false };
    const options = { ...board, prefix: [...prefix, `--callgrind-out-file={folder}/${out}`] };
    return withBoard(options, async (running) => {
      await server.untilBeats(beats, VALGRIND_MS);
      // Between two beats: what this one still does is over.
      await sleepMs((VALGRIND_SEC * 1000) / 2);
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

/** JsVars once they stay the same, and no more heartbeats come than are made: none waits. */
async function settledVars(board: Board, server: BenchServer): Promise<Settled> {
  const most = READING_MS / (FAST_SEC * 1000) + 2;
  let vars = 0;
  let equal = 0;
  for (let i = 0; i < READINGS; i++) {
    const before = vars;
    const beats = server.beats();
    vars = await board.leastVars(READING_MS);
    equal = vars === before && server.beats() - beats <= most ? equal + 1 : 0;
    if (equal === EQUAL_READINGS) return { vars, variables: await board.variables(vars) };
  }
  throw new AppError("E_BENCH", `no rest after ${READINGS} readings, the last was ${vars} JsVars`);
}

async function measureGrowth(
  interpreter: string,
  program: Program,
  failure: Failure,
  { reconnects, faketime }: BenchOptions,
): Promise<Growth> {
  const speed = faketime ? SPEED : 1;
  const connectSec = faketime ? SHORT_FAKE_SEC : SHORT_SEC;
  const inARow = faketime ? FAKE_FAILURES_IN_A_ROW : FAILURES_IN_A_ROW;
  const conditions: Conditions = { intervalSec: FAST_SEC * speed, connectSec, failure };
  // Others' modules say nothing: there connections are counted, and beats that arrive.
  const { lines } = program;
  const counts = {
    ...(lines ?? { failed: /Connect failed/ }),
    // Whatever the connection is doing then.
    ...(failure === "wifi" && { failed: / wifi down reason=(8|settling)/ }),
  };
  return withServer(
    program,
    async (server) => {
      const flash = program.flash(server, conditions);
      const tells = { tells: true, tellMs: TELL_MS * speed, dumps: true };
      const board = { interpreter, flash, ...tells, counts };
      const clock = faketime && { faketimeFile: faketime, speed };
      return withBoard({ ...board, ...(clock && { clock }) }, async (running) => {
        const failures = (): number =>
          running.counted("failed") + (lines ? 0 : server.connections());
        const lasts = failure === "wifi" || !(failure in FAILURES_AT_ONCE);
        /** Beyond one that was on its way. */
        const successes = (): number => (lines ? running.counted("online") : server.beats() - 1);

        async function until(count: () => number, wanted: number, what: string): Promise<void> {
          const endMs = performance.now() + FAILURE_MS;
          while (count() < wanted) {
            if (performance.now() > endMs)
              throw new AppError("E_BENCH", `${what}: ${count()} of ${wanted}`);
            await sleepMs(10);
          }
        }

        /** Lets it down until so many connections have failed, and waits until it is back. */
        async function begin(count: number): Promise<number> {
          const from = failures();
          // What fails once may be back before its failure is seen; what lasts is not back before it
          // is healed.
          let online = successes();
          const heals = [await server.fail(failure)];
          running.put(RADIO_FILE, failure === "wifi" ? "0" : "1");
          // What is done to connections once may have met none, on a busy machine.
          const again = setInterval(() => {
            if (!lasts) void server.fail(failure).then((heal) => heals.push(heal));
          }, AGAIN_MS);
          await until(failures, from + count, "failures").finally(() => clearInterval(again));
          const failed = failures() - from;
          if (lasts) online = successes();
          running.put(RADIO_FILE, "1");
          for (const heal of heals) await heal();
          await until(successes, online + 1, "connections");
          return failed;
        }
        async function letDown(count: number): Promise<number> {
          const atOnce = FAILURES_AT_ONCE[failure] ?? count;
          let failed = 0;
          while (failed < count) failed += await begin(Math.min(atOnce, count));
          await rest();
          return failed;
        }
        /** Until it has been online for so long, or its patience would grow from time to time. */
        async function rest(): Promise<void> {
          let from = faketime === undefined ? failures() : -1;
          while (from !== failures()) {
            from = failures();
            await sleepMs(REST_MS / speed);
          }
        }

        running.put(RADIO_FILE, "1");
        await server.untilBeats(1, CONNECT_MS);
        // What is counted at all has been counted once: on a busy machine a block may come any time.
        await running.pause(PAUSE_MS);
        // Seconds are counted, too, and a number beyond 8,191 has a JsVar of its own.
        const skips = faketime ? SKIPS : 0;
        for (let i = 0; i < skips; i++) {
          running.skip(SKIP_SEC);
          await sleepMs(SKIP_MS);
        }
        if (faketime !== undefined) {
          const online = successes();
          const heal = await server.fail("refused");
          await sleepMs(AWAY_MS);
          await heal();
          await until(successes, online + 1, "connections");
          await rest();
        }
        for (let i = 0; i < WARM_UP; i++) await letDown(inARow);
        const before = await settledVars(running, server);
        for (let failed = 0; failed < reconnects;)
          failed += await letDown(Math.min(inARow, reconnects - failed));
        const after = await settledVars(running, server);
        return {
          all: after.vars - before.vars,
          changes: changesOf(before.variables, after.variables),
        };
      });
    },
    // Two bytes are too late, whatever the answer.
    (connectSec * 800) / speed,
  );
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
  const { failures } = options;
  if (!failures) {
    [row.flash, row.memory] = await Promise.all([
      orReason(() => measureVars(interpreter, program, true, bare.flash)),
      orReason(() => measureVars(interpreter, program, false, bare.memory)),
    ]);
    row.instructions = hasValgrind()
      ? await orReason(() => measureInstructions(interpreter, program))
      : "valgrind is not installed";
  }
  if (options.reconnects > 0) {
    const left = program.failures.filter((failure) => !failures || failures.includes(failure));
    const kinds = [...left];
    const work = async (): Promise<void> => {
      for (let failure = left.shift(); failure; failure = left.shift()) {
        const kind = failure;
        row.growth[kind] = await orReason(() => measureGrowth(interpreter, program, kind, options));
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    row.growth = Object.fromEntries(kinds.map((kind) => [kind, row.growth[kind] ?? "not run"]));
  }
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
  const growthOf = (growth: Growth | string | undefined, what: string): string => {
    if (typeof growth !== "object") return cell(growth, what);
    for (const [way, jsvars] of growth.changes)
      reasons.push(`${what}: ${jsvars > 0 ? "+" : ""}${jsvars} ${way}`);
    return number(growth.all);
  };
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
        text += line([name, ...failures.map((f) => growthOf(growth[f], `${name}, growth, ${f}`))]);
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
  .addOption(
    new Option("--failures <kind...>", "only what is lost by failures of these kinds").choices(
      FAILURES,
    ),
  )
  .option("--only <name...>", "only these programs")
  .option("--json", "print figures as JSON")
  .action(run);
process.exitCode = await runCommand(program, process.argv.slice(2));
