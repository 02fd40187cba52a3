// SPDX-License-Identifier: MIT
// `npm run bench:sim`: how fast the simulator is and how much memory a board takes, as a table with
// machine and date. Each fleet is measured in a process of its own (measure.ts). Without options the
// fleets of docs/performance.md, in some minutes; with --boards one fleet.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpus, totalmem } from "node:os";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { Command, Option } from "commander";
import { durationOption, intervalOption, parseCount, runCommand } from "../lib/cli.ts";
import { AppError, usageError } from "../lib/errors.ts";
import type { Way } from "./fleet.ts";
import type { Figures, MeasureOptions } from "./measure.ts";

interface BenchOptions {
  boards?: number;
  interval: number;
  for?: number;
  way: Way;
  threads: number;
  verify?: boolean;
  profile?: boolean;
  json?: boolean;
}

type Row = MeasureOptions & Figures;

const DAY_SEC = 86_400;
const YEAR_SEC = 365 * DAY_SEC;
const MB = 2 ** 20;
/** Beats of a fleet when --for is not given. */
const BEATS = 100_000;
/** Objects of ten thousand boards need more than the engine allows itself. */
const HEAP_MB = 3800;

const PLAIN = {
  intervalSec: 30,
  way: "shared",
  threads: 1,
  verify: false,
  profile: false,
} as const;
const FLEETS: readonly MeasureOptions[] = [
  { ...PLAIN, boards: 1, intervalSec: 60, forSec: YEAR_SEC },
  { ...PLAIN, boards: 1, intervalSec: 60, forSec: 60 * DAY_SEC, way: "own" },
  { ...PLAIN, boards: 1, intervalSec: 60, forSec: 60 * DAY_SEC, way: "rewritten" },
  { ...PLAIN, boards: 100, forSec: 36_000 },
  { ...PLAIN, boards: 100, forSec: 36_000, way: "own" },
  { ...PLAIN, boards: 1000, forSec: 3600 },
  { ...PLAIN, boards: 1000, forSec: 3600, way: "own" },
  { ...PLAIN, boards: 1000, forSec: 3600, verify: true },
  { ...PLAIN, boards: 10_000, forSec: 600 },
  { ...PLAIN, boards: 10_000, forSec: 600, threads: 2 },
];

/** Measures a fleet; `E_BENCH` when beats are missing, for then there is nothing to measure. */
async function measure(options: MeasureOptions): Promise<Row> {
  const program = fileURLToPath(new URL("measure.ts", import.meta.url));
  const flags = ["--expose-gc", `--max-old-space-size=${HEAP_MB}`, "--import", "tsx"];
  const child = spawn(process.execPath, [...flags, program, JSON.stringify(options)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const output = text(child.stdout);
  const [exitCode] = (await once(child, "close")) as [number | null];
  if (exitCode !== 0)
    throw new AppError("E_BENCH", `the measurement of ${options.boards} boards failed`);
  const figures = JSON.parse(await output) as Figures;
  const counted = figures.verifiedBeats ?? figures.beats;
  if (counted !== figures.expectedBeats || figures.beats !== figures.expectedBeats) {
    throw new AppError("E_BENCH", `${counted} beats counted, ${figures.expectedBeats} expected`);
  }
  return { ...options, ...figures };
}

const HEADS = [
  "boards",
  "interval",
  "realm",
  "threads",
  "signatures",
  "beats",
  "us a beat",
  "CPU us a beat",
  "x real time",
  "a board-year",
  "start",
  "KB a board",
  "process",
];

function cells(row: Row): string[] {
  const { boards, intervalSec, forSec, way, threads, verify, beats, tookMs, cpuMs } = row;
  const usPerBeat = (tookMs * 1000) / beats;
  const yearSec = ((YEAR_SEC / intervalSec) * usPerBeat) / 1e6;
  return [
    boards.toLocaleString("en"),
    `${intervalSec} s`,
    way,
    String(threads),
    verify ? "verified" : "not looked at",
    beats.toLocaleString("en"),
    usPerBeat.toFixed(1),
    ((cpuMs * 1000) / beats).toFixed(1),
    Math.round((forSec * 1000) / tookMs).toLocaleString("en"),
    `${yearSec.toFixed(1)} s`,
    `${(row.startMs / 1000).toFixed(1)} s`,
    // The program itself is most of what a few boards take.
    boards < 100 ? "-" : Math.round(row.fleetBytes / boards / 1024).toLocaleString("en"),
    `${Math.round(row.rssBytes / MB).toLocaleString("en")} MB`,
  ];
}

function machine(): string {
  const { model = "unknown", length } = { ...cpus()[0], length: cpus().length };
  const memoryGb = Math.round(totalmem() / 2 ** 30);
  const date = new Date().toISOString().slice(0, 10);
  return `${model}, ${length} cores, ${memoryGb} GB, Node ${process.version}, ${date}`;
}

const line = (texts: readonly string[]): string => `| ${texts.join(" | ")} |\n`;

function printParts({ parts, beats }: Row): void {
  if (!parts) return;
  process.stdout.write(`\n${line(["part", "us a beat"])}${line(["---", "---:"])}`);
  for (const { name, ms } of parts) {
    process.stdout.write(line([name, ((ms * 1000) / beats).toFixed(2)]));
  }
}

async function run(options: BenchOptions): Promise<void> {
  const { boards = 1, interval, way, threads, verify = false, profile = false } = options;
  const intervalSec = interval / 1000;
  const wantedSec = options.for === undefined ? (BEATS / boards) * intervalSec : options.for / 1000;
  const forSec = Math.max(1, Math.round(wantedSec / intervalSec)) * intervalSec;
  const one = { boards, intervalSec, forSec, way, threads, verify, profile };
  if (profile && threads > 1) throw usageError("--profile looks at one thread only");
  const fleets = options.boards === undefined ? FLEETS : [one];

  const rows: Row[] = [];
  if (!options.json) {
    process.stdout.write(`${machine()}\n\n${line(HEADS)}${line(HEADS.map(() => "---:"))}`);
  }
  for (const fleet of fleets) {
    const row = await measure(fleet);
    rows.push(row);
    if (!options.json) process.stdout.write(line(cells(row)));
    if (!options.json) printParts(row);
  }
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ machine: machine(), fleets: rows }, null, 2)}\n`);
  }
}

const program = new Command("bench:sim")
  .description("measures fleets of boards in virtual time")
  .exitOverride()
  .addOption(new Option("--boards <n>", "measure one fleet").argParser(parseCount(1, 100_000)))
  .addOption(intervalOption("--interval <time>", "30s"))
  .addOption(durationOption("--for <time>", "virtual time; 100,000 beats unless given"))
  .addOption(
    new Option("--way <way>", "how scripts run")
      .choices(["own", "shared", "rewritten"])
      .default("shared"),
  )
  .addOption(new Option("--threads <n>", "worker threads").argParser(parseCount(1, 64)).default(1))
  .option("--verify", "have a monitor verify each beat's signature")
  .option("--profile", "break the time down by part")
  .option("--json", "print figures as JSON")
  .action(run);
const args = process.argv.slice(2);
// Without any, a command shows its help; this one measures.
process.exitCode = await runCommand(program, args.length > 0 ? args : ["--threads", "1"]);
