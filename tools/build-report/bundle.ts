// SPDX-License-Identifier: MIT
// The rollup configuration of the firmware: TypeScript in, one readable and one minified script
// out, with source maps and sizes. All outputs are made and checked in memory before the first is
// written, so a failed build leaves none. Used by rollup.config.js and by the tests.
import { babel } from "@rollup/plugin-babel";
import type { RollupBabelInputPluginOptions } from "@rollup/plugin-babel";
import path from "node:path";
import type { OutputOptions, Plugin, PluginContext, RollupError, RollupOptions } from "rollup";
import { authorNames } from "./author-names.ts";
import { BABEL_OPTIONS } from "./babel-options.ts";
import { dropBootOnly } from "./boot-only.ts";
import { minifyForBoard } from "./minify.ts";
import { reservedNames } from "./reserved-names.ts";
import { createSourceRules, LIBRARY } from "./source-rules.ts";
import { formatProblem } from "./problem.ts";
import type { BuildProblem } from "./problem.ts";
import { attributeBytes } from "./size.ts";
import type { SizeReport } from "./size.ts";
import { functionsToArrows } from "./to-arrows.ts";
import { findSyntaxProblems } from "./syntax-gate.ts";
import type { CheckSyntax } from "./syntax-gate.ts";

/** Names of the files of a bundle, whose maps are beside the scripts. */
export interface BundleFiles {
  readable: string;
  /** What is flashed. */
  minified: string;
  size: string;
}

/** Makes the names of the files of one bundle. */
export function bundleFiles(name: string): BundleFiles {
  return { readable: `${name}.js`, minified: `${name}.min.js`, size: `${name}.size.json` };
}

/** What a build needs to know. */
export interface BundleOptions {
  /** Absolute project folder; paths in messages and sizes are relative to it. */
  root: string;
  /** Absolute path of the first module. */
  entry: string;
  /** Absolute folder for the results. */
  outDir: string;
  /** First part of the results' names; `lubdub` unless given. */
  name?: string;
  /** The simulator's syntax check. */
  checkSyntax: CheckSyntax;
  /** Property names that programs beside this entry read or write; they keep their spelling. */
  keptNames?: readonly string[];
  /**
   * Absolute path of the module that stands for `lubdub/firmware`. With it the entry is an author's:
   * property names in files outside that module's folder keep their spelling.
   */
  packageFile?: string;
  /** {@link reservedNames}, for where the declarations are not; read from `root` unless given. */
  reservedNames?: readonly string[];
  /** Brings SHA-256 in software for boards whose interpreter has none (firmware/lib/sha256.ts). */
  softwareSha256?: boolean;
  /** Gets what is probably wrong in an author's files, one line each. */
  onWarning?: (line: string) => void;
  /** Gets the sizes of a build that has been written. */
  onSize?: (report: SizeReport) => void;
}

/** A rollup configuration with one output, for `rollup -c` and for the API. */
export type BundleConfig = RollupOptions & { output: OutputOptions };

function failure(problems: readonly BuildProblem[], root: string): { message: string; stack: "" } {
  // Each place starts its line, so that editors find it; without a stack, rollup's command prints
  // the message alone.
  const lines = problems.map((problem) => formatProblem(problem, root));
  return { message: ["the board cannot run this:", ...lines].join("\n"), stack: "" };
}

/** Babel's own report of text that does not parse, as one problem; undefined for other errors. */
function problemOfParseError(error: RollupError): BuildProblem | undefined {
  if (error.pluginCode !== "BABEL_PARSE_ERROR" || !error.loc || !error.id) return undefined;
  const { line, column } = error.loc;
  // `/absolute/main.ts: Unexpected token (1:10)` and an excerpt.
  const text = error.message.split("\n", 1)[0] ?? "";
  const message = text.replace(`${error.id}: `, "").replace(/ \(\d+:\d+\)$/, "");
  return { file: error.id, line, column: column + 1, construct: "syntax error", message };
}

/** Puts what an option asks for in the place of the module that stands for its absence. */
function moduleOption(): Plugin {
  return {
    name: "firmware",
    resolveId(source, importer) {
      if (!importer || path.basename(source) !== "sha256-option.ts") return null;
      return path.resolve(path.dirname(importer), path.dirname(source), "sha256.ts");
    },
  };
}

/** Keeps modules of the host out: everything that is not a relative path is refused. */
function moduleGate(options: BundleOptions, problems: readonly BuildProblem[]): Plugin {
  const { root, packageFile } = options;
  return {
    name: "firmware",
    resolveId(source, importer) {
      if (packageFile && source === LIBRARY) return packageFile;
      const isRelative = source.startsWith("./") || source.startsWith("../");
      // Babel has put the place of the import on the list; external, so that all are found.
      if (importer && !isRelative && !source.startsWith("\0"))
        return { id: source, external: true };
      return null;
    },
    buildEnd(error) {
      // Rollup's own words tell the place; its stack tells nothing.
      if (error && "code" in error && error.code === "UNRESOLVED_IMPORT") error.stack = "";
      const parseProblem = error && problemOfParseError(error);
      const all = parseProblem ? [...problems, parseProblem] : problems;
      if (!all.length) return;
      // What the lowering could not do has its reason among them. Changed in place: an error thrown
      // here would be told beside the first one.
      if (error) Object.assign(error, failure(all, root), { loc: undefined });
      else this.error(failure(all, root));
    },
  };
}

