// SPDX-License-Identifier: MIT
// The reference pages name exactly what the code has: every failure code and configuration key, in
// both directions.
import { readFileSync, readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { CODES } from "../firmware/wire/codes.ts";
import { CONFIG } from "../firmware/wire/config.ts";
import { FAULTS } from "../sim/faults/index.ts";

const FIRMWARE = readdirSync(new URL("../firmware", import.meta.url), { recursive: true })
  .map(String)
  .filter((file) => file.endsWith(".ts"));

function page(name: string): string {
  return readFileSync(new URL(`../docs/reference/${name}`, import.meta.url), "utf8");
}

describe("reference pages", () => {
  it("have a heading with its text for each failure code and no other", () => {
    const text = page("errors.md");
    const headings = [...text.matchAll(/^## (\S+)\n+(.+)$/gm)].map((m) => [m[1], m[2]]);
    expect(headings).toEqual(Object.entries(CODES).map(([code, info]) => [code, info.text]));
  });

  it("have a row with its default for each configuration key and no other", () => {
    const rows = [...page("config.md").matchAll(/^\| `(\S+)` +\| [^|]+ \| ([^|]+?) +\|/gm)];
    expect(rows.map((m) => m[1])).toEqual(Object.keys(CONFIG));
    for (const [, key, text] of rows) {
      const value = CONFIG[key as keyof typeof CONFIG][1];
      if (value !== undefined)
        expect(text?.replaceAll("`", ""), key).toBe(`${value as string | number | boolean}`);
    }
  });

  it("name bounds by constants that are where the row says", () => {
    const rows = page("timeouts.md")
      .split("\n")
      .filter((line) => line.startsWith("| "));
    const source = (file: string): string =>
      readFileSync(new URL(`../firmware/${file}`, import.meta.url), "utf8");
    const all = FIRMWARE.map(source).join("\n");
    let count = 0;
    for (const row of rows) {
      const files = [...row.matchAll(/`([a-z-]+\/?[a-z-]+\.ts)`/g)].map(
        (match) => match[1] as string,
      );
      const text = files.length ? files.map(source).join("\n") : all;
      for (const [, name] of row.matchAll(/`([A-Z]+(?:_[A-Z]+)*)`/g)) {
        if (name?.startsWith("E_") || name === "PINGREQ") continue;
        expect(text.includes(`export const ${name} =`), `${name} in ${row}`).toBe(true);
        count++;
      }
    }
    expect(count).toBeGreaterThan(20);
  });

  it("have a row for each fault and no other, with its target, kind, summary and parameters", () => {
    const rows = page("faults.md")
      .split("\n")
      .filter((line) => line.startsWith("| `"))
      .map((line) =>
        line
          .split("|")
          .slice(1, -1)
          .map((cell) => cell.trim()),
      );
    const expected = [...FAULTS.values()].map((fault) => [
      `\`${fault.name}\``,
      fault.target,
      fault.isInstant ? "moment" : "span",
      fault.summary,
      Object.entries(fault.params)
        .map(([name, rule]) => {
          if (rule.kind === "choice") return `\`${name}\` ${rule.values.join(", ")}`;
          if (rule.kind === "host") return `\`${name}\` ${rule.default}`;
          return `\`${name}\` ${rule.default} (${rule.min} to ${rule.max} ${rule.unit})`;
        })
        .join("; "),
    ]);
    expect(rows).toEqual(expected);
  });
});
