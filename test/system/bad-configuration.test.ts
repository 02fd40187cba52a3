// SPDX-License-Identifier: MIT
// Every key of the table, wrong in every way, on a virtual board with the whole firmware: a line
// names key, what was expected and what was there; with a configuration that was good before, the
// board runs with that one; without, it stays on its console.
import { describe, expect, it } from "vitest";
import { GOOD_FILE } from "../../firmware/core/config-store.ts";
import { ALL_KEYS, CONFIG_FILE } from "../../firmware/wire/config.ts";
import { loadBundle } from "../../tools/lib/bundle.ts";
import { BAD_CASES, BAD_ROUNDS, BAD_RULES, configWith, expectTold } from "../helpers/bad-config.ts";
import type { BadCase } from "../helpers/bad-config.ts";
import { KEY } from "../helpers/fake-board.ts";
import { bootAlone } from "../helpers/lone-board.ts";

const GOOD = { device_id: "kitchen", urls: "mqtt://broker.test", key: KEY };

interface Outcome {
  /** Lines of the configuration, without their time. */
  lines: string[];
  /** The program runs. */
  isReady: boolean;
  /** What the console answers to 6*7. */
  answer: unknown;
}

/** Starts a board with wrong values, and perhaps a configuration that was good before. */
function start(cases: readonly BadCase[], good?: object): Outcome {
  const files = {
    ".bootcde": loadBundle().text,
    [CONFIG_FILE]: JSON.stringify(configWith(GOOD, cases)),
    ...(good && { [GOOD_FILE]: JSON.stringify(good) }),
  };
  const { board, lines } = bootAlone(files, 50);
  const answer = board.evaluate("6*7");
  board.powerOff();
  return {
    lines: lines.filter((line) => line.slice(2).startsWith("config ")),
    isReady: lines.includes("I app ready"),
    answer,
  };
}

describe("a bad configuration", () => {
  it("is tried with every key but the one that takes anything", () => {
    const keys = BAD_CASES.map(([first]) => first?.key);
    const all = ALL_KEYS.split("|").map((row) => row.split(" ")[0]);
    expect(all.filter((key) => !keys.includes(key))).toEqual(["ENABLE_HEARTBEAT"]);
  });

  it("is told with every wrong value, key by key, and leaves the console", () => {
    for (const round of BAD_ROUNDS) {
      const { lines, isReady, answer } = start(round);
      for (const one of round) expectTold(lines, one);
      expect([isReady, answer]).toEqual([false, 42]);
    }
  });

  it.each(BAD_RULES)("is told when $name", (one) => {
    const { lines, isReady, answer } = start([one]);
    expectTold(lines, one);
    expect([isReady, answer]).toEqual([false, 42]);
  });

  it("gives way to the last one that was online, whatever key is wrong", () => {
    for (const one of BAD_CASES.flatMap((cases) => cases.slice(-1))) {
      const { lines, isReady, answer } = start([one], GOOD);
      expectTold(lines, one);
      expect(lines.at(-1), one.name).toBe(`W config fallback file=${GOOD_FILE}`);
      expect([isReady, answer], one.name).toEqual([true, 42]);
    }
  });
});