/** The names that an author's files have; empty for the firmware's own entries. */
function keptOf(packageFile: string | undefined, context: PluginContext): string[] {
  const names = new Set<string>();
  if (packageFile)
    for (const id of context.getModuleIds())
      // The firmware's own files, and Babel's helpers.
      if (!id.startsWith(path.dirname(packageFile) + path.sep) && !id.startsWith("\0"))
        for (const name of authorNames(context.getModuleInfo(id)?.ast)) names.add(name);
  return [...names];
}

/** Adds the minified script, maps and sizes to the readable one, and checks both scripts. */
function boardOutput(options: BundleOptions): Plugin {
  let report: SizeReport | undefined;
  const files = bundleFiles(options.name ?? "lubdub");
  return {
    name: "firmware",
    async generateBundle(_output, bundle) {
      const chunk = bundle[files.readable];
      if (chunk?.type !== "chunk" || !chunk.map)
        return this.error(`no chunk ${files.readable} with a source map`);
      const dir = options.outDir;
      const map = chunk.map.toString();
      const arrows = functionsToArrows(chunk.code, map);
      const { code, map: minifiedMap } = await minifyForBoard(
        arrows.code,
        arrows.map,
        files.minified,
        [
          ...(options.reservedNames ?? reservedNames(options.root)),
          ...(options.keptNames ?? []),
          ...keptOf(options.packageFile, this),
        ],
      );
      const minified = { code: dropBootOnly(code), map: minifiedMap };
      const problems = findSyntaxProblems(
        [
          { name: files.readable, code: chunk.code, map, dir },
          { name: files.minified, code: minified.code, map: minified.map, dir },
        ],
        options.checkSyntax,
      );
      if (problems.length) this.error(failure(problems, options.root));
      report = {
        readableBytes: Buffer.byteLength(chunk.code),
        minifiedBytes: Buffer.byteLength(minified.code),
        modules: attributeBytes(minified.code, minified.map, dir, options.root),
      };
      const emit = (fileName: string, source: string): void => {
        this.emitFile({ type: "asset", fileName, source });
      };
      emit(files.minified, minified.code);
      emit(`${files.minified}.map`, JSON.stringify(minified.map) + "\n");
      emit(files.size, JSON.stringify(report, null, 2) + "\n");
      return undefined;
    },
    writeBundle() {
      if (report) options.onSize?.(report);
    },
  };
}

/** Takes warnings of an author's files only; undefined for the firmware's own entries. */
function warningsOf(options: BundleOptions): ((problem: BuildProblem) => void) | undefined {
  const { packageFile, root } = options;
  if (!packageFile) return undefined;
  const own = path.dirname(packageFile) + path.sep;
  return (problem) => {
    if (!problem.file.startsWith(own)) options.onWarning?.(formatProblem(problem, root));
  };
}

/** Makes the rollup configuration of one bundle. Every warning of rollup stops the build. */
export function createBundleConfig(options: BundleOptions): BundleConfig {
  const problems: BuildProblem[] = [];
  return {
    input: options.entry,
    treeshake: { moduleSideEffects: true, propertyReadSideEffects: false },
    plugins: [
      ...(options.softwareSha256 ? [moduleOption()] : []),
      moduleGate(options, problems),
      babel({
        ...(BABEL_OPTIONS as RollupBabelInputPluginOptions),
        plugins: [createSourceRules((problem) => problems.push(problem), warningsOf(options))],
        babelHelpers: "bundled",
        extensions: [".ts", ".js"],
      }),
      boardOutput(options),
    ],
    onLog(level, log) {
      // An import of a module that is not there stops the build anyway, at its place in the source.
      if (log.code === "UNUSED_EXTERNAL_IMPORT") return;
      // An import cycle among them: the interpreter does not hoist.
      if (level === "warn") throw Object.assign(new Error(log.message), { ...log, stack: "" });
    },
    output: {
      file: path.join(options.outDir, bundleFiles(options.name ?? "lubdub").readable),
      // No function around everything: a function that is made inside another one keeps a list of
      // the scopes around it, three JsVars more than the one scope it has without (Espruino 2v29).
      format: "es",
      strict: false,
      freeze: false,
      externalLiveBindings: false,
      generatedCode: { constBindings: true, objectShorthand: true, arrowFunctions: false },
      indent: "  ",
      sourcemap: "hidden",
    },
  };
}
