// SPDX-License-Identifier: MIT
// Rewritten scripts: lines and columns stay, what the parity probes cannot show (places of errors,
// loops that never end, waiting for the clock) works. What a script prints is the probes' matter.
import { readFileSync } from "node:fs";
import { Script } from "node:vm";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createEdits } from "../../../sim/board/instrument-edits.ts";
import { createLoader } from "../../../sim/board/instrument-loader.ts";
import type { Loaded } from "../../../sim/board/instrument-loader.ts";
import { instrument } from "../../../sim/board/instrument.ts";
import { BoardError } from "../../../sim/index.ts";
import type { BoardOptions } from "../../../sim/index.ts";
import { readProbes } from "../../parity/probes.ts";
import { createLab } from "../lab.ts";
import type { Lab } from "../lab.ts";

const lab = (options: Partial<BoardOptions> = {}): Lab =>
  createLab({ instrument: true, ...options });

function failing(source: string): BoardError {
  try {
    lab().run(source);
  } catch (error) {
    if (error instanceof BoardError) return error;
    throw error;
  }
  throw new Error("the script ended well");
}

describe("edits", () => {
  it("keep lines and find columns back", () => {
    const source = "ab cd\nef gh ij\n\nkl";
    const edits = createEdits(source);
    edits.open(3, "<<");
    edits.close(5, ">>");
    edits.replace(6, 8, "longer");
    edits.replace(9, 15, "");
    const { text, sourceColumn } = edits.apply();
    expect(text).toBe("ab <<cd>>\nlonger \n\nkl");
    expect([1, 4, 6, 7].map((column) => sourceColumn(1, column))).toEqual([1, 4, 4, 5]);
    expect(sourceColumn(2, 7)).toBe(3);
    expect(sourceColumn(4, 2)).toBe(2);
  });

  it("nest as nodes do", () => {
    const edits = createEdits("a");
    edits.open(0, "f(");
    edits.open(0, "g(");
    edits.close(1, ")");
    edits.close(1, "]");
    expect(edits.apply().text).toBe("f(g(a)]");
  });

  it("keep the number of lines, whatever is replaced", () => {
    const range = fc.tuple(fc.nat(40), fc.nat(10), fc.constantFrom("", "x", "yz"));
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom("a", "\n", " ") }), range, (source, r) => {
        const start = Math.min(r[0], source.length);
        const edits = createEdits(source);
        edits.replace(start, Math.min(start + r[1], source.length), r[2]);
        expect(edits.apply().text.split("\n")).toHaveLength(source.split("\n").length);
      }),
    );
  });
});

describe("a rewritten script", () => {
  const bundle = readFileSync(
    new URL("../../../dist/firmware/lubdub.js", import.meta.url),
    "latin1",
  );
  const sources = [{ name: "the firmware", source: bundle }, ...readProbes()];

  it("compiles and has the lines of the source", () => {
    const wrong = sources.filter(({ name, source }) => {
      const { text } = instrument(source, { isLocal: false });
      void new Script(text, { filename: name });
      return text.split("\n").length !== source.split("\n").length;
    });
    expect(wrong.map(({ name }) => name)).toEqual([]);
  });

  it("is rewritten and compiled once for all boards, and forgotten when there are many others", () => {
    const load = (source: string): Loaded =>
      createLoader((message) => {
        throw new Error(message);
      }).load(source, "a.js", false);
    const long = `function f(){return "${"x".repeat(2000)}"}`;
    const first = load(long);
    expect(load(long).script).toBe(first.script);
    for (let i = 0; i < 20; i++) load(`${long};${i}`);
    expect(load(long).script).not.toBe(first.script);
  });

  it("tells where an error arose, in the columns of the source", () => {
    const error = failing("var a = 1;\nfunction f(x) {\n  return a + x.y.z;\n}\nprint(1); f({});");
    expect(error.message).toBe("Error: Can't read property 'z' of undefined");
    expect(error.frames).toEqual([
      { functionName: "f", file: "test.js", line: 3, column: 18 },
      { functionName: "", file: "test.js", line: 5, column: 12 },
    ]);
  });

  it("throws for a refused construct where it stands, when it gets there", () => {
    const error = failing("print(1);\nfunction f(o) {\n  print(2);\n  return o?.b;\n}\nf({});");
    expect(error.type).toBe("SyntaxError");
    expect(error.frames[0]).toEqual({ functionName: "f", file: "test.js", line: 4, column: 10 });
  });

  it("starts when a function that is not called cannot be read", () => {
    expect(lab().run("function bad(){ var = 3; }\nprint('ok');")).toEqual(["ok"]);
  });

  it("calculates with what an addition has just assigned", () => {
    expect(lab().run("var a=1,o={b:2};function f(){var d=1;return (d+=o.b)-1}print(f());")).toEqual(
      ["2"],
    );
  });

  it("knows functions of an eval by their source", () => {
    expect(lab().run("eval('function f(a){return a+1}');print(f);")).toEqual([
      "function (a) {return a+1}",
    ]);
  });

  it("finds names of scripts that ran before", () => {
    const { run } = lab();
    run("let a=1;const c=2;class K{m(){return a+c}}");
    expect(run("a=5;print(new K().m(),typeof later);function later(){}")).toEqual(["7 undefined"]);
  });
});

describe("a loop that never ends", () => {
  it("is stopped, with its place, and the board goes on", () => {
    const { lines, clock, run } = lab();
    run(
      "setTimeout(function(){\n  try{while(1);}catch(e){print('no')}finally{print('no')}\n},5);setTimeout(print,50,'on');",
    );
    clock.advance(100);
    expect(lines).toEqual([
      "ERROR: the script loops for ever (test.js:2:15)",
      "Execution Interrupted during event processing.",
      "on",
    ]);
  });

  it("is stopped at the top of a script too", () => {
    const error = failing("print(1);for(;;){}");
    expect(error.type).toBe("endless");
    expect(error.frames[0]).toMatchObject({ line: 1, column: 18 });
  });

  it("is none while the script waits for the clock", () => {
    const { run } = lab();
    expect(run("var t=getTime();while(getTime()<t+30);print('waited')")).toEqual(["waited"]);
  });

  it("is one when the clock shows nothing new for a minute", () => {
    expect(failing("while(getTime()>0);").type).toBe("endless");
  });

  it("tells the tools", () => {
    const seen: string[] = [];
    const { clock, run } = lab({ onUncaught: ({ text }) => seen.push(text) });
    run("setInterval(function(){for(;;);},10)");
    clock.advance(50);
    expect(seen).toEqual(["the script loops for ever"]);
  });
});

describe("a full stack", () => {
  it("comes early on a board and late in a process", () => {
    const deep = "function d(n){return n?d(n-1)+1:0}print(d(100))";
    expect(lab({ profile: "linux" }).run(deep)).toEqual(["100"]);
    expect(failing(deep).message).toBe(
      "Error: Too much recursion - the stack is about to overflow",
    );
  });

  it("leaves nothing behind", () => {
    const { clock, lines, run } = lab();
    run("function r(){r()}setTimeout(r,1);setTimeout(function(){print(typeof r)},20)");
    clock.advance(50);
    expect(lines.at(-1)).toBe("function");
  });
});
