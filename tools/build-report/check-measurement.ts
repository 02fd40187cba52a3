// SPDX-License-Identifier: MIT
// Checks that the committed measurement was made with the bundle that the sources build today, so
// that no document quotes the memory of another program. Run it after a build.
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { runCheck } from "./run-check.ts";

const MEASUREMENT = "docs/measurements/interpreter.json";
const HINT = "run `npm run measure` with LUBDUB_ESPRUINO set and commit the result";

/**
 * Compares a measurement with a bundle.
 * @param measurement text of `docs/measurements/interpreter.json`, undefined when there is none.
 * @param bundle bytes of `dist/firmware/lubdub.min.js`.
 */
export function findMeasurementProblems(
  measurement: string | undefined,
  bundle: Uint8Array,
): string[] {
  if (measurement === undefined) return [`${MEASUREMENT} is missing: ${HINT}`];
  let measured: unknown;
  try {
    measured = (JSON.parse(measurement) as { bundle_sha256?: unknown }).bundle_sha256;
  } catch {
    return [`${MEASUREMENT} is not JSON: ${HINT}`];
  }
  const built = createHash("sha256").update(bundle).digest("hex");
  if (measured === built) return [];
  return [
    `${MEASUREMENT} measures another bundle (bundle_sha256 ${String(measured)}, built ${built}): ${HINT}`,
  ];
}

runCheck(import.meta.url, () => {
  const measurement = new URL(`../../${MEASUREMENT}`, import.meta.url);
  return findMeasurementProblems(
    existsSync(measurement) ? readFileSync(measurement, "utf8") : undefined,
    readFileSync(new URL("../../dist/firmware/lubdub.min.js", import.meta.url)),
  );
});
