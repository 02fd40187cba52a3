// SPDX-License-Identifier: MIT
// `npm run soak`: the simulator's long proofs, on the built bundle, shared out among processes. Each
// is told in tools/soak/README.md. Prints its seed; exit code 1 when something does not hold.
import { writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { Command, Option } from "commander";
import { BUNDLE_FILE, loadBundle, PROJECT_DIR } from "../lib/bundle.ts";
import { parseCount, quietPipes, runCommand } from "../lib/cli.ts";
import { AppError } from "../lib/errors.ts";
import { repeated } from "./boots.ts";
import { FAILURES } from "./reconnects.ts";
import { restartFigures, SPREAD_SEC } from "./restart.ts";
import type { RestartFigures } from "./restart.ts";
import type { Job, JobResults, Proof } from "./jobs.ts";
import { runTrial } from "./trial.ts";
import { shareOut } from "./workers.ts";

interface SoakOptions {
  only?: Proof[];
  hours: number;
  rounds: number;
  reconnects: number;
  boots: number;
  boards: number;
  seed: number;
  workers: number;
  bundle: string;
  show?: number;
  json?: boolean;
  out?: string;
}

/** What is written down; a proof that was not asked for is not there. */
interface Report {
  bundle: { sha256: string; bytes: number };
  measured_at: string;
  machine: string;
  seed: number;
  took_s: number;
  hours?: {
    board_hours: number;
    worlds: number;
    rounds: number;
    faults: number;
    beats: number;
    attempts: number;
    boots: number;
    violations: number;
  };
  reconnects?: { [failure: string]: { reconnects: number; exact: boolean } };
  boots?: { boots: number; identifiers: { [kind: string]: number }; repeated: number };
  restart?: RestartFigures & { spread_s: number };
}

const PROOFS: readonly Proof[] = ["hours", "reconnects", "boots", "restart"];
/** How large a job is. */
const RECONNECTS_A_JOB = 500;
const DEVICES_A_JOB = 20;
const BOOTS_A_JOB = 500;
const BOARDS_A_JOB = 500;
/** The bounds of the restart. */
const PEAK_PERCENT = 3;
const BACK_99_SEC = 120;
const SHARE_OF_99 = 0.99;

/** Cuts a number into parts of at most so much. */
function parts(total: number, most: number): number[] {
  return Array.from({ length: Math.ceil(total / most) }, (_, i) =>
    Math.min(most, total - i * most),
  );
}

/** Runs the proofs that are asked for; `say` gets a line now and then, `complain` one a violation. */
async function soak(
  options: SoakOptions,
  say: (text: string) => void,
  complain: (text: string) => void,
): Promise<Report> {
  const { seed, workers, bundle: bundleFile } = options;
  const isAsked = (proof: Proof): boolean => options.only?.includes(proof) ?? true;
  const { sha256, sizeBytes } = loadBundle(bundleFile);
  const startedMs = performance.now();
  const model = cpus()[0]?.model ?? "unknown";
  const report: Report = {
    bundle: { sha256, bytes: sizeBytes },
    measured_at: new Date().toISOString().slice(0, 10),
    machine: `${cpus().length} x ${model}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`,
    seed,
    took_s: 0,
  };
  const common = (i: number): { seed: number; bundleFile: string } => ({
    seed: seed + i,
    bundleFile,
  });
  const all = async <P extends Proof>(jobs: readonly Job[]): Promise<JobResults[P][]> => {
    const results: JobResults[P][] = [];
    const left = [...jobs];
    await shareOut(
      workers,
      () => left.shift(),
      (_job, result) => {
        results.push(result as JobResults[P]);
      },
    );
    return results;
  };

  if (isAsked("hours")) {
    const sum = {
      board_hours: 0,
      worlds: 0,
      rounds: 0,
      faults: 0,
      beats: 0,
      attempts: 0,
      boots: 0,
      violations: 0,
    };
    let begun = 0;
    await shareOut(
      workers,
      () =>
        sum.board_hours < options.hours
          ? { proof: "hours", rounds: options.rounds, ...common(begun++) }
          : undefined,
      (job, result) => {
        const trial = result as JobResults["hours"];
        sum.board_hours += trial.boardHours;
        sum.worlds++;
        for (const name of ["rounds", "faults", "beats", "attempts", "boots"] as const)
          sum[name] += trial[name];
        sum.violations += trial.violations.length;
        for (const { invariant, deviceId, text, round } of trial.violations)
          complain(
            `seed ${job.seed}, round ${round}: ${invariant}: ${deviceId}: ${text}; see it by --show ${job.seed}`,
          );
        if (sum.worlds % 20 === 0)
          say(`${Math.floor(sum.board_hours)} board-hours in ${sum.worlds} worlds`);
      },
    );
    report.hours = { ...sum, board_hours: Math.floor(sum.board_hours) };
    say(
      `${report.hours.board_hours} board-hours, ${sum.faults} faults, ${sum.violations} violations`,
    );
  }
  if (isAsked("reconnects")) {
    const jobs = FAILURES.flatMap((failure) =>
      parts(options.reconnects, RECONNECTS_A_JOB).map((reconnects, i): Job => ({
        proof: "reconnects",
        failure,
        reconnects,
        ...common(i),
      })),
    );
    report.reconnects = {};
    for (const failure of FAILURES) report.reconnects[failure] = { reconnects: 0, exact: true };
    for (const { failure, reconnects, violations } of await all<"reconnects">(jobs)) {
      const sum = report.reconnects[failure] as { reconnects: number; exact: boolean };
      sum.reconnects += reconnects;
      if (violations.length > 0) sum.exact = false;
      for (const { invariant, text } of violations) complain(`${invariant}: ${text}`);
    }
    say(`${FAILURES.length} kinds of failure, ${options.reconnects} reconnects each`);
  }
  if (isAsked("boots")) {
    const jobs = parts(options.boots, BOOTS_A_JOB).map((boots, i): Job => {
      const devices = Array.from({ length: DEVICES_A_JOB }, (_, n) => `dev-${i}-${n}`);
      return { proof: "boots", devices, boots: Math.ceil(boots / DEVICES_A_JOB), ...common(i) };
    });
    const results = await all<"boots">(jobs);
    const twice = Object.entries(repeated(results));
    for (const [kind, texts] of twice)
      complain(`${kind}: ${texts[0]} came ${texts.length + 1} times`);
    const counts: { [kind: string]: number } = {};
    for (const { identifiers } of results)
      for (const [kind, texts] of Object.entries(identifiers))
        counts[kind] = (counts[kind] ?? 0) + texts.length;
    report.boots = {
      boots: results.reduce((sum, { boots }) => sum + boots, 0),
      identifiers: counts,
      repeated: twice.reduce((sum, [, texts]) => sum + texts.length, 0),
    };
    say(`${report.boots.boots} boots, ${report.boots.repeated} identifiers repeated`);
  }
  if (isAsked("restart")) {
    const jobs = parts(options.boards, BOARDS_A_JOB).map((boards, i): Job => ({
      proof: "restart",
      boards,
      first: i * BOARDS_A_JOB,
      ...common(i),
    }));
    const figures = restartFigures(await all<"restart">(jobs));
    report.restart = { ...figures, spread_s: SPREAD_SEC };
    // In a small fleet chance alone puts more into one second.
    const chance = 4 * Math.sqrt(figures.boards / SPREAD_SEC);
    const most = Math.max(
      (figures.boards * PEAK_PERCENT) / 100,
      figures.boards / SPREAD_SEC + (figures.boards < 10_000 ? chance : 0),
    );
    const peak = (figures.peakPercent * figures.boards) / 100;
    if (peak > most) complain(`${Math.round(peak)} of ${figures.boards} boards within a second`);
    if (figures.back99Sec > BACK_99_SEC)
      complain(`${SHARE_OF_99} of the boards were back after ${figures.back99Sec} s`);
    say(
      `${figures.boards} boards: ${figures.peakPercent.toFixed(2)} % a second at most, 99 % back in ${figures.back99Sec.toFixed(1)} s`,
    );
  }
  report.took_s = Math.round((performance.now() - startedMs) / 1000);
  return report;
}

async function run(options: SoakOptions): Promise<void> {
  const print = (text: string): void => void process.stdout.write(`${text}\n`);
  const say = (text: string): void => {
    if (!options.json) print(text);
  };
  if (options.show !== undefined) {
    const { violations } = await runTrial({
      seed: options.show,
      rounds: options.rounds,
      bundle: loadBundle(options.bundle).text,
      onLine: (atMs, text) => print(`${Math.round(atMs)} ${text}`),
    });
    for (const { invariant, deviceId, text } of violations)
      print(`violated: ${invariant}: ${deviceId}: ${text}`);
    if (violations.length > 0) throw new AppError("E_SOAK", `${violations.length} violations`);
    return;
  }
  say(`seed ${options.seed} (repeat with --seed ${options.seed})`);
  let violated = 0;
  const report = await soak(options, say, (text) => {
    violated++;
    process.stderr.write(`violated: ${text}\n`);
  });
  const text = `${JSON.stringify(report, null, 2)}\n`;
  if (options.out !== undefined) writeFileSync(options.out, text);
  if (options.json) process.stdout.write(text);
  if (violated > 0) throw new AppError("E_SOAK", `${violated} violations, seed ${options.seed}`);
}

const count = (flags: string, text: string, initial: number, max = 10_000_000): Option =>
  new Option(flags, text).argParser(parseCount(1, max)).default(initial);

quietPipes();
const program = new Command("soak")
  .description("the simulator's long proofs; all of them, at full length, unless told otherwise")
  .exitOverride()
  .addOption(new Option("--only <proof...>", "these only").choices(PROOFS))
  .addOption(count("--hours <n>", "board-hours under random faults", 100_000))
  .addOption(count("--rounds <n>", "fault plans in each world", 4, 1000))
  .addOption(count("--reconnects <n>", "reconnects of each kind of failure", 10_000))
  .addOption(count("--boots <n>", "starts", 10_000))
  .addOption(count("--boards <n>", "boards through a broker's restart", 10_000))
  .addOption(count("--seed <n>", "decides everything that is left to chance", 1, 2 ** 30))
  .addOption(count("--workers <n>", "processes", Math.max(1, cpus().length), 64))
  .addOption(new Option("--bundle <file>", "another bundle").default(PROJECT_DIR + BUNDLE_FILE))
  .addOption(
    new Option("--show <seed>", "all that happens in one world").argParser(parseCount(0, 2 ** 30)),
  )
  .option("--json", "print figures as JSON")
  .option("--out <file>", "write them there")
  .action(run);
const args = process.argv.slice(2);
// Without any, a command shows its help; this one runs.
process.exitCode = await runCommand(program, args.length > 0 ? args : ["--seed", "1"]);
