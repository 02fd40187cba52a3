// SPDX-License-Identifier: MIT
// Builds the entry of somebody's own device, which imports `lubdub/firmware`: the same steps, checks
// and files as for the entries of this project. Not for those; rollup.config.js builds them.
import path from "node:path";
import { fileURLToPath } from "node:url";
import { rollup } from "rollup";
import type { RollupError } from "rollup";
import { bundleFiles, createBundleConfig } from "./bundle.ts";
import type { SizeReport } from "./size.ts";
import { LIBRARY } from "./source-rules.ts";
import type { CheckSyntax } from "./syntax-gate.ts";

const PACKAGE_DIR = fileURLToPath(new URL("../../", import.meta.url));

/** The module that stands for `lubdub/firmware`. */
const LIBRARY_FILE = path.join(PACKAGE_DIR, "firmware/index.ts");

/** What to build. */
export interface DeviceOptions {
  /** Absolute path of the first module, TypeScript or JavaScript. */
  entry: string;
  /** Absolute folder for the results. */
  outDir: string;
  /** First part of the results' names. */
  name: string;
  /** Absolute folder that paths in messages and sizes are relative to. */
  root: string;
  checkSyntax: CheckSyntax;
  /** Names that keep their spelling, see reserved-names.ts. */
  reservedNames: readonly string[];
  /** Brings SHA-256 in software. */
  softwareSha256: boolean;
}

/** What was built. */
export interface DeviceBundle {
  /** Text by file name, see {@link bundleFiles}; nothing has been written. */
  files: { [name: string]: string };
  report: SizeReport;
  /** What is probably wrong, one line each. */
  warnings: string[];
}

/** The reason why a build stopped, each line of it for people. */
export class DeviceBuildError extends Error {}

/** What rollup says of things that are imported and not there, in the form of the other problems. */
function explain(error: RollupError, { root, entry }: DeviceOptions): string {
  const { code, binding, exporter = "", id = "", loc, message } = error;
  if (code === "MISSING_EXPORT" && loc?.file) {
    const place = `${path.relative(root, loc.file)}:${loc.line}:${loc.column + 1}`;
    const from = exporter === LIBRARY_FILE ? LIBRARY : path.relative(root, exporter);
    return `${place}: import of ${binding}: ${from} has no such export (a type takes import type)`;
  }
  if (code === "UNRESOLVED_IMPORT") {
    const hint = /\.[tj]s$/.test(exporter) ? "" : "; its ending belongs to it, such as ./pump.ts";
    return `${path.relative(root, id)}: import of "${exporter}": there is no such file${hint}`;
  }
  if (code === "EMPTY_BUNDLE")
    return `${path.relative(root, entry)}:1:1: nothing in it does anything: the script would be empty`;
  const text = message.replace(/^\[plugin [^\]]*\] /, "");
  if (!loc?.file) return text;
  // Rollup's own warnings begin with `file (line:column): `.
  const place = `${path.relative(root, loc.file)}:${loc.line}:${loc.column + 1}`;
  return `${place}: ${text.replace(/^\S+ \(\d+:\d+\): /, "")}`;
}

/**
 * Builds it in memory.
 * @throws DeviceBuildError when the board could not run it.
 */
export async function buildDevice(options: DeviceOptions): Promise<DeviceBundle> {
  const warnings: string[] = [];
  const config = createBundleConfig({
    ...options,
    packageFile: LIBRARY_FILE,
    onWarning: (line) => warnings.push(line),
  });
  const files: { [name: string]: string } = {};
  try {
    const bundle = await rollup(config);
    const { output } = await bundle.generate(config.output);
    await bundle.close();
    for (const item of output)
      files[item.fileName] = item.type === "chunk" ? item.code : String(item.source);
  } catch (error) {
    throw new DeviceBuildError(explain(error as RollupError, options), { cause: error });
  }
  const sizeFile = bundleFiles(options.name).size;
  const report = JSON.parse(files[sizeFile] as string) as SizeReport;
  // Wherever the package is installed.
  const packagePath = path.relative(options.root, PACKAGE_DIR).split(path.sep).join("/");
  if (packagePath)
    for (const module of report.modules)
      if (module.file.startsWith(`${packagePath}/`))
        module.file = "lubdub" + module.file.slice(packagePath.length);
  files[sizeFile] = JSON.stringify(report, null, 2) + "\n";
  return { files, report, warnings };
}
