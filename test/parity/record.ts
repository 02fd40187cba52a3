// SPDX-License-Identifier: MIT
// Runs every probe on the real interpreter and shows what differs from the recorded outputs; with
// `--write` the recording is replaced. Needs LUBDUB_ESPRUINO; without it says so and does nothing.
//
//   LUBDUB_ESPRUINO=/path/to/espruino node --import tsx test/parity/record.ts [--write] [filter]
import { writeFileSync } from "node:fs";
import process from "node:process";
import { INTERPRETER, NO_INTERPRETER } from "../helpers/interpreter.ts";
import { readProbes } from "./probes.ts";
import { readRecording, recordProbes, RECORDING } from "./recording.ts";

async function main(binary: string, args: string[]): Promise<void> {
  const filter = args.find((arg) => !arg.startsWith("--")) ?? "";
  const probes = readProbes().filter((probe) => probe.name.includes(filter));
  const old = readRecording();
  const now = await recordProbes(binary, probes);
  const changed = probes.filter(({ name }) => old[name] !== now[name]);
  for (const { name } of changed) {
    console.log(`${name}\n- ${old[name] ?? "(not recorded)"}\n+ ${now[name]}`);
  }
  console.log(`${probes.length} probes, ${changed.length} differences`);
  if (args.includes("--write")) {
    const all = Object.fromEntries(
      readProbes().map(({ name }) => [name, now[name] ?? old[name] ?? ""]),
    );
    writeFileSync(RECORDING, `${JSON.stringify(all, null, 2)}\n`);
    console.log("written");
  } else if (changed.length > 0) {
    process.exitCode = 1;
  }
}

if (INTERPRETER) await main(INTERPRETER, process.argv.slice(2));
else console.log(`skipped: ${NO_INTERPRETER}`);
