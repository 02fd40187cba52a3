// SPDX-License-Identifier: MIT
// Loads the built firmware as bytes, the way a board gets it. Nothing here looks into it.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { MAC_PREFIX } from "../../firmware/wire/update.ts";
import { AppError, errorText, systemCode } from "./errors.ts";

/** The project's folder, absolute, with a slash at its end. */
export const PROJECT_DIR = fileURLToPath(new URL("../../", import.meta.url));

/** Where `npm run build` puts the bundle for boards, relative to the project. */
export const BUNDLE_FILE = "dist/firmware/lubdub.min.js";

/** Where it puts the loader. */
const LOADER_FILE = "dist/firmware/loader.min.js";

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

/** Reads a file; `E_BUILD_MISSING` with `hint` when there is none. */
function readBuilt(file: string, hint: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    if (systemCode(error) === "ENOENT")
      throw new AppError("E_BUILD_MISSING", `there is no ${hint}`, { cause: error });
    const why = systemCode(error) ?? errorText(error);
    throw new AppError("E_BUILD_UNREADABLE", `cannot read ${file}: ${why}`, { cause: error });
  }
}

/** Reads the built bundle, or another one; `E_BUILD_MISSING` when there is none. */
export function loadBundle(given?: string): Bundle {
  const file = given ?? PROJECT_DIR + BUNDLE_FILE;
  const bytes = readBuilt(
    file,
    given === undefined
      ? `${BUNDLE_FILE}: run \`npm run build\` first`
      : `${given}: \`lubdub build\` makes the bundle of a device of your own`,
  );
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const sourceMap = readSourceMap(file);
  return { text: bytes.toString("latin1"), sha256, sizeBytes: bytes.length, sourceMap };
}

/** Reads the built loader, which starts the bundles of slots; `E_BUILD_MISSING` when there is none. */
export function loadLoader(): string {
  return readBuilt(
    PROJECT_DIR + LOADER_FILE,
    `${LOADER_FILE}: run \`npm run build\` first`,
  ).toString("latin1");
}

/** A bundle that can stand in a slot (firmware/wire/slots.ts). */
export interface SlotBundle {
  /** ASCII. */
  text: string;
  /** base64url(SHA-256(text)). */
  digest: string;
}

/**
 * Reads the built bundle, or another one; `E_BUNDLE` when no slot can hold it, or when it could not be
 * updated again: without that part it would not even be kept after its trial.
 */
export function loadSlotBundle(given?: string): SlotBundle {
  const { text, sha256 } = loadBundle(given);
  const file = given ?? BUNDLE_FILE;
  if (!/^[\0-\x7f]+$/.test(text))
    throw new AppError("E_BUNDLE", `${file} is no bundle: it is empty or not ASCII`);
  // firmware/wire/slots.ts
  if (/^\d{4}[\w-]{8}[\da-f]{8}/.test(text))
    throw new AppError("E_BUNDLE", `${file} is a slot of a board: give the bundle it was made of`);
  if (!text.includes(MAC_PREFIX))
    throw new AppError("E_BUNDLE", `${file} is no bundle with the part \`update\``);
  return { text, digest: Buffer.from(sha256, "hex").toString("base64url") };
}
