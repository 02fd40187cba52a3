// SPDX-License-Identifier: MIT
// What a bundle lets go of when it has started, and what it must not.
import { describe, expect, it } from "vitest";
import { dropBootOnly, findBootOnly } from "../../tools/build-report/boot-only.ts";

describe("what only the start needs", () => {
  it.each([
    { name: "a function that is called at the top", code: "function f(){}f();", names: ["f"] },
    { name: "a function that nobody calls", code: "function f(){}", names: ["f"] },
    {
      name: "functions that call each other at the start",
      code: "function f(){g()}function g(){h()}function h(){}f();",
      names: ["f", "g", "h"],
    },
    {
      name: "what a function uses that is called where it stands",
      code: "function f(){}!function(){f()}();",
      names: ["f"],
    },
    {
      name: "a function held by a variable",
      code: "var f=()=>{g()},g=()=>1;f();",
      names: ["f", "g"],
    },
    {
      name: "a variable of the start",
      code: "var v=1;function f(){return v}f();",
      names: ["v", "f"],
    },
  ])("is $name", ({ code, names }) => {
    expect(findBootOnly(code)).toEqual(names);
  });

  it.each([
    {
      name: "what a function inside a function uses",
      code: "function f(){return function(){g()}}function g(){h()}function h(){}f();",
      names: ["f"],
    },
    {
      name: "what a function uses that is declared in one that is called where it stands",
      code: "function g(){}!function(){function f(){g()}setTimeout(f,1)}();",
      names: [],
    },
    {
      name: "what an arrow at the top uses",
      code: "function g(){}setTimeout(()=>g(),1);",
      names: [],
    },
    {
      name: "a function that is handed on, and what it uses",
      code: "function f(){setTimeout(g,1)}function g(){h()}function h(){}f();",
      names: ["f"],
    },
    {
      name: "a variable that a later function assigns to",
      code: "var v;function f(){return function(){v=1}}f();",
      names: ["f"],
    },
    {
      name: "what a function uses that is called where it stands and hands itself on",
      code: "var v=1;!function f(){setTimeout(f,v)}();",
      names: [],
    },
    {
      name: "what a function within one that is called where it stands uses",
      code: "var v=1;var w=(()=>{var k=()=>v;function f(){return v}return[k,f]})();",
      names: ["w"],
    },
    {
      name: "what a method uses",
      code: "function f(){return{m(){g()}}}function g(){}f();",
      names: ["f"],
    },
    {
      name: "what a function held by a variable uses",
      code: "var k=function(){g()};function g(){}function f(){return function(){k()}}f();",
      names: ["f"],
    },
    {
      name: "a class",
      code: "class C{}function f(){return function(){return new C}}f();",
      names: ["f"],
    },
  ])("is not $name", ({ code, names }) => {
    expect(findBootOnly(code)).toEqual(names);
  });

  const functions = (names: readonly string[]): string =>
    names.map((name) => `function ${name}(){}`).join("");
  const calls = (names: readonly string[]): string => names.map((name) => `${name}()`).join();

  it("is let go of by the last statement of the script", () => {
    const short = "a b c d e f g h".split(" ");
    const code = `${functions(short)}${calls(short)}`;
    expect(dropBootOnly(code)).toBe(`${code};"abcdefgh".split("").forEach(e=>delete global[e]);`);
    const longer = [...short, "ab"];
    expect(dropBootOnly(`${functions(longer)}${calls(longer)};`)).toContain(
      ';"a b c d e f g h ab".split(" ").forEach(e=>delete global[e]);',
    );
  });

  it("stays when it is little", () => {
    const code = "function f(){}f();";
    expect(dropBootOnly(code)).toBe(code);
  });
});
