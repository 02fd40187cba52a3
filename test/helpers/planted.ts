// SPDX-License-Identifier: MIT
// Projects for the tests of the build: a temporary folder with planted sources, gone afterwards.
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { rollup } from "rollup";
import { onTestFinished } from "vitest";
import { checkSyntax } from "../../sim/board/syntax.ts";
import { createBundleConfig } from "../../tools/build-report/bundle.ts";

/** Absolute path of the project that is tested. */
export const PROJECT = fileURLToPath(new URL("../../", import.meta.url)).replace(/\/$/, "");

/** Files of a planted project: path relative to its folder, and text. */
export interface PlantedFiles {
  [file: string]: string;
}

/**
 * Writes files into a new temporary folder that sees the project's installed packages.
 * @returns the folder's real path. The caller removes it.
 */
export function plantFiles(files: PlantedFiles): string {
  const root = realpathSync(mkdtempSync(path.join(tmpdir(), "lubdub-build-")));
  symlinkSync(path.join(PROJECT, "node_modules"), path.join(root, "node_modules"));
  for (const [file, text] of Object.entries(files)) {
    const target = path.join(root, file);
    mkdirSync(path.dirname(target), { recursive: true });
    writeFileSync(target, text);
  }
  return root;
}

/** {@link plantFiles}, removed when the test that called it ends. */
export function plantForTest(files: PlantedFiles): string {
  const root = plantFiles(files);
  onTestFinished(() => rmSync(root, { recursive: true }));
  return root;
}

/** What a build made: text by file name, or the message it stopped with. */
export type BuildResult = { files: { [name: string]: string } } | { message: string };

/**
 * Builds an entry of a folder in memory, as `lubdub`, with the settings of the real build.
 * @param keptNames property names that are not mangled, beside the build's own
 */
export async function buildFirmware(
  root: string,
  entry = "firmware/main.ts",
  keptNames: readonly string[] = [],
): Promise<BuildResult> {
  const config = createBundleConfig({
    root,
    entry: path.join(root, entry),
    outDir: path.join(root, "dist/firmware"),
    checkSyntax,
    keptNames,
  });
  try {
    const bundle = await rollup(config);
    const { output } = await bundle.generate(config.output);
    await bundle.close();
    const files: { [name: string]: string } = {};
    for (const item of output)
      files[item.fileName] = item.type === "chunk" ? item.code : String(item.source);
    return { files };
  } catch (error) {
    return { message: (error as Error).message };
  }
}

/** Builds planted sources and gives the lines that the build stopped with; empty when it did not. */
export async function buildProblems(files: PlantedFiles): Promise<string[]> {
  const result = await buildFirmware(plantForTest(files));
  if (!("message" in result)) return [];
  return result.message.split("\n").filter((line) => !line.startsWith("[plugin firmware]"));
}
