// SPDX-License-Identifier: MIT
// Functions: each call counts the stack that it takes on the interpreter, and the source text of a
// function is found again by its number.
//
//   function f(a){return a}   =>   function f(a){/*µ1:0*/µin(689);try{return a}finally{µout(689)}}
//   x=>x+1                    =>   x=>{/*µ1:1*/µin(657);try{return(µadd(x,1))}finally{µout(657)}}
//
// Stack is counted in bytes of the interpreter process that was measured (the depth at which calls
// of this form overflow a stack of 1,000,000 bytes); other boards have a smaller budget of those.
// Not for: the budget (profile.ts) and what happens when it is spent (instrument-runtime.ts).
import type { AnyNode } from "acorn";
import { closeBlock, hoistText, tokenFrom } from "./instrument-node.ts";
import type { FunctionNode, Instrumenting, Visitors } from "./instrument-node.ts";
import { childrenOf } from "./syntax-scopes.ts";

/** A call at the start of a function, bytes. */
const CALL_BYTES = 657;
/** What is added for a call inside of such a node, bytes. */
const NESTING_BYTES: Readonly<Record<string, number>> = {
  BlockStatement: 64,
  IfStatement: 80,
  ForStatement: 240,
  ForInStatement: 240,
  ForOfStatement: 240,
  WhileStatement: 240,
  DoWhileStatement: 240,
  TryStatement: 49,
  SwitchStatement: 97,
  ReturnStatement: 32,
  ConditionalExpression: 113,
  LogicalExpression: 113,
  BinaryExpression: 113,
  ObjectExpression: 450,
  ArrayExpression: 450,
  NewExpression: 64,
};
/** A function that a native one calls, such as that of forEach, bytes on top. */
const FROM_NATIVE_BYTES = 1363;

const CALLING_METHODS = new Set([
  "map",
  "forEach",
  "filter",
  "some",
  "every",
  "reduce",
  "sort",
  "find",
  "findIndex",
  "replace",
  "call",
  "apply",
]);

const isFunction = (node: AnyNode): boolean =>
  /^(?:FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/.test(node.type);

/** Bytes of the deepest call in a node, 0 without calls. */
function deepestCall(node: AnyNode, bytes: number): number {
  let deepest =
    node.type === "CallExpression" || node.type === "NewExpression" ? CALL_BYTES + bytes : 0;
  const inside = bytes + (NESTING_BYTES[node.type] ?? 0);
  for (const child of childrenOf(node)) {
    if (!isFunction(child)) deepest = Math.max(deepest, deepestCall(child, inside));
  }
  return deepest;
}

/** The function that this one is handed to is native and calls it. */
function isCalledByNative(node: AnyNode, parent: AnyNode): boolean {
  if (parent.type !== "CallExpression" || parent.callee === node) return false;
  const { callee } = parent;
  return (
    callee.type === "MemberExpression" &&
    callee.property.type === "Identifier" &&
    CALLING_METHODS.has(callee.property.name)
  );
}

/** Gives an arrow function the parameter that collects what is passed beyond the others. */
function addRest(node: FunctionNode, c: Instrumenting): void {
  const [first] = node.params;
  const last = node.params.at(-1);
  if (!first || !last) {
    c.edits.close(tokenFrom(c, node.start, ")").start, "...µr");
  } else if (c.source[node.start] === "(") {
    c.edits.close(last.end, ",...µr");
  } else {
    c.edits.open(first.start, "(");
    c.edits.close(last.end, ",...µr)");
  }
}

/**
 * Edits a function's body; its name and parameters stay.
 *
 * @param nativeBytes stack that its caller takes besides
 */
export function visitFunction(node: FunctionNode, c: Instrumenting, nativeBytes: number): void {
  const { edits } = c;
  const { body } = node;
  const number = c.functions.push({ start: node.start, end: node.end }) - 1;
  const bytes = (deepestCall(body, 0) || CALL_BYTES) + nativeBytes;
  // Block and return are part of every function.
  const before = `/*µ${c.scriptId}:${number}*/µin(${bytes});try{${hoistText(c, node)}`;
  const after = `}finally{µout(${bytes})}`;
  c.enclosing.push(node);
  if (body.type === "BlockStatement") {
    edits.open(body.start + 1, before);
    c.visit(body, node);
    closeBlock(c, body, after);
  } else {
    const isRefused = (body.type as string) === "RefusedStatement";
    const arrow = tokenFrom(c, node.params.at(-1)?.end ?? node.start, "=>");
    edits.close(arrow.end, `{${before}${isRefused ? "" : "return("}`);
    c.visit(body, node);
    edits.close(node.end, `${isRefused ? "" : ")"}${after}}`);
  }
  c.enclosing.pop();
  if (c.withArguments.has(node)) addRest(node, c);
}

const visit = (node: FunctionNode, c: Instrumenting, parent: AnyNode): void =>
  visitFunction(node, c, isCalledByNative(node, parent) ? FROM_NATIVE_BYTES : 0);

/** Visitors of this file. */
export const FUNCTION_VISITORS: Visitors = {
  FunctionExpression: visit,
  ArrowFunctionExpression: visit,
};
