// SPDX-License-Identifier: MIT
// The platform's bugs: each shows unless it is switched off.
import { describe, expect, it } from "vitest";
import { bugsOf } from "../../../sim/board/bugs.ts";
import { createLab } from "../lab.ts";

describe("bugs", () => {
  it("are all there on both kinds of boards", () => {
    expect(Object.values(bugsOf("esp32"))).not.toContain(false);
    expect(Object.values(bugsOf("linux"))).not.toContain(false);
    expect(bugsOf("esp32", { "emit-queued": false })["emit-queued"]).toBe(false);
  });

  it("replay the ticks that an interval missed, or skip them and keep its phase", () => {
    const ticks = (isReplaying: boolean): string[] => {
      const lab = createLab({ bugs: { "replayed-ticks": isReplaying } });
      lab.run("var t=Date.now();setInterval(function(){print(Math.round(Date.now()-t))},100);");
      lab.clock.advance(100);
      lab.clock.block(350);
      lab.clock.settle();
      lab.clock.advance(60);
      return lab.lines;
    };
    expect(ticks(true)).toEqual(["100", "450", "450", "450", "500"]);
    expect(ticks(false)).toEqual(["100", "450", "500"]);
  });

  it("delete an interval that is cut off and those due behind it, or leave them", () => {
    const afterAbort = (isDeleting: boolean): string[] => {
      const lab = createLab({ bugs: { "interval-deleted-by-abort": isDeleting } });
      lab.run(
        "var log='';setInterval(function(){log+='a'},100);setInterval(function(){getSerial()},100);" +
          "setInterval(function(){log+='c'},100);setTimeout(function(){log+='t'},100);",
      );
      lab.board.injectOutOfMemory(1);
      lab.clock.advance(100);
      lab.run("log+='.'");
      lab.clock.advance(200);
      return [String(lab.board.evaluate("log")), ...lab.lines.filter((l) => l.startsWith("ERROR"))];
    };
    const removed = "ERROR: Ctrl-C while processing interval - removing it.";
    expect(afterAbort(true)).toEqual(["act.aa", removed, removed]);
    expect(afterAbort(false)).toEqual(["act.acac"]);
  });

  it("give each start of each board the same random numbers, or others", () => {
    const draws = (seed: number, isUnseeded: boolean): unknown[] => {
      const { board } = createLab({ seed, bugs: { "unseeded-random": isUnseeded } });
      return [1, 2].map(() => {
        board.powerOff();
        board.powerOn();
        return board.evaluate("Math.random()");
      });
    };
    expect(draws(1, true)).toEqual([...new Array(2)].map(() => draws(2, true)[1]));
    const all = [...draws(1, false), ...draws(2, false)];
    expect(new Set(all).size).toBe(4);
    expect(draws(1, false)).toEqual(all.slice(0, 2));
  });

  it("queue what is emitted, or call its listeners at once", () => {
    const order = (isQueued: boolean): string[] => {
      const lab = createLab({ bugs: { "emit-queued": isQueued } });
      return lab.run("var o={};o.on('x',function(){print('x')});o.emit('x');print('end');");
    };
    expect(order(true)).toEqual(["end", "x"]);
    expect(order(false)).toEqual(["x", "end"]);
  });
});
