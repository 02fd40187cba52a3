// SPDX-License-Identifier: MIT
// Slots of bundles in a test's flash, in any state, and the loader as it is built.
import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { SLOT_A, SLOT_B, TEXT_AT, slotContents } from "../../firmware/wire/slots.ts";
import { PROJECT, buildFirmware } from "./planted.ts";

/** What is special about a slot. */
export interface SlotOptions {
  /** 1000 unless given. */
  number?: number;
  /** Starts on trial that were used; undefined for a committed slot. */
  tries?: number;
  /** It was verified; false for one that was only downloaded. */
  isVerified?: boolean;
}

/** Makes the contents of a slot, committed unless told otherwise. */
export function slotOf(text: string, options: SlotOptions = {}): string {
  const bytes = Buffer.from(text, "latin1");
  const sha256 = createHash("sha256").update(bytes).digest("base64url");
  const { number = 1000, tries, isVerified = true } = options;
  const whole = slotContents(text, sha256, crc32(bytes));
  const state = tries === undefined ? "---1" : "-".repeat(tries).padEnd(4, "\xff");
  return (
    String(number).padStart(4, "0") +
    sha256.slice(0, 8) +
    (isVerified ? whole.slice(12, 20) : "\xff".repeat(8)) +
    state +
    whole.slice(TEXT_AT)
  );
}

/** Files of a board with the loader and these slots. */
export function filesWith(loader: string, a?: string, b?: string): { [name: string]: string } {
  const files: { [name: string]: string } = { ".bootcde": loader };
  if (a !== undefined) files[SLOT_A] = a;
  if (b !== undefined) files[SLOT_B] = b;
  return files;
}

/** Builds the loader. */
export async function buildLoader(): Promise<string> {
  const result = await buildFirmware(PROJECT, "firmware/loader.ts");
  if ("message" in result) throw new Error(result.message);
  return String(result.files["lubdub.min.js"]);
}
