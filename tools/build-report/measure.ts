// SPDX-License-Identifier: MIT
// `npm run measure`: runs every scenario with the built bundle on the real interpreter and writes
// docs/measurements/interpreter.json, which names the bundle by its hash. It starts `lubdub hil` as
// a person would, because one program does not import another.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir, totalmem } from "node:os";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const BUNDLE = path.join(ROOT, "dist/firmware/lubdub.min.js");
const OUT = path.join(ROOT, "docs/measurements/interpreter.json");

interface Result {
  scenario: string;
  verdict: string;
  evidence: { [name: string]: unknown };
  bundleSha256: string;
  versions: { interpreter?: string };
  durationMs: number;
}

function main(): number {
  const interpreter = process.env["LUBDUB_ESPRUINO"];
  if (!interpreter) {
    process.stderr.write("measure: set LUBDUB_ESPRUINO to the interpreter to measure on\n");
    return 2;
  }
  const folder = mkdtempSync(path.join(tmpdir(), "lubdub-measure-"));
  try {
    const json = path.join(folder, "results.json");
    const program = path.join(ROOT, "tools/lubdub.js");
    const target = `exec:${path.resolve(interpreter)}`;
    const args = [program, "hil", "--target", target, "--timeout", "120s", "--json", json, "-q"];
    const hil = spawnSync(process.execPath, args, { stdio: ["ignore", "inherit", "inherit"] });
    if (hil.status !== 0) {
      process.stderr.write("measure: not every scenario passed, nothing is written\n");
      return 1;
    }
    const results = JSON.parse(readFileSync(json, "utf8")) as Result[];
    const bundle = readFileSync(BUNDLE);
    const sha256 = createHash("sha256").update(bundle).digest("hex");
    if (results.some((result) => result.bundleSha256 !== sha256)) {
      process.stderr.write("measure: the bundle changed while it was measured\n");
      return 1;
    }
    const measurement = {
      bundle_sha256: sha256,
      bundle_bytes: bundle.length,
      interpreter: results[0]?.versions.interpreter,
      measured_at: new Date().toISOString().slice(0, 10),
      machine: `${cpus().length} x ${cpus()[0]?.model}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform}`,
      scenarios: results.map(({ scenario, verdict, durationMs, evidence }) => ({
        scenario,
        verdict,
        duration_ms: durationMs,
        evidence,
      })),
    };
    mkdirSync(path.dirname(OUT), { recursive: true });
    writeFileSync(OUT, `${JSON.stringify(measurement, null, 2)}\n`);
    process.stdout.write(`written to ${path.relative(ROOT, OUT)}\n`);
    return 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

process.exitCode = main();
