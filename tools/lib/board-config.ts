// SPDX-License-Identifier: MIT
// Writes the configuration file that a board reads at its start, checked against the same table.
import { randomBytes } from "node:crypto";
import { checkConfig } from "../../firmware/wire/config.ts";
import type { Config } from "../../firmware/wire/config.ts";
import { AppError } from "./errors.ts";

/** The keys a host sets; the board fills in the rest. */
export type BoardSettings = Partial<Config> & Pick<Config, "urls" | "key">;

/** Makes the text of `lubdub.json`; `E_CONFIG` names every wrong key at once. */
export function boardConfigText(settings: BoardSettings): string {
  const checked = checkConfig({ ...settings });
  const problems = [
    ...checked.problems.map((p) => `Expected \`${p.key}\` to be ${p.expected}, got ${p.got}`),
    ...checked.unknown.map((key) => `Unknown key \`${key}\``),
  ];
  if (problems.length > 0) throw new AppError("E_CONFIG", problems.join("; "));
  return JSON.stringify(settings);
}

/** Makes a fresh device key: base64url of 32 random bytes. */
export function createKey(): string {
  return randomBytes(32).toString("base64url");
}
