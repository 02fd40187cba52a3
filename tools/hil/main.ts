// SPDX-License-Identifier: MIT
// `lubdub hil`: the scenarios over every carrier, on every target there is or on the ones that are
// named. The same bundle, byte for byte, runs on all of them. Exit code 1 when a scenario failed or all were
// skipped; a target that is missing is a printed skip in the suite and exit code 2 when it was asked for.
import { readdirSync, writeFileSync } from "node:fs";
import { Option } from "commander";
import type { Command } from "commander";
import { loadBundle } from "../lib/bundle.ts";
import { createShutdownSignal, durationOption, intervalOption, parseCount } from "../lib/cli.ts";
import { AppError, errorText, usageError } from "../lib/errors.ts";
import type { ScenarioResult } from "../scenario/result.ts";
import { runScenario } from "../scenario/runner.ts";
import type { Scenario } from "../scenario/scenario.ts";
import { CARRIERS } from "../scenario/server.ts";
import type { Carrier } from "../scenario/server.ts";
import { matrixLines, resultLine } from "./report.ts";
import { chooseServers } from "./servers/index.ts";
import { allTargets, chooseTarget } from "./targets/index.ts";

interface HilOptions {
  target?: string[];
  carrier?: Carrier[];
  broker?: string;
  scenario?: string[];
  beats: number;
  interval: number;
  timeout?: number;
  bundle?: string;
  json?: string;
  quiet?: boolean;
}

const collect = (value: string, earlier: string[] | undefined): string[] => [
  ...(earlier ?? []),
  value,
];

/** Adds the program to the command. */
export function registerHil(root: Command): void {
  root
    .command("hil")
    .description("one bundle on virtual board and real interpreter, with verdicts")
    .option(
      "-t, --target <name>",
      "virtual or exec:/path; repeatable; default: all there are",
      collect,
    )
    .addOption(
      new Option(
        "-c, --carrier <name...>",
        "only these, which the bundle must have; default: all it has",
      ).choices(CARRIERS),
    )
    .option(
      "--broker <which>",
      "mosquitto, own, or the URL of one that is there; default: mosquitto where this machine has it",
    )
    .option("-s, --scenario <name>", "only this one; repeatable", collect)
    .option("-n, --beats <n>", "verified heartbeats to wait for", parseCount(1, 1000), 5)
    .addOption(intervalOption("-i, --interval <time>", "1s"))
    .addOption(
      durationOption("--timeout <time>", "bound of each scenario; default: 60s, more for memory"),
    )
    .option("--bundle <file>", "another bundle than dist/firmware/lubdub.min.js")
    .option("--json <file>", "write the results there")
    .option("-q, --quiet", "without the consoles, but of failures their last lines")
    .action(runHil);
}

/** Loads every scenario of the folder, or the named ones. */
async function loadScenarios(names: string[] | undefined): Promise<Scenario[]> {
  const folder = new URL("scenarios/", import.meta.url);
  const files = readdirSync(folder).filter((file) => file.endsWith(".ts"));
  const known = files.map((file) => file.slice(0, -3)).sort();
  for (const name of names ?? [])
    if (!known.includes(name))
      throw usageError(`unknown scenario ${JSON.stringify(name)}; there are ${known.join(", ")}`);
  return Promise.all(
    (names ?? known).map(async (name) => {
      const module = (await import(new URL(`${name}.ts`, folder).href)) as { scenario: Scenario };
      return module.scenario;
    }),
  );
}

async function runHil(options: HilOptions): Promise<void> {
  const targets = options.target
    ? options.target.map((text) => chooseTarget(text, process.env))
    : allTargets(process.env);
  const servers = chooseServers(options.carrier, options.broker);
  const scenarios = await loadScenarios(options.scenario);
  const bundle = loadBundle(options.bundle);
  const shutdown = createShutdownSignal();
  const write = (line: string): void => void process.stdout.write(`${line}\n`);
  const results: ScenarioResult[] = [];
  write(`bundle ${bundle.sizeBytes} bytes sha256=${bundle.sha256}`);
  try {
    for (const target of targets) {
      if (target.missing) {
        write(`skip  ${target.name}: ${target.missing}`);
        continue;
      }
      for (const server of servers)
        for (const scenario of scenarios) {
          if (shutdown.signal.aborted) break;
          const over = `${server.carrier} to ${server.name}`;
          write(`run   ${scenario.name} on ${target.name} over ${over}: ${scenario.title}`);
          const result = await runScenario(scenario, target.name, target.create, {
            bundle,
            server,
            beatCount: options.beats,
            intervalMs: options.interval,
            timeoutMs: options.timeout,
            isCarrierWanted:
              !options.bundle || !!options.carrier || options.broker?.includes(":") === true,
            signal: shutdown.signal,
            onLine: (line) => {
              if (!options.quiet) write(`  | ${line}`);
            },
          });
          results.push(result);
          write(resultLine(result));
          // Of a failure nothing is kept back: it may not come again.
          if (options.quiet) for (const line of result.console ?? []) write(`  | ${line}`);
        }
    }
  } finally {
    shutdown.dispose();
  }
  write("");
  for (const line of matrixLines(results)) write(line);
  if (options.json) writeResults(options.json, results);
  const verdicts = new Set(results.map(({ verdict }) => verdict));
  if (verdicts.has("fail") || (results.length > 0 && !verdicts.has("pass"))) process.exitCode = 1;
}

function writeResults(file: string, results: ScenarioResult[]): void {
  try {
    writeFileSync(file, `${JSON.stringify(results, null, 2)}\n`);
  } catch (error) {
    throw new AppError("E_WRITE", `cannot write ${file}: ${errorText(error)}`, { cause: error });
  }
}
