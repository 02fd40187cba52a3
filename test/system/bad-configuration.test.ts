// SPDX-License-Identifier: MIT
// Every key of the table, wrong in every way, on a virtual board with the whole firmware: a line
// names key, what was expected and what was there; with a configuration that was good before, the
// board runs with that one; without, it stays on its console. The cases come from the table, so a
// new key is among them without being named here.
import { beforeAll, describe, expect, it } from "vitest";
import { createBoard } from "../../sim/index.ts";
import { GOOD_FILE } from "../../firmware/core/config-store.ts";
import { ALL_KEYS, CONFIG_FILE, isSecret } from "../../firmware/wire/config.ts";
import { KEY } from "../helpers/fake-board.ts";
import { START_WALL_MS, createFakeClock } from "../helpers/fake-clock.ts";
import { PROJECT, buildFirmware } from "../helpers/planted.ts";
import { createStubNetwork } from "../sim/stub-network.ts";

const GOOD = { device_id: "kitchen", urls: "mqtt://broker.test", key: KEY };

let bundle = "";

beforeAll(async () => {
  const result = await buildFirmware(PROJECT);
  if ("message" in result) throw new Error(result.message);
  bundle = String(result.files["lubdub.min.js"]);
});

const refusing = createStubNetwork();
refusing.failure = "refused";

interface Outcome {
  /** Lines of the configuration, without their time. */
  lines: string[];
  /** The program runs. */
  isReady: boolean;
  /** What the console answers to 6*7. */
  answer: unknown;
}

/** Starts a board with a configuration, and perhaps one that was good before. */
function start(raw: object, good?: object): Outcome {
  const clock = createFakeClock();
  const lines: string[] = [];
  const board = createBoard({
    clock: {
      now: () => START_WALL_MS + clock.nowMs(),
      setTimer: (fn, delayMs) => ({ id: clock.after(delayMs, fn) }),
      clearTimer: (timer) => clock.cancel((timer as { id: number }).id),
    },
    network: refusing,
    wifi: false,
    seed: 1,
    onPrint: (line) => lines.push(line.replace(/^\d+ /, "")),
  });
  board.flash.write(CONFIG_FILE, JSON.stringify(raw));
  if (good) board.flash.write(GOOD_FILE, JSON.stringify(good));
  board.flash.write(".bootcde", bundle);
  board.powerOn();
  clock.advance(50);
  const answer = board.evaluate("6*7");
  board.powerOff();
  return {
    lines: lines.filter((line) => line.slice(2).startsWith("config ")),
    isReady: lines.includes("I app ready"),
    answer,
  };
}

interface Case {
  name: string;
  key: string;
  /** Undefined: the key is left out. */
  value: unknown;
  /** It breaks a rule about several keys, or is left out: tried alone. */
  isRule?: boolean;
  /** Further keys. */
  more?: object;
}

/** Wrong values of one row of the table. */
function casesOf(row: string): Case[] {
  const [key = "", kind = "", fallback = "", min, max, rule = ""] = row.split(" ");
  // Anything goes.
  if (kind === "a") return [];
  const cases: Case[] = [null, [], {}, kind === "b" ? 1 : true].map((value) => ({
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

const CASES = ALL_KEYS.split("|").map(casesOf);

/** Checks that exactly one line tells what was wrong. */
function expectTold(lines: string[], { name, key, value }: Case): void {
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

describe("a bad configuration", () => {
  it("is tried with every key but the one that takes anything", () => {
    const keys = CASES.map(([first]) => first?.key);
    const all = ALL_KEYS.split("|").map((row) => row.split(" ")[0]);
    expect(all.filter((key) => !keys.includes(key))).toEqual(["ENABLE_HEARTBEAT"]);
  });

  it("is told with every wrong value, key by key, and leaves the console", () => {
    const most = Math.max(...CASES.map((cases) => cases.length));
    for (let i = 0; i < most; i++) {
      const wrong = CASES.flatMap((cases) => cases[i] ?? []).filter((one) => !one.isRule);
      if (!wrong.length) continue;
      const values = Object.fromEntries(wrong.map(({ key, value }) => [key, value]));
      const { lines, isReady, answer } = start({ ...GOOD, ...values });
      for (const one of wrong) expectTold(lines, one);
      expect([isReady, answer]).toEqual([false, 42]);
    }
  });

  it.each(CASES.flat().filter((one) => one.isRule))("is told when $name", (one) => {
    const { lines, isReady, answer } = start({ ...GOOD, ...one.more, [one.key]: one.value });
    expectTold(lines, one);
    expect([isReady, answer]).toEqual([false, 42]);
  });

  it("gives way to the last one that was online", () => {
    const some = CASES.flatMap((cases) => cases.slice(-1)).filter((_, index) => index % 5 === 0);
    for (const { key, value, more, name } of some) {
      const { lines, isReady, answer } = start({ ...GOOD, ...more, [key]: value }, GOOD);
      expect(lines.at(-1), name).toBe(`W config fallback file=${GOOD_FILE}`);
      expect([isReady, answer], name).toEqual([true, 42]);
    }
  });
});
