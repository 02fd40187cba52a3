// SPDX-License-Identifier: MIT
// Loads the built firmware as bytes, the way a board gets it. Nothing here looks into it.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { AppError, errorText, systemCode } from "./errors.ts";

/** The project's folder, absolute, with a slash at its end. */
export const PROJECT_DIR = fileURLToPath(new URL("../../", import.meta.url));

/** Where `npm run build` puts the bundle for boards, relative to the project. */
export const BUNDLE_FILE = "dist/firmware/lubdub.min.js";

/** The firmware bundle. */
export interface Bundle {
  /** One char per byte, as strings are on the board. */
  text: string;
  /** SHA-256 of the bytes, hex. */
  sha256: string;
  sizeBytes: number;
  /** Its source map (JSON), null when there is none beside it. */
  sourceMap: string | null;
}

function readSourceMap(file: string): string | null {
  try {
    return readFileSync(`${file}.map`, "utf8");
  } catch {
    return null;
  }
}

/** Reads the built bundle, or another one; `E_BUILD_MISSING` when there is none. */
export function loadBundle(given?: string): Bundle {
  const file = given ?? PROJECT_DIR + BUNDLE_FILE;
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    if (systemCode(error) === "ENOENT")
      throw new AppError(
        "E_BUILD_MISSING",
        given === undefined
          ? `there is no ${BUNDLE_FILE}: run \`npm run build\` first`
          : `there is no ${given}: \`lubdub build\` makes the bundle of a device of your own`,
        { cause: error },
      );
    throw new AppError("E_BUILD_UNREADABLE", errorText(error), { cause: error });
  }
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const sourceMap = readSourceMap(file);
  return { text: bytes.toString("latin1"), sha256, sizeBytes: bytes.length, sourceMap };
}
