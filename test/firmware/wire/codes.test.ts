// SPDX-License-Identifier: MIT
// The catalogue and the source name the same codes: none missing, none unused.
import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { CODES } from "../../../firmware/wire/codes.ts";

const FIRMWARE = fileURLToPath(new URL("../../../firmware/", import.meta.url));

function codesInSource(): Set<string> {
  const codes = new Set<string>();
  for (const name of readdirSync(FIRMWARE, { recursive: true, encoding: "utf8" })) {
    if (!name.endsWith(".ts") || name.endsWith(path.join("wire", "codes.ts"))) continue;
    const text = readFileSync(path.join(FIRMWARE, name), "utf8");
    for (const [code] of text.matchAll(/\bE_[A-Z_]+\b/g)) codes.add(code);
  }
  return codes;
}

describe("codes", () => {
  it("are used in the source, each of them, and none besides", () => {
    expect([...codesInSource()].sort()).toEqual(Object.keys(CODES).sort());
  });

  it.each(Object.entries(CODES))("%s has one sentence for a person", (_code, info) => {
    expect(info.text).toMatch(/^[A-Z][ -~]+\.$/);
    expect(info.severity).toMatch(/^[WE]$/);
    expect(typeof info.retriable).toBe("boolean");
  });
});
