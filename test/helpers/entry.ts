// SPDX-License-Identifier: MIT
// Small programs for boards, made of a few parts of the firmware: bundled as an entry point is, so
// that what a test wants to see runs minified, on virtual boards and on the real interpreter.
import { rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { PROJECT, buildFirmware, plantFiles } from "./planted.ts";

/**
 * Bundles a program whose imports begin with `firmware/`. It must not expose names of one or two
 * letters: those are the minifier's, and globals, too.
 * @returns the minified script
 * @throws Error with what the build stopped with
 */
export async function bundleEntry(source: string): Promise<string> {
  const folder = plantFiles({});
  try {
    const firmware = path.relative(folder, path.join(PROJECT, "firmware"));
    const file = path.join(folder, "entry.ts");
    writeFileSync(file, source.replaceAll('"firmware/', `"${firmware}/`));
    const result = await buildFirmware(PROJECT, path.relative(PROJECT, file));
    if ("message" in result) throw new Error(result.message);
    return result.files["lubdub.min.js"] as string;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
