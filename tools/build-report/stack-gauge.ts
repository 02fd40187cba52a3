// SPDX-License-Identifier: MIT
// A bundle that counts how much of the C stack its own call chains would take on the interpreter,
// where a call of a function, a loop and a `try` are each calls in C (docs/performance.md says where
// the figures are from). For simulated boards only: it is much larger and slower.
//
//   function f(x){for(;;)g(x)}
//   =>  function f(x){$in(7,500);try{{$sum+=265;try{for(;;)g(x)}finally{$sum-=265}}}finally{$out(500)}}
//
// Between callbacks `$sum` is 0; `$most` is the most that it has been, `$best` the chain of functions then.
import { parseSync, transformSync, types as t } from "@babel/core";
import type { NodePath, PluginObj } from "@babel/core";
import { TraceMap, originalPositionFor } from "@jridgewell/trace-mapping";
import path from "node:path";

/** Bytes of C stack of a call of a function, on the interpreter as boards have it (`-Og`). */
const CALL_BYTES = 500;
/** What a loop or a `try` around a call adds: a call through both takes 1,030. */
const STATEMENT_BYTES = 265;
/** A call by an iterator such as `map`. */
const ITERATOR_BYTES = 1610;

const ITERATORS = new Set(
  "forEach map filter some every find findIndex reduce sort replace mapInPlace".split(" "),
);

// Longer than two letters: those are the minifier's, and the bundle deletes some of its own.
const GAUGE =
  "var $sum=0,$most=0,$run=[],$best=[];" +
  "function $in(i,n){$sum+=n;$run.push(i);if($sum>$most){$most=$sum;$best=$run.slice()}}" +
  "function $out(n){$sum-=n;$run.pop()}" +
  `function $it(f){return typeof f!="function"?f:function(a,b,c){$sum+=${ITERATOR_BYTES - CALL_BYTES};try{return f(a,b,c)}finally{$sum-=${ITERATOR_BYTES - CALL_BYTES}}};}`;

/** Begins the lines that {@link addStackGauge} with `tellsAs` makes a board print. */
export const GAUGE_LINE = "GAUGE";

/** A bundle with a gauge. */
export interface Gauged {
  code: string;
  /** Places of the functions, `file:line`, by their numbers. */
  places: string[];
}

/** What a gauge tells: bytes of the deepest chain, and its functions from outside inwards. */
export interface Depth {
  bytes: number;
  chain: string[];
}

const AS_IT_IS = { configFile: false, babelrc: false, browserslistConfigFile: false } as const;

function statement(text: string): t.Statement {
  const file = parseSync(text, AS_IT_IS);
  return file?.program.body[0] as t.Statement;
}

/**
 * Adds a gauge to a finished script.
 * @param map its source map, whose sources are relative to `dir`.
 * @param root absolute folder that the places are relative to.
 * @param tellsAs a word: at the end of each callback that was deeper than all before, the board
 *   prints a line for {@link readGaugeLine} with it. Absent: it is asked.
 */
export function addStackGauge(
  code: string,
  map: string,
  dir: string,
  root: string,
  tellsAs?: string,
): Gauged {
  const trace = new TraceMap(map);
  const places: string[] = [];
  const done = new WeakSet<object>();

  function placeOf(node: t.Node): string {
    const { line, column } = node.loc?.start ?? { line: 1, column: 0 };
    const origin = originalPositionFor(trace, { line, column });
    if (origin.source === null) return `${line}:${column + 1}`;
    const file = path.relative(root, path.resolve(dir, origin.source)).split(path.sep).join("/");
    return `${file}:${origin.line}`;
  }

  function gaugeFunction(found: NodePath<t.Function>): void {
    const { node } = found;
    if (done.has(node)) return;
    done.add(node);
    const id = places.push(placeOf(node)) - 1;
    const body =
      node.body.type === "BlockStatement"
        ? node.body
        : t.blockStatement([t.returnStatement(node.body)]);
    node.body = t.blockStatement([
      statement(`$in(${id},${CALL_BYTES});`),
      t.tryStatement(body, null, t.blockStatement([statement(`$out(${CALL_BYTES});`)])),
    ]);
    done.add(node.body.body[1] as object);
    if (node.type === "ArrowFunctionExpression") node.expression = false;
  }

  function gaugeStatement(found: NodePath<t.Statement>): void {
    const { node } = found;
    if (done.has(node)) return;
    done.add(node);
    const guard = t.tryStatement(
      t.blockStatement([node]),
      null,
      t.blockStatement([statement(`$sum-=${STATEMENT_BYTES};`)]),
    );
    done.add(guard);
    found.replaceWith(t.blockStatement([statement(`$sum+=${STATEMENT_BYTES};`), guard]));
  }

  const plugin: PluginObj = {
    name: "lubdub-stack-gauge",
    visitor: {
      Function: { exit: gaugeFunction },
      Loop: { exit: gaugeStatement },
      TryStatement: { exit: gaugeStatement },
      CallExpression: {
        exit: ({ node }) => {
          const { callee } = node;
          if (callee.type !== "MemberExpression" || callee.property.type !== "Identifier") return;
          if (callee.computed || !ITERATORS.has(callee.property.name)) return;
          node.arguments = node.arguments.map((argument) =>
            argument.type === "Identifier" || t.isFunction(argument)
              ? t.callExpression(t.identifier("$it"), [argument as t.Expression])
              : argument,
          );
        },
      },
    },
  };
  const result = transformSync(code, {
    ...AS_IT_IS,
    plugins: [plugin],
    compact: true,
    comments: false,
  });
  if (typeof result?.code !== "string") throw new Error("Babel returned no code");
  const teller = tellsAs === undefined ? "" : tellerOf(tellsAs);
  return { code: `${GAUGE}${teller}\n${result.code}`, places };
}

/** Replaces `$out` of the gauge. */
const tellerOf = (word: string): string =>
  "var $told=0;$out=function(n){$sum-=n;$run.pop();" +
  `if(!$sum&&$most>$told){$told=$most;print("${GAUGE_LINE} ${word} "+$most+" "+$best.join())}};`;

/**
 * Reads a line that a bundle with `tellsAs` printed.
 * @returns undefined when it is another line
 */
export function readGaugeLine(
  line: string,
): { tellsAs: string; bytes: number; ids: number[] } | undefined {
  const parts = new RegExp(`${GAUGE_LINE} (\\S+) (\\d+) ([\\d,]+)$`).exec(line);
  if (!parts) return undefined;
  const [, tellsAs = "", bytes, ids = ""] = parts;
  return { tellsAs, bytes: Number(bytes), ids: ids.split(",").map(Number) };
}

/** Expression that gives the state of a gauge as text for {@link readGauge}, and resets it. */
export const GAUGE_QUESTION =
  "(function(){var t=JSON.stringify([$sum,$most,$best]);$sum=0;$most=0;$run=[];$best=[];return t})()";

/**
 * Reads the answer to {@link GAUGE_QUESTION}, asked between callbacks.
 * @returns undefined when a callback was cut off meanwhile, so that the count is not right.
 */
export function readGauge(answer: string, { places }: Gauged): Depth | undefined {
  const [now, bytes, chain] = JSON.parse(answer) as [number, number, number[]];
  if (now !== 0) return undefined;
  return { bytes, chain: chain.map((id) => places[id] ?? "?") };
}
