// SPDX-License-Identifier: MIT
// Every construct that the interpreter refuses or runs wrongly is found, and the harmless code next
// to it is not. One row a construct; the samples were run on the interpreter.
import { describe, expect, it } from "vitest";
import { checkSyntax } from "../../../sim/board/syntax.ts";

/** construct, kind, source that has it, source next to it that has not */
const ROWS: readonly (readonly [string, "refused" | "wrong", string, string])[] = [
  ["default parameter", "refused", "function f(a=1){return a}", "function f(a){return a}"],
  ["default parameter", "refused", "var f=(a=1)=>a", "var f=(a)=>a===1"],
  ["rest parameter", "refused", "function f(...a){return a}", "function f(a){return a}"],
  ["spread", "refused", "f(...a)", "f.apply(null,a)"],
  ["spread", "refused", "var x=[...a]", "var x=[a]"],
  ["spread", "refused", "var x={...a}", "var x={a}"],
  ["spread", "refused", "new Date(...a)", "new Date(a)"],
  ["destructuring", "refused", "var [a,b]=c", "var a=[b,c]"],
  ["destructuring", "refused", "var {a}=b", "var a={b}"],
  ["destructuring", "refused", "function f({a}){return a}", "function f(a){return a.a}"],
  ["destructuring", "refused", "for(const [a] of b)f(a)", "for(const a of b)f(a[0])"],
  ["destructuring", "refused", "[a,b]=[b,a]", "a=[b,a]"],
  ["destructuring", "refused", "try{f()}catch({a}){f(a)}", "try{f()}catch(a){f(a.a)}"],
  ["computed key", "refused", "var o={[k]:1}", "var o={k:1};o[k]=1"],
  ["computed key", "refused", "class A{[k](){}}", "class A{k(){}}"],
  ["exponentiation operator", "refused", "f(2**3)", "f(Math.pow(2,3))"],
  ["exponentiation operator", "refused", "a**=2", "a*=2"],
  ["optional chaining", "refused", "f(a?.b)", "f(a?.5:1)"],
  ["optional chaining", "refused", "a?.()", "a&&a()"],
  ["logical assignment", "refused", "a??=1", "a=a??1"],
  ["logical assignment", "refused", "a||=1", "a|=1"],
  ["logical assignment", "refused", "a&&=1", "a&=1"],
  ["label", "refused", "l:for(;;)break l", "for(;;)break"],
  ["generator", "refused", "function*g(){}", "function g(){}"],
  ["generator", "refused", "var o={*m(){}}", "var o={m(){}}"],
  ["yield", "refused", "function*g(){yield 1}", "var yield_=1"],
  ["async function", "refused", "var f=async()=>1", "var async=1"],
  ["async function", "refused", "class A{async m(){}}", "class A{async(){}}"],
  ["await", "refused", "async function f(){await g()}", "var await_=1"],
  ["tagged template", "refused", "f(t`x`)", "f(`x`)"],
  ["brace in a text in a template's ${…}", "refused", 'f(`${"}"}`)', 'f(`}${"{}"}${{a:1}.a}`)'],
  ["brace in a text in a template's ${…}", "refused", 'f(`${"{"}`)', "f(`${`a${g}`}`)"],
  ["#private member", "refused", "class A{#p=1}", "class A{static p=1}"],
  ["static block", "refused", "class A{static{f()}}", "class A{static f(){}}"],
  ["class field without a value", "refused", "class A{x;}", "class A{static x=1}"],
  ["reserved word as a method name", "refused", "class A{delete(){}}", "var o={delete(){}}"],
  ["reserved word as a method name", "refused", "class A{of(){}}", "class A{with(){}}"],
  ["quoted or numeric member name of a class", "refused", "class A{'b'(){}}", "var o={'b'(){}}"],
  ["reserved word as a name", "refused", "var of=1", "var o={of:1};f(o.of)"],
  ["reserved word as a name", "refused", "function f(static){}", "function f(async){}"],
  ["non-ASCII identifier", "refused", "var \u00e9=1", "var e='\u00e9'"],
  ["non-ASCII identifier", "refused", "var \u00c3\u00a9=1", "var e='\u00c3\u00a9'"],
  ["escape in an identifier", "refused", "var \\u0061b=1", "var ab='\\u0061'"],
  ["\\u{…} escape", "refused", "f('\\u{41}')", "f('\\u0041\\\\u{41}')"],
  ["\\u{…} escape", "refused", "f(`\\u{41}`)", "f(`\\u0041`)"],
  [
    "case behind default",
    "refused",
    "switch(a){default:b();case 1:c()}",
    "switch(a){case 1:default:}",
  ],
  ["with", "refused", "with(a)b()", "f(a.with)"],
  ["import or export", "refused", "import a from 'b'", "var a=require('b')"],
  ["import or export", "refused", "export var a=1", "var exported=1"],
  ["import or export", "refused", "import('a')", "f('import')"],
  ["new.target or import.meta", "refused", "function F(){f(new.target)}", "f(new A().target)"],
  ["BigInt", "refused", "f(1n)", "f(1)"],
  ["HTML comment", "refused", "<!-- a\nf()", "// <!-- a\nf()"],
  ["extends <expression>", "refused", "class B extends n.A{}", "class B extends A{}"],
  [
    "super in an arrow function",
    "refused",
    "class B extends A{m(){return ()=>super.m()}}",
    "class B extends A{m(){return super.m()}}",
  ],
  [
    "class expression that may be skipped",
    "refused",
    "var f=()=>class{m(){}}",
    "var f=()=>{return class{m(){}}}",
  ],
  ["class expression that may be skipped", "refused", "a&&class{m(){}}", "a&&class{}"],
  [
    "class expression that may be skipped",
    "refused",
    "var y=a?class{m(){}}:1",
    "var y=class{m(){}}",
  ],
  [
    "class expression that may be skipped",
    "refused",
    "if(a)b=class{m(){}}",
    "if(a){b=class{m(){}}}",
  ],
  ["backreference", "refused", "f(/(a)\\1/)", "f(/(a)1/)"],
  ["regular expression flag s", "refused", "f(/a/s)", "f(/a/g)"],
  ["unescaped / in a character class", "refused", "f(/[/]/)", "f(/[\\/]/)"],
  ["syntax error", "refused", "var a=;", "var a;"],

  [
    "closure over a loop variable",
    "wrong",
    "for(let i=0;i<2;i++)a.push(()=>i)",
    "for(let i=0;i<2;i++){const j=i;a.push(()=>j)}",
  ],
  [
    "closure over a loop variable",
    "wrong",
    "for(const k of b)a.push(function(){return k})",
    "for(var k of b)a.push(function(){return k})",
  ],
  [
    "closure over a loop variable",
    "wrong",
    "for(const k in b)a.push(()=>k)",
    "for(const k in b)f(k)",
  ],
  [
    "function used above its declaration",
    "wrong",
    "f();function f(){}",
    "function g(){f()}function f(){}",
  ],
  [
    "function used above its declaration",
    "wrong",
    "setTimeout(f);function f(){}",
    "function f(){}f()",
  ],
  [
    "var used above its declaration",
    "wrong",
    "function g(){x=5;var x;return x}",
    "function g(){var x=5;x=6;return x}",
  ],
  [
    "var used above its declaration",
    "wrong",
    "function g(){f(x);var x=1}",
    "function g(){var h=function(){return x};var x=1;return h()}",
  ],
  [
    "arguments",
    "wrong",
    "function f(a){return arguments.length}",
    "function f(){return arguments.length}",
  ],
  [
    "var declared in a branch",
    "wrong",
    "function g(a){if(a){var x=1}return x}",
    "function g(a){if(a){var x=1;f(x)}else{var y=2;f(y)}}",
  ],
  [
    "var declared in a branch",
    "wrong",
    "function g(a){for(var i in a){var x=i}return x}",
    "function g(a){for(var i in a){var x=i;f(x)}return i}",
  ],
  [
    "var declared in a branch",
    "wrong",
    "function g(a){if(a)var x=1;f(x)}",
    "function g(a){if(a)var x=1;else var x=2;f(x)}",
  ],
  ["arguments", "wrong", "function f(){return ()=>arguments}", "function f(){return arguments[0]}"],
  [
    "arguments",
    "wrong",
    "function f(a){g.apply(0,arguments)}",
    "function f(a){return arguments[1]}",
  ],
  [
    "arguments",
    "wrong",
    "function f(a,b){return arguments.length>1}",
    "function f(a,b){return arguments.length>2&&arguments[2]}",
  ],
  [
    "arguments",
    "wrong",
    "function f(a,b){for(var n=arguments.length,i=1;i<n;i++)g(i)}",
    "function f(a){for(var n=arguments.length,r=new Array(n>1?n-1:0),i=1;i<n;i++)r[i-1]=arguments[i]}",
  ],
  ["extends Error", "wrong", "class E extends Error{}", "class E extends Failure{}"],
  ["extends a built-in", "wrong", "class E extends Array{}", "class E extends Object{}"],
  [
    "inherited static member",
    "wrong",
    "class A{static s(){}}class B extends A{}B.s()",
    "class A{static s(){}}class B extends A{static t(){}}A.s();B.t()",
  ],
  [
    "super in a class that is extended",
    "wrong",
    "class A{m(){}}class B extends A{m(){super.m()}}class C extends B{}",
    "class A{m(){}}class B extends A{m(){super.m()}}class C extends A{}",
  ],
  [
    "super in a class that is extended",
    "wrong",
    "class B extends A{n(){super.m()}m(){}}class C extends B{}",
    "class B extends A{n(){super.m()}}class C extends B{}",
  ],
  ["class field", "wrong", "class A{x=1}", "class A{static x=1;constructor(){this.x=1}}"],
  ["class called without new", "wrong", "class A{}A()", "class A{}new A()"],
  ["getter as a statement", "wrong", "o.g;", "o.g();f(o.g)"],
  ["line break behind return", "wrong", "function f(){return\n1}", "function f(){return;\n1}"],
  ["line break behind return", "wrong", "function f(){return // a\n1}", "function f(){return\n}"],
  ["line starting with ++ or --", "wrong", "a\n++b", "a;\n++b"],
  ["assignment to length", "wrong", "a.length=1", "a.splice(1);f(a.length===1)"],
  ["index outside a string", "wrong", "f('abc'[-1])", "f('abc'[1],a[-1])"],
  ["index outside a string", "wrong", "f('abc'['x'])", "f('abc'['length'])"],
  [
    "replace of a string by a function",
    "wrong",
    "'a'.replace('a',function(){return 'b'})",
    "'a'.replace(/a/,function(){return 'b'})",
  ],
  ["$& or $$ in a replacement", "wrong", "a.replace(b,'[$&]')", "a.replace(b,'[$1]')"],
  ["split with a limit", "wrong", "a.split(',',2)", "a.split(',')"],
  ["split by a group", "wrong", "a.split(/(,)/)", "a.split(/,/)"],
  [
    "JSON.stringify with a replacer",
    "wrong",
    "JSON.stringify(a,['b'])",
    "JSON.stringify(a,null,2)",
  ],
  ["JSON.parse with a reviver", "wrong", "JSON.parse(a,function(){})", "JSON.parse(a)"],
  ["callback over array holes", "wrong", "new Array(3).map(f)", "new Array(3).fill(0).map(f)"],
  ["clearing an undefined timer", "wrong", "clearTimeout(undefined)", "clearTimeout()"],
  ["deleting in for…in", "wrong", "for(var k in o)delete o[k]", "for(var k in o)delete p[k]"],
  ["integer of 2^63 or more", "wrong", "f(9223372036854775808)", "f(9007199254740991)"],
  ["line continuation in a string", "wrong", "f('a\\\nb')", "f(`a\nb`)"],
  ["character above \\xFF", "wrong", "f('\\u20ac')", "f('\\u00e9\\\\u20ac')"],
  ["debugger", "wrong", "debugger", "f('debugger')"],
  ["name longer than 63 characters", "wrong", `var ${"a".repeat(64)}=1`, `var ${"a".repeat(63)}=1`],
  ["name longer than 63 characters", "wrong", `o.${"a".repeat(64)}()`, `o["${"a".repeat(64)}"]()`],
  ["missing global", "wrong", "new Map()", "var Map=function(){};new Map()"],
  ["missing global", "wrong", "Buffer.from(a)", "typeof Buffer"],
  ["missing method", "wrong", "Math.trunc(a)", "Math.floor(a)"],
  ["missing method", "wrong", "Object.freeze(a)", "Object.keys(a)"],
  ["missing method", "wrong", "f(a.at(-1))", "var o={at(i){return i}};f(o.at(1))"],
  ["missing method", "wrong", "f(a.flat())", "class A{flat(){}}f(new A().flat())"],
  ["missing method", "wrong", "a.b().finally(f)", "a.finally=f;a.finally()"],
  ["missing method", "wrong", "f(a.matchAll(b))", "f(a.matchAll||a.replaceAll(b,c))"],
  ["method of a built-in prototype", "wrong", "Array.prototype.slice.call(a)", "[].slice.call(a)"],
  ["method of a built-in prototype", "wrong", "f(String.prototype.trim)", "String.prototype.x=f"],
  ["{n,m} quantifier", "wrong", "f(/a{2}/)", "f(/a{/)"],
  ["{n,m} quantifier", "wrong", "f(/[a]{2,}/)", "f(/[{2}]/)"],
  ["{n,m} quantifier", "wrong", "new RegExp('a{2}')", "new RegExp('aa')"],
  ["lazy quantifier", "wrong", "f(/a+?/)", "f(/a+\\?/)"],
  ["non-capturing group", "wrong", "f(/(?:a)/)", "f(/(a)/)"],
  ["lookahead", "wrong", "f(/a(?=b)/)", "f(/a(=b)/)"],
  ["lookahead", "wrong", "f(/a(?!b)/)", "f(/a(!b)/)"],
  ["lookbehind", "wrong", "f(/(?<=a)b/)", "f(/(<=a)b/)"],
  ["named group", "wrong", "f(/(?<n>a)/)", "f(/(<n>a)/)"],
  ["quantified group", "wrong", "f(/(ab)+/)", "f(/(ab+)/)"],
  ["quantified group", "wrong", "f(/(a)*b/)", "f(/a*b/)"],
  ["? quantifier", "wrong", "f(/ab?c/)", "f(/ab*c/)"],
  ["nested group", "wrong", "f(/((a)b)/)", "f(/(a)(b)/)"],
  ["alternation behind a prefix", "wrong", "f(/x(a|b)/)", "f(/(a|b)x/)"],
  ["alternation behind ^", "wrong", "f(/^a|b/)", "f(/a|b$/)"],
  ["\\b in a regular expression", "wrong", "f(/\\ba/)", "f(/[\\b]a/)"],
  ["\\u in a regular expression", "wrong", "f(/\\u0041/)", "f(/\\x41/)"],
  ["regular expression flag m", "wrong", "f(/^a/m)", "f(/^a/i)"],
  ["regular expression flag y", "wrong", "f(/a/y)", "f(/y/)"],
];

