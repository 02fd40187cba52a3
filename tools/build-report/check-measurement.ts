// SPDX-License-Identifier: MIT
// Checks that the committed measurement was made with the bundles that the sources build today, so
// that no document quotes the memory of another program. Run it after a build.
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { bundleFiles } from "./bundle.ts";
import { entriesOf } from "./entries.ts";
import { runCheck } from "./run-check.ts";

const MEASUREMENT = "docs/measurements/interpreter.json";
const HINT = "run `npm run measure` with LUBDUB_ESPRUINO set and commit the result";

/** What a measurement tells of a bundle. */
export interface MeasuredBundle {
  sha256: string;
  bytes: number;
}

/**
 * Compares a measurement with the bundles.
 * @param measurement text of `docs/measurements/interpreter.json`, undefined when there is none.
 * @param bundles bytes of the minified scripts by name of the bundle.
 */
export function findMeasurementProblems(
  measurement: string | undefined,
  bundles: { [name: string]: Uint8Array },
): string[] {
  if (measurement === undefined) return [`${MEASUREMENT} is missing: ${HINT}`];
  let measured: { [name: string]: MeasuredBundle } | undefined;
  try {
    measured = (JSON.parse(measurement) as { bundles?: typeof measured }).bundles;
  } catch {
    return [`${MEASUREMENT} is not JSON: ${HINT}`];
  }
  const problems: string[] = [];
  for (const [name, bytes] of Object.entries(bundles)) {
    const built = createHash("sha256").update(bytes).digest("hex");
    const found = measured?.[name]?.sha256;
    if (found !== built)
      problems.push(
        `${MEASUREMENT} measures another ${name} (sha256 ${found}, built ${built}): ${HINT}`,
      );
  }
  return problems;
}

runCheck(import.meta.url, () => {
  const root = new URL("../../", import.meta.url);
  const measurement = new URL(MEASUREMENT, root);
  const bundles: { [name: string]: Uint8Array } = {};
  for (const { name } of entriesOf(fileURLToPath(root)))
    bundles[name] = readFileSync(new URL(`dist/firmware/${bundleFiles(name).minified}`, root));
  return findMeasurementProblems(
    existsSync(measurement) ? readFileSync(measurement, "utf8") : undefined,
    bundles,
  );
});
