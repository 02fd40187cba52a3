// SPDX-License-Identifier: MIT
// `lubdub build`: makes the bundle of somebody's own device out of a file that imports
// `lubdub/firmware`, checked and minified as the bundles of this project are. Nothing is written
// unless the board can run all of it. Not for those bundles: `npm run build` makes them.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import type { Command } from "commander";
import { checkSyntax } from "../../sim/index.ts";
import { AppError, errorText, usageError } from "../lib/errors.ts";
import { PROJECT_DIR } from "../lib/bundle.ts";

interface BuildOptions {
  out?: string;
  softwareSha256?: boolean;
}

/** Ending of what is flashed; readable script, maps and sizes have others. */
const ENDING = ".min.js";

/** Where `npm run build` puts the property names that bundles keep, relative to the project. */
const NAMES_FILE = "dist/lib/reserved-names.json";

/** Adds the program to the command. */
export function registerBuild(root: Command): void {
  root
    .command("build")
    .description("the bundle of a device of your own (docs/reference/authoring.md)")
    .argument("<entry>", "file that imports lubdub/firmware, .ts or .js")
    .option(
      "-o, --out <file>",
      `what is flashed; the rest comes beside it; default dist/<entry>${ENDING}`,
    )
    .option("--software-sha256", "for interpreters without SHA-256, for about 1.1 kB")
    .action(runBuild);
}

function readReservedNames(): string[] {
  try {
    return JSON.parse(readFileSync(PROJECT_DIR + NAMES_FILE, "utf8")) as string[];
  } catch (error) {
    throw new AppError(
      "E_BUILD_MISSING",
      `there is no ${NAMES_FILE}: run \`npm run build\` in ${PROJECT_DIR} first`,
      { cause: error },
    );
  }
}

async function runBuild(entry: string, options: BuildOptions): Promise<void> {
  if (!/\.[tj]s$/.test(entry) || entry.endsWith(".d.ts"))
    throw usageError(`${entry} is no entry: expected a file that ends in .ts or .js`);
  if (!existsSync(entry)) throw usageError(`there is no ${entry}`);
  const out = options.out ?? path.join("dist", path.basename(entry).slice(0, -3) + ENDING);
  const name = path.basename(out).slice(0, -ENDING.length);
  if (!out.endsWith(ENDING) || name === "")
    throw usageError(`--out ${out}: expected a file that ends in ${ENDING}`);
  const outDir = path.resolve(path.dirname(out));
  if (path.join(outDir, `${name}.js`) === path.resolve(entry))
    throw usageError(`--out ${out}: the readable script beside it would replace ${entry}`);
  // Compilers take a second to load, and the other programs do without.
  const { buildDevice, DeviceBuildError } = await import("../build-report/build-device.ts");
  const { formatOptionCost, formatSizeTable } = await import("../build-report/size.ts");
  const softwareSha256 = options.softwareSha256 ?? false;
  const { files, report, warnings } = await buildDevice({
    entry: path.resolve(entry),
    outDir,
    name,
    root: process.cwd(),
    checkSyntax,
    reservedNames: readReservedNames(),
    softwareSha256,
  }).catch((error: unknown) => {
    if (!(error instanceof DeviceBuildError)) throw error;
    process.stderr.write(`${error.message}\n`);
    throw new AppError("E_BUILD", "nothing was built", { cause: error });
  });
  for (const line of warnings) process.stderr.write(`warning: ${line}\n`);
  try {
    mkdirSync(outDir, { recursive: true });
    for (const [file, text] of Object.entries(files)) writeFileSync(path.join(outDir, file), text);
  } catch (error) {
    throw new AppError("E_WRITE", `cannot write to ${outDir}: ${errorText(error)}`, {
      cause: error,
    });
  }
  const sha256 = createHash("sha256")
    .update(files[name + ENDING] as string)
    .digest("hex");
  const lines = [formatSizeTable(report, name)];
  if (softwareSha256) lines.push(formatOptionCost(report, "sha256.ts", "software SHA-256"));
  lines.push(`${out} ${report.minifiedBytes} bytes sha256=${sha256}`);
  process.stdout.write(`${lines.join("\n")}\n`);
}