describe("checkSyntax", () => {
  it.each(ROWS)("names %s (%s) in `%s` and not in `%s`", (construct, kind, source, neighbour) => {
    const found = checkSyntax(source, "t.js").filter((p) => p.construct === construct);
    expect(found.map((p) => p.kind)).toContain(kind);
    expect(checkSyntax(neighbour, "t.js")).toEqual([]);
  });

  it("gives file, line and column from 1, in source order", () => {
    const problems = checkSyntax("var a=1;\n  f(a?.b, 2**3);\nvar b=/a{2}/;", "dir/my.js");
    expect(problems.map((p) => [p.file, p.line, p.column, p.construct])).toEqual([
      ["dir/my.js", 2, 5, "optional chaining"],
      ["dir/my.js", 2, 11, "exponentiation operator"],
      ["dir/my.js", 3, 9, "{n,m} quantifier"],
    ]);
  });

  it("names one problem for text that no engine parses", () => {
    expect(checkSyntax("var a=1;\nvar b=)", "t.js")).toEqual([
      {
        file: "t.js",
        line: 2,
        column: 7,
        construct: "syntax error",
        kind: "refused",
        message: "Unexpected token",
      },
    ]);
  });

  it("takes what the interpreter shares with other engines", () => {
    const source = `
      class A { constructor(a) { this.a = a } get b() { return this.a } static s() { return 1 } }
      class B extends A { constructor() { super(2); } m() { return super.b + \`x\${A.s()}\` } }
      var o = { a: 1, B, get c() { return 0b11 }, "d e"() { return 1_000 }, delete: 3 };
      for (const x of [1, 2]) { let y = x; setTimeout(() => print(y ?? o.delete), 1); }
      try { throw 1 } catch { print(void 0) } finally { do print(/a[^b]*c$/i.test("ac")); while (0) }
      switch (o.a) { case 1: break; default: print(typeof Map) }
    `;
    expect(checkSyntax(source, "t.js")).toEqual([]);
  });
});
