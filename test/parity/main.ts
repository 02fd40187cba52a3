// SPDX-License-Identifier: MIT
// `npm run test:parity`: the virtual board against the committed recording of the real interpreter.
// With `--interpreter PATH` every probe is run on that interpreter instead, and what it prints
// differently from the recording is shown; nothing is written. Exit code 1 on any difference.
//
//   npm run test:parity
//   npm run test:parity -- --interpreter /path/to/espruino [part of a probe's name]
//
// Not for: making a new recording (record.ts).
import { spawnSync } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { readProbes } from "./probes.ts";
import type { Probe } from "./probes.ts";
import { readRecording, recordProbes } from "./recording.ts";

const VITEST = fileURLToPath(new URL("../../node_modules/vitest/vitest.mjs", import.meta.url));

/** Runs the parity tests; gives their exit code. */
function runTests(): number {
  const args = [VITEST, "run", "--config", "test/vitest.config.ts", "--project", "parity"];
  return spawnSync(process.execPath, args, { stdio: "inherit" }).status ?? 1;
}

/** Runs the probes on an interpreter and shows differences; gives how many there are. */
async function compare(binary: string, probes: readonly Probe[]): Promise<number> {
  const recorded = readRecording();
  const differing = (outputs: Record<string, string>): Probe[] =>
    probes.filter(({ name }) => name in outputs && outputs[name] !== recorded[name]);
  const first = await recordProbes(binary, probes);
  // Processes beside each other disturb what is timed; those are asked once more.
  const second = await recordProbes(binary, differing(first));
  const found = differing(second);
  for (const { name } of found) {
    const expected = recorded[name] ?? "(not recorded)";
    console.log(`${name}\n--- expected\n${expected}\n--- got\n${second[name]}\n`);
  }
  console.log(`${probes.length} probes, ${found.length} differences`);
  return found.length;
}

const { values, positionals } = parseArgs({
  options: { interpreter: { type: "string" } },
  allowPositionals: true,
});
if (values.interpreter === undefined) {
  process.exitCode = runTests();
} else {
  const [filter = ""] = positionals;
  const probes = readProbes().filter(({ name }) => name.includes(filter));
  process.exitCode = (await compare(values.interpreter, probes)) > 0 ? 1 : 0;
}
