// SPDX-License-Identifier: MIT
// A board's system clock and what it does to timers, on a virtual clock.
import { describe, expect, it } from "vitest";
import type { BoardOptions } from "../../../sim/index.ts";
import { createBoard } from "../../../sim/index.ts";
import { WORLD_START_MS, createVirtualClock } from "../../../sim/clock/virtual-clock.ts";
import { createStubNetwork } from "../stub-network.ts";

const HOUR_MS = 3_600_000;

function createRig(options: Partial<BoardOptions> = {}) {
  const clock = createVirtualClock();
  const lines: string[] = [];
  const board = createBoard({
    clock,
    network: createStubNetwork(),
    seed: 1,
    onPrint: (line) => lines.push(line),
    ...options,
  });
  const run = (source: string): void => {
    board.runScript(source, "test.js");
  };
  /** Lets time pass; gives what was printed meanwhile. */
  const pass = (ms: number): string[] => {
    const from = lines.length;
    clock.run(clock.now() + ms);
    return lines.slice(from);
  };
  return { board, clock, run, pass };
}

describe("system clock", () => {
  it("shows the world's time, or the time at which it is told to start", () => {
    const { board } = createRig();
    board.powerOn();
    expect(Number(board.evaluate("getTime()"))).toBeCloseTo(WORLD_START_MS / 1000, 3);

    const old = createRig({ clockStartMs: 0 });
    old.pass(5000);
    old.board.powerOn();
    expect(Number(old.board.evaluate("getTime()"))).toBeCloseTo(0, 3);
    old.pass(2000);
    expect(Number(old.board.evaluate("getTime()"))).toBeCloseTo(2, 3);
    expect(old.board.clockErrorMs()).toBeCloseTo(-WORLD_START_MS - 5000);
  });

  it("fires an interval once for each period of a step forward", () => {
    const { board, run, pass } = createRig();
    run(
      "var n=0;setInterval(function(){n++},60000);setTimeout(function(){print('late')},2880000);",
    );
    pass(1000);
    board.stepClock(HOUR_MS);
    expect(pass(10)).toEqual(["late"]);
    expect(board.evaluate("n")).toBe(60);
  });

  it("stalls all timers for the length of a step back", () => {
    const { board, run, pass } = createRig();
    run("setTimeout(function(){print('due')},1000);");
    board.stepClock(-5000);
    expect(pass(5999)).toEqual([]);
    expect(pass(2)).toEqual(["due"]);
  });

  it("leaves timers alone when they do not follow the clock", () => {
    const { board, run, pass } = createRig({ bugs: { "timers-follow-clock": false } });
    run("setTimeout(function(){print('due',Math.round(getTime()-t))},1000);var t=getTime();");
    board.stepClock(HOUR_MS);
    expect(pass(999)).toEqual([]);
    expect(pass(2)).toEqual(["due 3601"]);
  });

  it("runs fast or slow, and its timers with it", () => {
    const { board, run, pass } = createRig();
    run("setTimeout(function(){print('due')},1000000);");
    board.setClockDrift(1000);
    expect(pass(998_000)).toEqual([]);
    expect(pass(1500)).toEqual(["due"]);
    expect(board.clockErrorMs()).toBeCloseTo(999.5, 0);
    board.setClockDrift(0);
    pass(1_000_000);
    expect(board.clockErrorMs()).toBeCloseTo(999.5, 0);
  });

  it("is set by setTime on a board, and timers go on", () => {
    const { board, run, pass } = createRig();
    run("setTimeout(function(){print('due')},1000);setTime(86400);");
    expect(pass(999)).toEqual([]);
    expect(pass(2)).toEqual(["due"]);
    expect(Number(board.evaluate("getTime()"))).toBeCloseTo(86401, 1);
  });

  it("is not set by setTime in a linux process, whose timers are shifted instead", () => {
    const { board, run, pass } = createRig({ profile: "linux" });
    run("setTimeout(function(){print('due')},1000);var t=getTime();setTime(t+0.6);");
    expect(Number(board.evaluate("getTime()-t"))).toBeCloseTo(0, 3);
    expect(pass(1599)).toEqual([]);
    expect(pass(3)).toEqual(["due"]);
    run("setTimeout(function(){print('early')},1000);setTime(getTime()-0.6);");
    expect(pass(402)).toEqual(["early"]);
  });

  it("keeps its time through a brownout, and begins anew when the power was off", () => {
    const { board, pass } = createRig({ clockStartMs: 0 });
    board.powerOn();
    pass(3000);
    board.brownout();
    expect(Number(board.evaluate("getTime()"))).toBeCloseTo(3, 3);
    board.powerOff();
    board.setClockStart(null);
    board.powerOn();
    expect(board.clockErrorMs()).toBe(0);
  });
});
