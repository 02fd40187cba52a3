// SPDX-License-Identifier: MIT
// The devices of examples/devices as `lubdub build` makes them.
import path from "node:path";
import { checkSyntax } from "../../sim/index.ts";
import { buildDevice } from "../../tools/build-report/build-device.ts";
import { reservedNames } from "../../tools/build-report/reserved-names.ts";
import { PROJECT } from "./planted.ts";

/** Builds one of them in memory; the script, one char per byte. */
export async function deviceBundle(name: string): Promise<string> {
  const { files } = await buildDevice({
    entry: path.join(PROJECT, "examples/devices", name, "device.ts"),
    outDir: path.join(PROJECT, "dist"),
    name,
    root: PROJECT,
    checkSyntax,
    reservedNames: reservedNames(PROJECT),
    softwareSha256: false,
  });
  return files[`${name}.min.js`] as string;
}
