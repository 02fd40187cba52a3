// SPDX-License-Identifier: MIT
// Every key of the configuration, wrong in every way. The cases come from the table of the wire
// contract, so a new key is among them without being named here.
import { expect } from "vitest";
import { ALL_KEYS, isSecret } from "../../firmware/wire/config.ts";

/** One wrong value. */
export interface BadCase {
  name: string;
  key: string;
  /** Undefined: the key is left out. */
  value: unknown;
  /** It breaks a rule about several keys, or is left out: tried alone. */
  isRule?: boolean;
  /** Further keys. */
  more?: object;
}

/** A value that fits, of a key that needs another one. */
function rightValueOf(row: string): unknown {
  const [, kind = "", , min] = row.split(" ");
  if ("uw".includes(kind)) return "ws://server.test";
  return "in".includes(kind) ? Number(min) : "x".repeat(Number(min));
}

/** What a key needs beside it to be a limit that the highest value of `row` is above. */
function limitOf(key: string, row: string): object {
  const [, , , , max] = row.split(" ");
  const value = Math.min(Number(max) - 1, 5);
  return key.startsWith("keepalive")
    ? { [key]: value, keepalive_payload: "x", keepalive_url: "ws://server.test" }
    : { [key]: value };
}

/** Wrong values of one row of the table. */
function casesOf(row: string): BadCase[] {
  const [key = "", kind = "", fallback = "", min, max, rule = ""] = row.split(" ");
  // Anything goes.
  if (kind === "a") return [];
  const cases: BadCase[] = [null, [], {}, kind === "b" ? 1 : true].map((value) => ({
    name: `${key} is ${JSON.stringify(value)}`,
    key,
    value,
  }));
  const add = (name: string, value: unknown): void =>
    void cases.push({ name: `${key} ${name}`, key, value });
  if ("in".includes(kind)) {
    add("is a text", "5");
    add("is below its range", Number(min) - 1);
    add("is above its range", Number(max) + 1);
    if (kind === "i") add("is no integer", Number(min) + 0.5);
  } else if (kind !== "b") {
    add("is a number", 5);
    add("is not printable", "a\nb".padEnd(50, "x"));
    if (min !== undefined && min !== "0") add("is too short", "x".repeat(Number(min) - 1));
    if (max !== undefined) add("is too long", "x".repeat(Number(max) + 1));
  }
  const addRule = (name: string, value: unknown, more = {}): void =>
    void cases.push({ name: `${key} ${name}`, key, value, isRule: true, more });
  if (fallback === "!") addRule("is missing", undefined);
  if (rule.startsWith("&")) addRule("stands alone", rightValueOf(row));
  if (rule.startsWith("<"))
    addRule("contradicts another", Number(max), limitOf(rule.slice(1), row));
  return cases;
}

/** All of them, key by key; a key that takes anything has none. */
export const BAD_CASES: readonly BadCase[][] = ALL_KEYS.split("|").map(casesOf);

/** Cases that a configuration can have at once: none, or one, of each key. */
export const BAD_ROUNDS: readonly BadCase[][] = Array.from(
  { length: Math.max(...BAD_CASES.map((cases) => cases.length)) },
  (_, i) => BAD_CASES.flatMap((cases) => cases[i] ?? []).filter((one) => !one.isRule),
).filter((round) => round.length > 0);

/** The cases that are tried alone. */
export const BAD_RULES: readonly BadCase[] = BAD_CASES.flat().filter((one) => one.isRule);

/** A configuration with these cases over `good`. */
export function configWith(good: object, cases: readonly BadCase[]): object {
  return Object.assign(
    { ...good },
    ...cases.map(({ key, value, more }) => ({ ...more, [key]: value })),
  ) as object;
}

/** Checks that exactly one line, without its time, tells what was wrong. */
export function expectTold(lines: readonly string[], { name, key, value }: BadCase): void {
  const mine = lines.filter((line) => line.startsWith(`E config wrong key=${key} `));
  expect(mine, name).toHaveLength(1);
  const got = /^E config wrong key=\w+ expected="[^"]{4,}" got="([^"]*)"?$/.exec(
    mine[0] ?? "",
  )?.[1];
  const text = JSON.stringify(value)?.replace(/[^ -~]|"/g, "?");
  if (value === undefined) expect(got, name).toBe("nothing");
  else if (isSecret(key) && value) expect(got, name).toBe("(secret)");
  // A line has at most 160 bytes.
  else expect(text?.startsWith(got ?? "?"), `${name}: ${got}`).toBe(true);
}
