// SPDX-License-Identifier: MIT
// Running out of memory at the n-th call into the platform.
import { describe, expect, it } from "vitest";
import { createLab } from "../lab.ts";

describe("platform calls", () => {
  it("are counted over restarts: natives of the board and JSON, not methods of the language", () => {
    const { board, run } = createLab();
    run("[1].map(function(x){return String(x).substr(0)});'abc'.indexOf('b');");
    expect(board.platformCalls()).toBe(0);
    run("print(1);JSON.stringify({});E.clip(1,0,2);require('Storage').read('a');");
    expect(board.platformCalls()).toBe(5);
    board.powerOff();
    run("getSerial()");
    expect(board.platformCalls()).toBe(6);
  });

  it("runs out of memory at the n-th, which ends the callback and raises flags once", () => {
    const lab = createLab();
    lab.run(
      "E.on('errorFlag',function(f){print('flags',f.join())});" +
        "function work(){print(1);JSON.parse('[]');print('never')}" +
        "setTimeout(work,10);setTimeout(function(){print('next')},10);",
    );
    lab.board.injectOutOfMemory(2);
    lab.clock.advance(20);
    expect(lab.lines).toEqual([
      "1",
      "OUT OF MEMORY    at work (test.js:1:86)",
      "next",
      "Execution Interrupted during event processing.",
      "flags LOW_MEMORY,MEMORY",
      "New interpreter error: LOW_MEMORY,MEMORY",
    ]);
    expect(lab.run("print(E.getErrorFlags().join(),E.getErrorFlags().length)")).toEqual([
      "LOW_MEMORY,MEMORY 0",
    ]);
  });

  it("fails inside sockets and Storage too", () => {
    const lab = createLab();
    lab.run("var s=require('Storage');");
    lab.board.injectOutOfMemory(1);
    expect(() => lab.run("s.write('a','b')")).toThrow("Execution Interrupted");
    expect(lab.board.flash.list()).toEqual([]);
  });

  it("cuts a boot file off and runs the next", () => {
    const lab = createLab();
    lab.board.flash.write(".boot0", "print('one');print('two');");
    lab.board.flash.write(".bootcde", "print('three');");
    lab.board.injectOutOfMemory(2);
    lab.board.powerOn();
    expect(lab.lines).toEqual([
      "one",
      "OUT OF MEMORY    at  (.boot0:1:14)",
      "Execution Interrupted",
      "three",
    ]);
  });
});
