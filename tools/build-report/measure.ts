// SPDX-License-Identifier: MIT
// `npm run measure`: runs every scenario with the built bundles on the real interpreter and writes
// docs/measurements/interpreter.json, which names the bundles by their hashes. It starts `lubdub hil`
// and the firmware's bench as a person would, because one program does not import another. The
// scenarios run over every carrier that a bundle has, against Mosquitto and an HTTP server of Node.
// Options are handed to the bench: `npm run measure -- --peers DIR --reconnects 1000`.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir, totalmem } from "node:os";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { bundleFiles } from "./bundle.ts";
import type { MeasuredBundle } from "./check-measurement.ts";
import { entriesOf } from "./entries.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const OUT = path.join(ROOT, "docs/measurements/interpreter.json");

interface Result {
  scenario: string;
  carrier: string;
  server: string;
  verdict: string;
  evidence: { [name: string]: unknown };
  bundleSha256: string;
  versions: { interpreter?: string };
  durationMs: number;
}

/** Runs the scenarios with a bundle; undefined when not all of them passed. */
function runScenarios(
  interpreter: string,
  bundle: string,
  carriers: readonly string[],
): Result[] | undefined {
  const folder = mkdtempSync(path.join(tmpdir(), "lubdub-measure-"));
  try {
    const json = path.join(folder, "results.json");
    const program = path.join(ROOT, "tools/lubdub.js");
    const target = `exec:${path.resolve(interpreter)}`;
    const options = ["--target", target, "--timeout", "120s", "--bundle", bundle, "--json", json];
    const servers = ["--broker", "mosquitto", "--carrier", ...carriers];
    const hil = spawnSync(process.execPath, [program, "hil", ...options, ...servers, "-q"], {
      stdio: ["ignore", "inherit", "inherit"],
    });
    if (hil.status !== 0) return undefined;
    return JSON.parse(readFileSync(json, "utf8")) as Result[];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Bench {
  interpreter: string;
  subjects: { name: string; sha256?: string }[];
}

/** Runs the bench; undefined when it failed. */
function runBench(interpreter: string, options: readonly string[]): Bench | undefined {
  const program = path.join(ROOT, "tools/bench/firmware.ts");
  const args = ["--import", "tsx", program, "--interpreter", interpreter, ...options, "--json"];
  const bench = spawnSync(process.execPath, args, {
    cwd: ROOT,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  return bench.status === 0 ? (JSON.parse(bench.stdout) as Bench) : undefined;
}

function main(): number {
  const interpreter = process.env["LUBDUB_ESPRUINO"];
  if (!interpreter) {
    process.stderr.write("measure: set LUBDUB_ESPRUINO to the interpreter to measure on\n");
    return 2;
  }
  const bundles: { [name: string]: MeasuredBundle } = {};
  const scenarios: object[] = [];
  let version: string | undefined;
  for (const { name, carriers } of entriesOf(ROOT)) {
    const file = path.join(ROOT, "dist/firmware", bundleFiles(name).minified);
    const script = readFileSync(file);
    const sha256 = createHash("sha256").update(script).digest("hex");
    bundles[name] = { sha256, bytes: script.length };
    if (carriers.length === 0) continue;
    const results = runScenarios(interpreter, file, carriers);
    if (!results) {
      process.stderr.write("measure: not every scenario passed, nothing is written\n");
      return 1;
    }
    if (results.some((result) => result.bundleSha256 !== sha256)) {
      process.stderr.write("measure: the bundle changed while it was measured\n");
      return 1;
    }
    version ??= results[0]?.versions.interpreter;
    for (const { scenario, carrier, server, verdict, durationMs, evidence } of results)
      scenarios.push({
        bundle: name,
        carrier,
        server,
        scenario,
        verdict,
        duration_ms: durationMs,
        evidence,
      });
  }
  const bench = runBench(interpreter, process.argv.slice(2));
  if (!bench) return 1;
  if (bench.subjects.some(({ name, sha256 }) => sha256 && bundles[name]?.sha256 !== sha256)) {
    process.stderr.write("measure: a bundle changed while it was measured\n");
    return 1;
  }
  const measurement = {
    bundles,
    interpreter: version ?? bench.interpreter,
    measured_at: new Date().toISOString().slice(0, 10),
    machine: `${cpus().length} x ${cpus()[0]?.model}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform}`,
    scenarios,
    bench,
  };
  mkdirSync(path.dirname(OUT), { recursive: true });
  writeFileSync(OUT, `${JSON.stringify(measurement, null, 2)}\n`);
  process.stdout.write(`written to ${path.relative(ROOT, OUT)}\n`);
  return 0;
}

process.exitCode = main();
