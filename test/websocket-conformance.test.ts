// SPDX-License-Identifier: MIT
// The page about WebSocket conformance has every section of RFC 6455 that asks something of a client,
// and every test and Autobahn case that it names exists.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { AUTOBAHN_CASES } from "./helpers/autobahn-cases.ts";
import { checkEvidence } from "./helpers/test-names.ts";

const read = (file: string): string => readFileSync(new URL(`../${file}`, import.meta.url), "utf8");

const PAGE = read("docs/reference/websocket-conformance.md");

/** Sections with a sentence for clients, or for both sides. */
const SECTIONS =
  "3 4.1 4.2 5.1 5.2 5.3 5.4 5.5 5.5.1 5.5.2 5.5.3 5.6 5.8 6.1 6.2 7.1.1 7.1.2 7.1.3 7.1.5 7.1.7 " +
  "7.2.1 7.2.3 7.4.1 7.4.2 8.1 10.3 10.4 10.7";

const rows = PAGE.split("\n").filter((line) => line.startsWith("| "));
const firstCells = rows.map((line) => (line.split("|")[1] as string).trim());

describe("the page about WebSocket conformance", () => {
  it("has each section about clients", () => {
    const sections = new Set(firstCells.filter((cell) => /^\d+(\.\d+)*$/.test(cell)));
    expect([...sections].join(" ")).toBe(SECTIONS);
  });

  it("names tests that exist", () => {
    const { named, missing } = checkEvidence(PAGE);
    expect(named).toBeGreaterThan(50);
    expect(missing).toEqual([]);
  });

  it("has each Autobahn case", () => {
    const ranges = firstCells.flatMap((cell) => cell.match(/\d+(\.\d+)+-\d+(\.\d+)+/g) ?? []);
    const order = new Map(AUTOBAHN_CASES.map(({ id }, i) => [id, i]));
    let count = 0;
    for (const range of ranges) {
      const [from = "", to = from] = range.split("-");
      const [first, last] = [order.get(from), order.get(to)];
      expect(first, from).toBeDefined();
      expect(last, to).toBeDefined();
      count += (last as number) - (first as number) + 1;
    }
    expect(count).toBe(AUTOBAHN_CASES.length);
  });
});
