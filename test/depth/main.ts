// SPDX-License-Identifier: MIT
// `npm run test:depth`: the deepest call chain over the whole suite. A copy of the project gets
// bundles with a gauge of the C stack (tools/build-report/stack-gauge.ts), and in it all tests run
// that run a bundle, on virtual boards and, with LUBDUB_ESPRUINO, on the interpreter. Writes
// docs/measurements/depth.json; exit code 1 when a chain is deeper than the limit.
//
//   npm run test:depth
//   npm run test:depth -- test/system    tests of these files alone; nothing is written
//
// What a gauge makes larger and slower fails some tests (memory, time); their number is told.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { addStackGauge, readGaugeLine } from "../../tools/build-report/stack-gauge.ts";
import { bundleFiles } from "../../tools/build-report/bundle.ts";
import { entriesOf } from "../../tools/build-report/entries.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const OUT = path.join(ROOT, "docs/measurements/depth.json");
/** 9 KB: what the shallowest supported board's stack leaves, with a reserve (docs/performance.md). */
const LIMIT_BYTES = 9 * 1024;
/** Folders all of whose tests run bundles, and those where some do, by what they name. */
const WHOLE = ["test/system", "test/integration"];
const PARTLY = ["test/firmware", "test/property", "test/sim"];
const RUNS_BUNDLE = /loadBundle|virtual-board|helpers\/(interpreter|slots|run-cli)|-entry\.ts/;

/** The deepest chain of one program. */
interface Row {
  sha256?: string;
  bytes: number;
  /** Its functions from outside inwards, `file:line`. */
  chain: string[];
}

/** Lists the tests that run a bundle. */
function suite(): string[] {
  const files = PARTLY.flatMap((folder) =>
    readdirSync(path.join(ROOT, folder), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".test.ts"))
      .map((name) => `${folder}/${name}`)
      .filter((file) => RUNS_BUNDLE.test(readFileSync(path.join(ROOT, file), "utf8"))),
  );
  return [...WHOLE, ...files];
}

function copyProject(): string {
  const copy = mkdtempSync(path.join(tmpdir(), "lubdub-depth-"));
  const names = readdirSync(ROOT).filter((name) => name !== "node_modules" && name !== ".git");
  for (const name of names)
    cpSync(path.join(ROOT, name), path.join(copy, name), { recursive: true });
  symlinkSync(path.join(ROOT, "node_modules"), path.join(copy, "node_modules"));
  return copy;
}

/** Puts a gauge into every bundle of the copy; gives their hashes without it. */
function gaugeBundles(copy: string, folder: string): { [name: string]: string } {
  const hashes: { [name: string]: string } = {};
  const dir = path.join(copy, "dist/firmware");
  for (const { name, carriers } of entriesOf(copy)) {
    if (carriers.length === 0) continue;
    const file = path.join(dir, bundleFiles(name).minified);
    if (!existsSync(file)) throw new Error(`there is no ${file}: run \`npm run build\` first`);
    const script = readFileSync(file, "latin1");
    hashes[name] = createHash("sha256").update(script, "latin1").digest("hex");
    const map = readFileSync(`${file}.map`, "utf8");
    const { code, places } = addStackGauge(script, map, dir, copy, name);
    writeFileSync(file, code, "latin1");
    writeFileSync(path.join(folder, `${name}.json`), JSON.stringify(places));
  }
  return hashes;
}

/** Runs the tests of the copy; gives the reporter's last line, such as `9 passed, 0 failed`. */
function runTests(copy: string, folder: string, files: readonly string[]): string {
  const vitest = path.join(copy, "node_modules/vitest/vitest.mjs");
  const args = [vitest, "run", "--config", "test/vitest.config.ts", "--maxWorkers", "2", ...files];
  const run = spawnSync(process.execPath, args, {
    cwd: copy,
    env: { ...process.env, LUBDUB_GAUGE: folder },
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
    maxBuffer: 2 ** 30,
  });
  return /^\d+ passed, .*$/m.exec(run.stdout)?.[0] ?? "the tests did not run";
}

/** Finds the deepest chain of each program in what its boards told. */
function deepest(folder: string, hashes: { [name: string]: string }): { [name: string]: Row } {
  const rows: { [name: string]: Row } = {};
  const lines = path.join(folder, "lines.txt");
  for (const line of existsSync(lines) ? readFileSync(lines, "utf8").split("\n") : []) {
    const told = readGaugeLine(line);
    if (!told) continue;
    const { tellsAs, bytes, ids } = told;
    const name = tellsAs in hashes ? tellsAs : "programs of tests";
    if ((rows[name]?.bytes ?? 0) >= bytes) continue;
    const text = readFileSync(path.join(folder, `${tellsAs}.json`), "utf8");
    const places = JSON.parse(text) as string[];
    const sha256 = hashes[tellsAs];
    rows[name] = {
      ...(sha256 !== undefined && { sha256 }),
      bytes,
      chain: ids.map((id) => places[id] ?? "?"),
    };
  }
  return rows;
}

const files = process.argv.slice(2);
const copy = copyProject();
const folder = path.join(copy, "gauge");
try {
  mkdirSync(folder);
  const hashes = gaugeBundles(copy, folder);
  const tests = runTests(copy, folder, files.length > 0 ? files : suite());
  const programs = deepest(folder, hashes);
  console.log(tests);
  for (const [name, { bytes, chain }] of Object.entries(programs))
    console.log(`${name}: ${bytes} bytes of C stack\n${chain.map((at) => `  ${at}\n`).join("")}`);
  if (files.length === 0)
    writeFileSync(
      OUT,
      `${JSON.stringify(
        {
          measured_at: new Date().toISOString().slice(0, 10),
          limit_bytes: LIMIT_BYTES,
          has_interpreter: !!process.env["LUBDUB_ESPRUINO"],
          tests,
          programs,
        },
        null,
        2,
      )}\n`,
    );
  const isDeep = Object.values(programs).some(({ bytes }) => bytes > LIMIT_BYTES);
  process.exitCode = isDeep || Object.keys(programs).length === 0 ? 1 : 0;
} finally {
  rmSync(copy, { recursive: true, force: true });
}
