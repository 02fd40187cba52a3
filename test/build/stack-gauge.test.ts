// SPDX-License-Identifier: MIT
// The gauge of C stack: what each kind of call counts, and that it counts back whatever happens.
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import {
  GAUGE_QUESTION,
  addStackGauge,
  readGauge,
  readGaugeLine,
} from "../../tools/build-report/stack-gauge.ts";
import type { Depth } from "../../tools/build-report/stack-gauge.ts";

// Without mappings a place is a line and column of the script itself.
const MAP = JSON.stringify({ version: 3, sources: [], names: [], mappings: "" });

function depthOf(script: string): Depth | undefined {
  const gauged = addStackGauge(script, MAP, "/", "/");
  const answer = runInNewContext(`${gauged.code}\n;${GAUGE_QUESTION}`) as string;
  return readGauge(answer, gauged);
}

describe("stack gauge", () => {
  it.each([
    { name: "a function", script: "function f(){} f()", bytes: 500 },
    {
      name: "a function in a function",
      script: "function f(){} function g(){f()} g()",
      bytes: 1000,
    },
    { name: "an arrow and a method", script: "var o={m(){}},f=()=>o.m();f()", bytes: 1000 },
    {
      name: "a function through a loop and a try",
      script: "function f(){} function g(){for(var i=0;i<2;i++)try{f()}catch(e){}} g()",
      bytes: 500 + 1030,
    },
    {
      name: "a callback of an iterator",
      script: "function g(){[1].map(function(){})} g()",
      bytes: 500 + 1610,
    },
    {
      name: "a callback of an iterator by its name",
      script: "function f(){} function g(){[1].forEach(f)} g()",
      bytes: 500 + 1610,
    },
    { name: "one call after another", script: "function f(){} f();f();f()", bytes: 500 },
  ])("counts $name", ({ script, bytes }) => {
    expect(depthOf(script)?.bytes).toBe(bytes);
  });

  it("counts back after an error, a return out of a loop and a break", () => {
    const script = `
      function f(x){for(;;){if(x)return 1;break}throw 2}
      function g(){try{f(0)}catch(e){} return f(1)}
      g();g();`;
    expect(depthOf(script)?.bytes).toBe(500 + 265 + 500);
  });

  it("names the deepest chain from outside inwards", () => {
    const script = "function deep(){}\nfunction flat(){}\nfunction main(){flat();deep()}\nmain();";
    expect(depthOf(script)?.chain).toEqual(["3:1", "2:1"]);
  });

  it("tells nothing while something runs or after it was cut off", () => {
    expect(readGauge("[500,500,[0]]", { code: "", places: ["1:1"] })).toBeUndefined();
  });

  it("tells each new most at the end of its callback when it shall", () => {
    const lines: string[] = [];
    const script = "function a(){}function b(){a()}function c(){a();b()}";
    const { code } = addStackGauge(script, MAP, "/", "/", "me");
    runInNewContext(`${code};a();c();b()`, { print: (line: string) => lines.push(line) });
    expect(lines).toEqual(["GAUGE me 500 0", "GAUGE me 1500 2,1,0"]);
    expect(lines.map(readGaugeLine)).toEqual([
      { tellsAs: "me", bytes: 500, ids: [0] },
      { tellsAs: "me", bytes: 1500, ids: [2, 1, 0] },
    ]);
    expect(readGaugeLine("12 I app ready")).toBeUndefined();
  });

  it("leaves the results alone", () => {
    const { code } = addStackGauge(
      "var s='';for(var k in{a:1,b:2})s+=k;var f=x=>x+s;",
      MAP,
      "/",
      "/",
    );
    expect(runInNewContext(`${code};f([3,1].sort((a,b)=>a-b).join())`)).toBe("1,3ab");
  });
});
