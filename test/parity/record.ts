// SPDX-License-Identifier: MIT
// Runs every probe on the real interpreter and shows what differs from the recorded outputs; with
// `--write` the recording is replaced. Needs LUBDUB_ESPRUINO; without it says so and does nothing.
//
//   LUBDUB_ESPRUINO=/path/to/espruino node --import tsx test/parity/record.ts [--write] [filter]
import { readFileSync, writeFileSync } from "node:fs";
import { runOnInterpreter } from "./interpreter.ts";
import { comparable, readProbes } from "./probes.ts";
import type { Probe } from "./probes.ts";
import { startProbeServer } from "./servers.ts";

const FILE = new URL("./recorded.json", import.meta.url);
const AT_ONCE = 3;

async function record(binary: string, probe: Probe): Promise<string> {
  const server = probe.server === undefined ? null : await startProbeServer(probe.server);
  const source = server ? `var PORT=${server.port};${probe.source}` : probe.source;
  const output = await runOnInterpreter(binary, source, probe.runMs);
  await server?.close();
  return comparable(output);
}

async function main(): Promise<void> {
  const binary = process.env["LUBDUB_ESPRUINO"];
  if (!binary) {
    console.log("skipped: LUBDUB_ESPRUINO is not set to the path of an interpreter");
    return;
  }
  const args = process.argv.slice(2);
  const filter = args.find((arg) => !arg.startsWith("--")) ?? "";
  const probes = readProbes().filter((probe) => probe.name.includes(filter));
  const old = JSON.parse(readFileSync(FILE, "utf8")) as Record<string, string>;
  const now: Record<string, string> = {};
  const waiting = [...probes];
  const work = async (): Promise<void> => {
    for (let probe = waiting.shift(); probe; probe = waiting.shift()) {
      now[probe.name] = await record(binary, probe);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));

  let differences = 0;
  for (const { name } of probes) {
    if (old[name] === now[name]) continue;
    differences++;
    console.log(`${name}\n- ${old[name] ?? "(not recorded)"}\n+ ${now[name]}`);
  }
  console.log(`${probes.length} probes, ${differences} differences`);
  if (args.includes("--write")) {
    const all = Object.fromEntries(
      readProbes().map(({ name }) => [name, now[name] ?? old[name] ?? ""]),
    );
    writeFileSync(FILE, `${JSON.stringify(all, null, 2)}\n`);
    console.log("written");
  } else if (differences > 0) {
    process.exitCode = 1;
  }
}

await main();
