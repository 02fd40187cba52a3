// SPDX-License-Identifier: MIT
// Boards that share one world: each has its own globals, and sees what a board of its own world
// sees.
import { describe, expect, it } from "vitest";
import { createLab } from "../lab.ts";
import type { Lab } from "../lab.ts";

const inBoth = (source: string): { own: string[]; shared: string[] } => {
  const run = (realm: "own" | "shared"): string[] => {
    const lab = createLab({ realm });
    try {
      lab.run(source);
    } catch (error) {
      const { message, frames } = error as { message: string; frames: unknown[] };
      lab.lines.push(`${message} ${JSON.stringify(frames)}`);
    }
    lab.clock.advance(1000);
    lab.board.powerOff();
    return lab.lines;
  };
  return { own: run("own"), shared: run("shared") };
};

const SCRIPTS: { name: string; source: string }[] = [
  {
    name: "declarations",
    source: "var a=1; let b=2; const c=3; function f(){return a+b+c}\nprint(f())",
  },
  {
    name: "a declaration seen through global",
    source: "var a = 1; print(global.a); global.a = 5; print(a)",
  },
  {
    name: "an assigned name",
    source: "n = 4; print(n, global.n); function f(){ n++ }\nf(); print(n)",
  },
  { name: "a name that nobody knows", source: "print(typeof nobody);\n  print(nobody)" },
  { name: "a call of nothing", source: "var o = {};\no.missing.deep = 1" },
  { name: "a call of no function", source: "var o = {};\n  o.missing()" },
  { name: "assignment to a constant", source: "const c = 1;\nc = 2" },
  { name: "an error in a timer", source: "setTimeout(function late() {\n  null.x;\n}, 5)" },
  { name: "an error as the last value", source: "var o={};\n1;  o.a.b" },
  { name: "an error thrown by the interpreter", source: "\nsetTimeout(5)" },
  {
    name: "a replaced built-in",
    source: "print = function(x) { console.log('p', x) }; print(1); global.print(2)",
  },
  {
    name: "a deleted variable",
    source: "var a = 1, b = 2; print(delete global.a, global.a, Object.keys(global).join())",
  },
  { name: "a declared built-in", source: "var E = { x: 1 }; print(E.x, global.E.x)" },
  {
    name: "events",
    source: "var o = {}; o.on('a', x => print('got', x)); o.emit('a', 1); print('first')",
  },
  {
    name: "promises",
    source: "Promise.resolve(1).then(x => { print(x); return Promise.all([2, 3]) }).then(print)",
  },
  {
    name: "time",
    source: "print(new Date().toISOString(), getTime()); setTime(5); print(Math.floor(Date.now()))",
  },
  {
    name: "random numbers",
    source: "print(Math.random(), E.hwRand()); E.srand(7); print(Math.randInt(100))",
  },
  {
    name: "classes",
    source:
      "class A { constructor() { this.x = 1 } }\nprint(new A()); print([new Date(0), new Error('e')])",
  },
  {
    name: "text as code",
    source: "var n = 1; setTimeout('n++; print(n)', 5); print(eval('n + 1'))",
  },
  {
    name: "this of a plain call",
    source: "function f() { this.seen = 3 }\nf(); print(seen, global.seen)",
  },
  { name: "a refused construct", source: "print(1);\nvar { a } = {}" },
  {
    name: "console text",
    source: "print([1,{a:'x'}], print, () => 1, new Uint8Array(3), undefined, 1/3)",
  },
];

describe("a board of the shared realm", () => {
  it.each(SCRIPTS)("prints what a board with a realm of its own prints: $name", ({ source }) => {
    const { own, shared } = inBoth(source);
    expect(shared).toEqual(own);
  });

  const pair = (): [Lab, Lab] => [createLab({ realm: "shared" }), createLab({ realm: "shared" })];

  it("keeps its globals, listeners and random numbers to itself", () => {
    const [a, b] = pair();
    const source =
      "var n = 0; m = 5; process.on('x', () => print('x', n));" +
      "setInterval(() => { n++; print(n, m, Math.random()) }, 10)";
    a.run(source);
    b.run(source);
    a.board.evaluate("n = 100; m = 6");
    a.clock.advance(10);
    b.clock.advance(10);
    expect(a.lines).toEqual([`101 6 ${b.lines[0]?.slice(4)}`]);
    expect(b.lines).toEqual([expect.stringMatching(/^1 5 0\./)]);
    expect(b.board.evaluate("typeof nobody + n")).toBe("undefined1");
  });

  it("finds what one script declared from the next and from the console", () => {
    const lab = createLab({ realm: "shared" });
    lab.run("var count = 1; function add() { count++ } const LIMIT = 9; class Led {}");
    lab.run("add(); var count; print(count, LIMIT, new Led())");
    lab.board.evaluate("var count = 7");
    lab.board.evaluate("add()");
    expect(lab.board.evaluate("count")).toBe(8);
    expect(lab.lines).toEqual(["2 9 Led: {  }"]);
  });

  it("refuses to change an object that all boards share", () => {
    const lab = createLab({ realm: "shared" });
    expect(() => lab.run("print(1);\nArray.prototype.last = function () {}")).toThrow(
      "SyntaxError: shared realm: Array.prototype.last is one for all boards of a shared realm",
    );
  });

  it("starts anew with load and calls onInit", () => {
    const lab = createLab({ realm: "shared" });
    lab.board.flash.write(".bootcde", "var n = 1; function onInit() { print('init', n++) }");
    lab.board.powerOn();
    lab.clock.settle();
    lab.board.evaluate("load()");
    lab.clock.settle();
    expect(lab.lines).toEqual(["init 1", "init 1"]);
  });
});
