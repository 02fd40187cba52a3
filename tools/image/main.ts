// SPDX-License-Identifier: MIT
// `lubdub image`: writes the Storage files of a board that is to be updated over the air: the loader
// and the first slot. A person puts them there (docs/reference/updates.md). Not for the configuration,
// which is the device's own, nor for boards without updates, whose `.bootcde` is the bundle.
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { crc32 } from "node:zlib";
import type { Command } from "commander";
import { CRC_AT, SLOT_A, slotContents } from "../../firmware/wire/slots.ts";
import { BUNDLE_FILE, loadLoader, loadSlotBundle } from "../lib/bundle.ts";
import { AppError, errorText } from "../lib/errors.ts";

/** Adds the program to the command. */
export function registerImage(root: Command): void {
  root
    .command("image")
    .description("the Storage files of a board with updates (docs/reference/updates.md)")
    .requiredOption("-o, --out <dir>", "folder for them; made when it is not there")
    .option("--bundle <file>", `what the board runs; default ${BUNDLE_FILE}`)
    .action(runImage);
}

function runImage({ out, bundle }: { out: string; bundle?: string }): void {
  const { text, digest } = loadSlotBundle(bundle);
  const slot = slotContents(text, digest, crc32(Buffer.from(text, "latin1")));
  const files = { ".bootcde": loadLoader(), [SLOT_A]: slot };
  try {
    mkdirSync(out, { recursive: true });
    for (const [name, contents] of Object.entries(files))
      writeFileSync(path.join(out, name), contents, "latin1");
  } catch (error) {
    throw new AppError("E_WRITE", `cannot write to ${out}: ${errorText(error)}`, { cause: error });
  }
  for (const [name, contents] of Object.entries(files))
    process.stdout.write(`${path.join(out, name)} ${contents.length} bytes\n`);
  process.stdout.write(`runs as bundle ${slot.slice(0, CRC_AT)}\n`);
}
