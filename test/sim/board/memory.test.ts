// SPDX-License-Identifier: MIT
// What a board counts of itself, and what happens to sockets when memory ends.
import { describe, expect, it } from "vitest";
import { codeSize } from "../../../sim/board/memory-code.ts";
import { heapVars } from "../../../sim/board/memory-heap.ts";
import type { BoardUsage } from "../../../sim/board/board.ts";
import { createLab } from "../lab.ts";
import type { Lab } from "../lab.ts";
import type { StubSocket } from "../stub-network.ts";

const OPEN = "var c=require('net').connect({host:'192.0.2.1',port:1});";

function socketOf(lab: Lab): StubSocket {
  return lab.network.sockets[0] as StubSocket;
}

describe("memory", () => {
  it("costs values as the interpreter does", () => {
    const cases: [unknown, number][] = [
      [{}, 1],
      [{ a: 1, b: 2, c: 3 }, 4],
      [{ abcde: 1 }, 3],
      [{ a: true }, 3],
      [{ a: undefined, b: 9000 }, 3],
      [{ a: {} }, 3],
      [[1, 2, 3], 4],
      [["a", "b", "c"], 7],
      ["0123456789".repeat(10), 11],
      [new Uint8Array(4), 3],
      [new Uint8Array(16), 4],
      [new Uint8Array(64), 8],
      [new Uint8Array(1000), 75],
      [new Date(), 5],
    ];
    for (const [value, vars] of cases) expect(heapVars([value]), JSON.stringify(value)).toBe(vars);
  });

  it("counts each object once, whatever refers to it", () => {
    const shared = { a: 1 };
    const ring: Record<string, unknown> = { one: shared, two: shared };
    ring["self"] = ring;
    expect(heapVars([ring, shared])).toBe(1 + 3 + 2);
  });

  it("costs functions by what they keep: less from flash, and their scope when it stays", () => {
    const vars = (source: string): number => codeSize(source, "flash").vars;
    expect(vars("function a(){}")).toBe(1);
    expect(vars("function a(bb,cc){return bb+cc}")).toBe(5);
    expect(codeSize("function a(){x=y;x=y;x=y;x=y;x=y;x=y;x=y}", "ram").vars).toBe(5);
    const factory = "function f(){var n=0;function g(){n++}return g}";
    expect(vars(`${factory}var a=f()`) - vars(factory.replace("return g", ""))).toBeGreaterThan(5);
    expect(vars(`${factory}var a=f(),b=f()`)).toBeGreaterThan(vars(`${factory}var a=f()`));
    expect(vars("}{")).toBe(0);
  });

  it("knows by what a function's scope stays, however it is written", () => {
    const vars = (body: string): number =>
      codeSize(`var f=a=>{var n=0;${body}}`, "flash").vars - codeSize("var f=a=>{n}", "flash").vars;
    const inner = "var g=()=>n";
    expect(vars(`${inner};print(g)`)).toBe(0);
    for (const kept of [
      `${inner};return g`,
      `${inner},s={g:g};return s`,
      `${inner},s;return s={x:{g:g}}`,
      `${inner};return n&&print(n),g`,
      `${inner};return n?null:g`,
      `a.g=()=>n`,
      `${inner};a.g=n||g`,
    ])
      expect(vars(kept), kept).toBeGreaterThan(5);
    const inside = "function h(){f();f()}";
    const factory = "var f=()=>{var n=0;return()=>n};";
    const once = codeSize(`${factory}f()`, "flash").vars;
    expect(codeSize(`${factory}f();f()`, "flash").vars).toBeGreaterThan(once);
    expect(codeSize(factory + inside, "flash").vars).toBe(once + codeSize(inside, "flash").vars);
  });

  it("counts a global function no longer when it is deleted", () => {
    const { board, run } = createLab();
    const used = (): number => Number(board.evaluate("process.memory().usage"));
    run("");
    const before = used();
    run("var work=(a,b)=>a+b;");
    expect(used()).toBe(before + 6);
    run("delete global.work;");
    expect(used()).toBe(before);
  });

  it("looks at objects when asked to collect, and counts timers at once", () => {
    const { board, run } = createLab();
    run("var used=function(gc){return process.memory(gc).usage}");
    const before = Number(board.evaluate("used(false)"));
    run("var list=[];for(var i=0;i<500;i++)list.push(i);");
    expect(Number(board.evaluate("used(false)")) - before).toBeLessThan(20);
    expect(Number(board.evaluate("used()")) - before).toBeGreaterThan(500);
    const armed = Number(board.evaluate("used(false)"));
    run("setTimeout(used,9);setTimeout(used,9);");
    expect(Number(board.evaluate("used(false)")) - armed).toBeGreaterThanOrEqual(12);
    expect(board.evaluate("Object.keys(process.memory(false)).indexOf('gc')")).toBe(-1);
  });

  it("tells its host what there is", () => {
    const lab = createLab();
    expect(lab.board.usage()).toBeNull();
    lab.run(`${OPEN}c.on('data',function(){});E.on('init',function(){});setTimeout(print,9);`);
    lab.board.flash.write("a", "1234");
    socketOf(lab).roomBytes = 0;
    lab.run("c.write('12345');");
    expect(lab.board.usage()).toMatchObject({
      timers: 1,
      listeners: 2,
      sockets: 1,
      bufferedBytes: 5,
      fileBytes: 36,
      trashBytes: 0,
    });
  });

  it("ends when a peer does not read: the write is cut off, and its interval is gone", () => {
    const lab = createLab();
    lab.run(`${OPEN}var n=0;E.on('errorFlag',function(f){print(f.join())});`);
    socketOf(lab).roomBytes = 0;
    lab.run("setInterval(function(){n++;c.write(E.toString({data:65,count:20000}));n+=100},10);");
    lab.run("setTimeout(function(){print('starved')},500);");
    lab.clock.advance(200);
    const usage = lab.board.usage();
    expect(lab.lines).toEqual([
      expect.stringMatching(/^OUT OF MEMORY/),
      "ERROR: Ctrl-C while processing interval - removing it.",
      "Execution Interrupted during event processing.",
      // The listener of errorFlag has no memory to run in.
      "New interpreter error: CALLBACK,LOW_MEMORY,MEMORY",
      "Execution Interrupted during event processing.",
    ]);
    expect(lab.board.evaluate("n%101")).toBe(1);
    expect(usage).toMatchObject({ timers: 1, sockets: 1 });
    expect(usage?.bufferedBytes).toBeGreaterThan(150_000);
    expect(usage?.vars).toBeGreaterThan(16_350);

    // Nothing can be called until the peer takes something, and then what waited is lost.
    lab.clock.advance(400);
    expect(lab.lines.slice(5)).toEqual(["Execution Interrupted during event processing."]);
    socketOf(lab).roomBytes = 100;
    socketOf(lab).changed();
    lab.clock.settle();
    lab.run("setTimeout(function(){print('back')},1);");
    lab.clock.advance(5);
    expect(lab.lines.at(-1)).toBe("back");
    expect(lab.board.usage()?.bufferedBytes).toBeLessThan(1000);
  });

  it("loses what it cannot copy while it sends", () => {
    const lab = createLab();
    lab.run(OPEN);
    const socket = socketOf(lab);
    socket.roomBytes = 0;
    lab.run("c.write(E.toString({data:65,count:100000}));");
    socket.roomBytes = 1;
    socket.changed();
    lab.clock.settle();
    expect(socket.sent).toBe("A");
    const { bufferedBytes } = lab.board.usage() as BoardUsage;
    expect(bufferedBytes).toBeLessThan(64_000);
    expect(bufferedBytes).toBeGreaterThan(50_000);
    expect(lab.board.evaluate("E.getErrorFlags().join()")).toBe("LOW_MEMORY,MEMORY");
  });
});
