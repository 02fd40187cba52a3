// SPDX-License-Identifier: MIT
// Reads a fault plan from a file: JSON, or a TypeScript or JavaScript module whose default export is
// the list. Whatever is wrong with it is told with its place.
import { readFileSync } from "node:fs";
import { extname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { tsImport } from "tsx/esm/api";
import { AppError, errorText } from "../lib/errors.ts";

/**
 * The plan in a file, still unchecked.
 * @throws AppError `E_PLAN` when the file cannot be read or is no JSON
 */
export async function readPlanFile(file: string): Promise<unknown> {
  try {
    if (extname(file) !== ".json" && /^\.[cm]?[jt]s$/.test(extname(file))) {
      const module = (await tsImport(pathToFileURL(resolve(file)).href, import.meta.url)) as {
        default?: unknown;
      };
      // Outside of a package of modules, tsx makes a CommonJS module of it, in a shell of its own.
      const inner = (module.default as { default?: unknown } | undefined)?.default;
      const plan = inner ?? module.default;
      if (plan === undefined) throw new Error("it has no default export");
      return plan;
    }
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw new AppError("E_PLAN", `cannot read the plan ${file}: ${errorText(error)}`, {
      cause: error,
    });
  }
}
