// SPDX-License-Identifier: MIT
// `lubdub sim explore`: many seeds, each with a fault plan drawn from it. What fails is shrunk to the
// smallest plan that still fails, and printed with the command that repeats it.
import { writeFileSync } from "node:fs";
import type { Command } from "commander";
import { checkPlan, createRandom, drawPlan, FAULTS, planItem } from "../../sim/index.ts";
import type { PlannedFault, World } from "../../sim/index.ts";
import { loadBundle } from "../lib/bundle.ts";
import { intervalOption, parseCount } from "../lib/cli.ts";
import { AppError, errorText, usageError } from "../lib/errors.ts";
import { readPlanFile } from "./plan-file.ts";
import { shrink } from "./shrink.ts";
import { PLAN_MS, runTrial } from "./trial.ts";
import type { TrialOptions, TrialResult } from "./trial.ts";

interface ExploreOptions {
  seeds: number;
  first: number;
  boards: number;
  interval: number;
  maxFaults: number;
  faults?: string[];
  bundle?: string;
  plan?: string;
  out?: string;
}

/** Most trials that one failing plan is shrunk with. */
const MAX_SHRINK_RUNS = 200;

/** Adds the program to `lubdub sim`. */
export function registerExplore(parent: Command): void {
  parent
    .command("explore")
    .description("many seeds with random fault plans; shrinks what fails")
    .option("-n, --seeds <n>", "how many seeds", parseCount(1, 1_000_000), 100)
    .option("--first <n>", "the first seed", parseCount(0, 2 ** 31), 1)
    .option("-b, --boards <n>", "boards in each world", parseCount(1, 100), 3)
    .addOption(intervalOption("-i, --interval <time>", "10s"))
    .option("--max-faults <n>", "faults in a plan at most", parseCount(1, 50), 6)
    .option("--faults <names...>", "draw from these faults only")
    .option("--plan <file>", "run this plan in every world instead of drawing one")
    .option("--bundle <file>", "another bundle than the built one")
    .option("--out <file>", "write the smallest failing plan there")
    .action(explore);
}

/** Smaller forms of a fault: shorter, or with a parameter at its default. */
export function smallerFaults(fault: PlannedFault): PlannedFault[] {
  const forms: PlannedFault[] = [];
  for (const [name, rule] of Object.entries(fault.fault.params)) {
    if (fault.params[name] === rule.default) continue;
    forms.push({ ...fault, params: { ...fault.params, [name]: rule.default } });
  }
  if (fault.forMs !== null && fault.forMs > 1000) {
    forms.push({ ...fault, forMs: Math.ceil(fault.forMs / 2) });
  }
  return forms;
}

/** One line of JSON a fault, in a list. */
export function planText(plan: readonly PlannedFault[]): string {
  return `[\n${plan.map((fault) => `  ${JSON.stringify(planItem(fault))}`).join(",\n")}\n]\n`;
}

async function shrinkPlan(
  options: Omit<TrialOptions, "planFor">,
  failed: TrialResult,
): Promise<PlannedFault[]> {
  const broken = new Set(failed.violations.map((violation) => violation.invariant));
  return shrink(failed.plan, {
    fails: async (plan) => {
      const { violations } = await runTrial({ ...options, planFor: () => plan });
      return violations.some((violation) => broken.has(violation.invariant));
    },
    smaller: smallerFaults,
    maxRuns: MAX_SHRINK_RUNS,
  });
}

/** The plan of each world: the given one, or one drawn from the world's seed. */
function planSource(
  options: ExploreOptions,
  given: unknown,
): (world: World) => readonly PlannedFault[] {
  return (world) =>
    given === undefined
      ? drawPlan(createRandom(world.seed).stream("plan"), {
          names: world.targetNames(),
          untilMs: PLAN_MS,
          maxFaults: options.maxFaults,
          ...(options.faults ? { faults: options.faults } : {}),
        })
      : checkPlan(given, world.targetNames());
}

function checkFaultNames(names: readonly string[]): void {
  const unknown = names.filter((name) => !FAULTS.has(name));
  if (unknown.length > 0)
    throw usageError(
      `unknown fault ${unknown.join(", ")}; there are: ${[...FAULTS.keys()].join(", ")}`,
    );
}

async function explore(options: ExploreOptions): Promise<void> {
  checkFaultNames(options.faults ?? []);
  const bundle = loadBundle(options.bundle).text;
  const given = options.plan === undefined ? undefined : await readPlanFile(options.plan);
  const planFor = planSource(options, given);
  const say = (text: string): void => void process.stdout.write(`${text}\n`);
  let failedSeeds = 0;
  let beats = 0;
  let faults = 0;
  for (let seed = options.first; seed < options.first + options.seeds; seed++) {
    const trial = { seed, boards: options.boards, intervalMs: options.interval, bundle };
    const result = await runTrial({ ...trial, planFor });
    beats += result.beats;
    faults += result.plan.length;
    if (result.violations.length === 0) continue;
    failedSeeds++;
    say(`seed ${seed} failed:`);
    for (const v of result.violations) say(`  ${v.invariant}: ${v.deviceId}: ${v.text}`);
    const smallest = await shrinkPlan(trial, result);
    say(`  smallest plan that still fails:\n${planText(smallest)}`);
    say(`  repeat: npx lubdub sim explore --seeds 1 --first ${seed} ${repeatOptions(options)}`);
    if (options.out !== undefined) writeOut(options.out, planText(smallest));
  }
  say(`${options.seeds} seeds, ${faults} faults, ${beats} beats: ${failedSeeds} failed`);
  if (failedSeeds > 0) throw new AppError("E_SIM_INVARIANT", `${failedSeeds} seeds failed`);
}

function writeOut(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    throw new AppError("E_SIM_OUT", `cannot write ${file}: ${errorText(error)}`, { cause: error });
  }
}

function repeatOptions(options: ExploreOptions): string {
  const parts = [`--boards ${options.boards} --interval ${options.interval}ms`];
  parts.push(`--max-faults ${options.maxFaults}`);
  if (options.faults) parts.push(`--faults ${options.faults.join(" ")}`);
  if (options.plan !== undefined) parts.push(`--plan ${options.plan}`);
  if (options.bundle !== undefined) parts.push(`--bundle ${options.bundle}`);
  return parts.join(" ");
}
