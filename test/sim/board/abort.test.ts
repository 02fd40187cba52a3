// SPDX-License-Identifier: MIT
// What ends a callback cannot be caught, and where a script that runs as it is could catch it, the
// callback counts as cut off all the same.
import { describe, expect, it } from "vitest";
import { createLab } from "../lab.ts";

const SCRIPT = `setInterval(function(){
  try { print("tick"); } catch (e) { print("caught"); } finally { print("fin"); }
  print("after");
}, 10);`;

describe("out of memory at a call into the platform", () => {
  it("passes through try when the script is rewritten", () => {
    const { board, clock, lines, run } = createLab({ instrument: true });
    run(SCRIPT);
    board.injectOutOfMemory(1);
    clock.advance(50);
    expect(lines).not.toContain("caught");
    expect(lines).not.toContain("fin");
    expect(lines).not.toContain("tick");
  });

  it("ends the interval although a script that runs as it is has caught it", () => {
    const { board, clock, lines, run } = createLab();
    run(SCRIPT);
    board.injectOutOfMemory(1);
    clock.advance(50);
    expect(lines).toContain("ERROR: Ctrl-C while processing interval - removing it.");
    expect(lines).not.toContain("tick");
  });

  it("does not reach the next callback", () => {
    const { board, clock, lines, run } = createLab({ instrument: true });
    run(`setTimeout(function(){print("one")},5);
      setTimeout(function(){try{throw "own"}catch(e){print(e)}},20);`);
    board.injectOutOfMemory(1);
    clock.advance(50);
    expect(lines.at(-1)).toBe("own");
  });
});

describe("a promise whose handler was cut off", () => {
  it("is fulfilled for want of memory and rejected for want of stack", () => {
    const { clock, lines, run } = createLab({ instrument: true });
    run(`function r(){r()}
      Promise.resolve().then(r).then(function(){print("no")},function(e){print(e.message)});
      Promise.resolve().then(function(){var s="0123456789";while(1)s+=s})
        .then(function(v){print("fulfilled",v)},function(){print("no")});`);
    clock.advance(5);
    expect(lines.filter((line) => !/MEMORY|^ /.test(line))).toEqual([
      "Too much recursion - the stack is about to overflow",
      "fulfilled undefined",
    ]);
  });
});
