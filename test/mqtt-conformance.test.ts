// SPDX-License-Identifier: MIT
// The page about MQTT conformance names every normative statement of the standard once, and every
// test that it names exists.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { checkEvidence } from "./helpers/test-names.ts";

const read = (file: string): string => readFileSync(new URL(`../${file}`, import.meta.url), "utf8");

const PAGE = read("docs/reference/mqtt-conformance.md");

/** How many numbered statements each section of MQTT 3.1.1 has (its appendix B). */
const STATEMENTS = {
  "1.5.3": 3,
  "2.2.2": 2,
  "2.3.1": 7,
  "3.1.0": 2,
  "3.1.2": 24,
  "3.1.3": 11,
  "3.1.4": 5,
  "3.2.0": 1,
  "3.2.2": 6,
  "3.3.1": 12,
  "3.3.2": 3,
  "3.3.4": 1,
  "3.3.5": 2,
  "3.6.1": 1,
  "3.8.1": 1,
  "3.8.3": 4,
  "3.8.4": 6,
  "3.9.3": 2,
  "3.10.1": 1,
  "3.10.3": 2,
  "3.10.4": 6,
  "3.12.4": 1,
  "3.14.1": 1,
  "3.14.4": 3,
  "4.1.0": 2,
  "4.3.1": 1,
  "4.3.2": 2,
  "4.3.3": 2,
  "4.4.0": 1,
  "4.5.0": 2,
  "4.6.0": 6,
  "4.7.1": 3,
  "4.7.2": 1,
  "4.7.3": 4,
  "4.8.0": 2,
  "6.0.0": 4,
  "7.0.0": 2,
  "7.1.1": 1,
  "7.1.2": 1,
};

/** Numbers of statements in the first column of tables, and in the list of the server's. */
function numbersOf(page: string): string[] {
  const lists = page
    .split("\n")
    .filter((line) => /^\|? ?\d+\.\d+\.\d+-\d+[ ,.]/.test(line))
    .map((line) => (line.startsWith("|") ? (line.split("|")[1] as string) : line));
  return lists.join(" ").match(/\d+\.\d+\.\d+-\d+/g) ?? [];
}

describe("the page about MQTT conformance", () => {
  it("has each statement of the standard once", () => {
    const all = Object.entries(STATEMENTS).flatMap(([section, count]) =>
      Array.from({ length: count }, (_, i) => `${section}-${i + 1}`),
    );
    expect(all).toHaveLength(141);
    expect(numbersOf(PAGE).sort()).toEqual(all.sort());
  });

  it("names tests that exist", () => {
    const { named, missing } = checkEvidence(PAGE);
    expect(named).toBeGreaterThan(100);
    expect(missing).toEqual([]);
  });
});
