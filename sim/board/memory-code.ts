// SPDX-License-Identifier: MIT
// An estimate of what the code of a script takes once it has run: functions, names of variables,
// values that are written down. What a script will do cannot be read from its text, so assumptions
// are made:
// - A function exists once if the program itself makes it, or a function that is called where it is
//   written, or one that hands its inner functions out (a factory: once for each place that calls it
//   in the program itself, and once for all other places). Functions inside of others come and go
//   with their calls and count nothing.
// - A variable of such a scope holds what it is first given, as far as that is written down.
// Not for: what is in global variables, which can be looked at (memory-heap.ts).
import { parse } from "acorn";
import type { AnyNode, Expression, Function as FunctionNode, Program } from "acorn";
import { VARS, bytesVars, nameVars, numberVars, textVars } from "./memory-costs.ts";
import { childrenOf, resolveNames } from "./syntax-scopes.ts";

/** Where a function's text is while it runs: in the flash file, or copied to memory. */
export type CodePlace = "flash" | "ram";

/** What a script's code takes. */
export interface CodeSize {
  vars: number;
  /** Of these, what goes with a function when its global variable, declared with `var`, is deleted. */
  globalFunctions: ReadonlyMap<string, number>;
  /** Names that `let`, `const` and `class` declare in global scope: counted here. */
  lexicalNames: readonly string[];
}

interface Context {
  place: CodePlace;
  /** How many places call a function by its name, those inside of functions taken together. */
  calls: ReadonlyMap<AnyNode, number>;
  /** Scopes around the code, that of the program left out. */
  depth: number;
}

/** Methods that call a function at once and forget it. */
const CALLS_AT_ONCE =
  /^(?:map|forEach|filter|some|every|reduce|find|findIndex|sort|replace|mapInPlace)$/;
const BYTES_PER_ELEMENT: Readonly<Record<string, number>> = {
  Uint8Array: 1,
  Int8Array: 1,
  Uint16Array: 2,
  Int16Array: 2,
  Uint32Array: 4,
  Int32Array: 4,
  Float32Array: 4,
  Float64Array: 8,
};

type AnyFunction = FunctionNode & AnyNode;

function isFunction(node: AnyNode): node is AnyFunction {
  return /^(?:FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/.test(node.type);
}

/** Visits what runs together with a node: not the insides of functions. */
function visitRunning(node: AnyNode, visit: (node: AnyNode) => void): void {
  visit(node);
  if (!isFunction(node)) for (const child of childrenOf(node)) visitRunning(child, visit);
}

function nameOf(node: AnyNode): string {
  if (node.type === "Identifier") return node.name;
  return node.type === "Literal" ? String(node.value) : "";
}

/** What an expression may come to: both ways of a choice, the last of a sequence. */
function outcomesOf(node: AnyNode): AnyNode[] {
  switch (node.type) {
    case "ConditionalExpression":
      return [...outcomesOf(node.consequent), ...outcomesOf(node.alternate)];
    case "LogicalExpression":
      return [...outcomesOf(node.left), ...outcomesOf(node.right)];
    case "AssignmentExpression":
      return outcomesOf(node.right);
    case "SequenceExpression":
      return outcomesOf(node.expressions.at(-1) as Expression);
    default:
      return [node];
  }
}

/**
 * True for a function that hands out functions which keep its variables: it returns one, or an object
 * with one, or makes one a member of something.
 */
function isFactory(fn: AnyFunction): boolean {
  const inner = new Set<string>();
  const results: AnyNode[] = [];
  const isInner = (value: AnyNode): boolean =>
    outcomesOf(value).some((node) => {
      if (node.type === "Identifier") return inner.has(node.name);
      if (node.type !== "ObjectExpression") return isFunction(node);
      return node.properties.some((p) => p.type === "Property" && isInner(p.value));
    });
  let isKept = false;
  const assign = (target: AnyNode, value: AnyNode | null | undefined): void => {
    if (!value || !isInner(value)) return;
    if (target.type === "MemberExpression") isKept = true;
    else inner.add(nameOf(target));
  };
  const look = (node: AnyNode): void => {
    if (node.type === "FunctionDeclaration") inner.add(nameOf(node.id as AnyNode));
    else if (node.type === "VariableDeclarator") assign(node.id, node.init);
    else if (node.type === "AssignmentExpression") assign(node.left, node.right);
    else if (node.type === "ReturnStatement" && node.argument) results.push(node.argument);
  };
  if (fn.body.type !== "BlockStatement") results.push(fn.body);
  for (const child of childrenOf(fn.body)) visitRunning(child, look);
  return isKept || results.some(isInner);
}

function codeVars(body: AnyNode, { place, depth }: Context): number {
  // Without the braces, and without a `return` in front, which is not stored.
  const bytes = Math.max(0, body.end - body.start - (body.type === "BlockStatement" ? 2 : 0));
  if (bytes === 0) return 0;
  const text = place === "flash" ? VARS.flashCode : textVars(bytes);
  const scopes = depth < 2 ? 0 : VARS.scopeList + depth;
  return VARS.codeName + text + (depth > 0 ? VARS.scopeLink + scopes : 0);
}

/** A function without what it keeps. */
function ownVars(fn: AnyFunction, context: Context): number {
  const parameters = fn.params.reduce((sum, param) => sum + nameVars(nameOf(param)), 0);
  return VARS.functionObject + parameters + codeVars(fn.body, context);
}

/** A function, and what it keeps of its own scope if it is a factory. */
function functionVars(fn: AnyFunction, context: Context): number {
  const own = ownVars(fn, context);
  if (!isFactory(fn)) return own;
  const callers = context.calls.get(fn) ?? 1;
  return own + callers * scopeVars(fn, context);
}

/** The scope of one call, with all that stays in it. */
function scopeVars(fn: AnyFunction, context: Context): number {
  const parameters = fn.params.reduce((sum, param) => sum + nameVars(nameOf(param)), 0);
  const inside = { ...context, depth: context.depth + 1 };
  const body =
    fn.body.type === "BlockStatement"
      ? fn.body.body.reduce((sum, statement) => sum + runVars(statement, inside), 0)
      : valueVars(fn.body, inside);
  return VARS.scope + parameters + body;
}

function classVars(node: AnyNode, context: Context): number {
  if (node.type !== "ClassDeclaration" && node.type !== "ClassExpression") return 0;
  const members = node.body.body.reduce((sum, member) => {
    if (member.type === "MethodDefinition") {
      const isConstructor = member.kind === "constructor";
      const size = functionVars(member.value, context) - (isConstructor ? VARS.functionObject : 0);
      return sum + size + (isConstructor ? 0 : nameVars(nameOf(member.key)));
    }
    return sum + (member.type === "PropertyDefinition" ? nameVars(nameOf(member.key)) : 0);
  }, 0);
  return VARS.class + members + (node.superClass ? VARS.classExtends : 0);
}

/** What a value takes that is written down, or made by an expression. */
function valueVars(node: AnyNode, context: Context): number {
  if (isFunction(node)) return functionVars(node, context);
  switch (node.type) {
    case "Literal":
      if (typeof node.value === "string") return textVars(node.value.length);
      if (typeof node.value === "number") return numberVars(node.value);
      return node.regex ? VARS.regex : 1;
    case "ObjectExpression":
      return node.properties.reduce<number>((sum, p) => {
        if (p.type !== "Property") return sum;
        return sum + nameVars(nameOf(p.key)) + valueVars(p.value, context);
      }, VARS.object);
    case "ArrayExpression":
      return node.elements.reduce<number>((sum, item) => {
        const isBoolean = item?.type === "Literal" && typeof item.value === "boolean";
        return sum + 1 + (item && !isBoolean ? valueVars(item, context) : 0);
      }, VARS.object);
    case "ClassExpression":
      return classVars(node, context);
    case "ConditionalExpression":
      return valueVars(node.consequent, context);
    case "LogicalExpression":
    case "AssignmentExpression":
      return valueVars(node.right, context);
    case "NewExpression": {
      const [size] = node.arguments;
      const each = BYTES_PER_ELEMENT[nameOf(node.callee)];
      if (each && size?.type === "Literal") return bytesVars(each * Number(size.value));
      return runVars(node, context) + 1;
    }
    case "Identifier":
    case "UnaryExpression":
    case "ThisExpression":
    case "MemberExpression":
      return runVars(node, context);
    default:
      return runVars(node, context) + 1;
  }
}

/** What stays when a statement or an expression has run. */
function runVars(node: AnyNode, context: Context): number {
  const all = (nodes: Iterable<AnyNode>): number => {
    let sum = 0;
    for (const child of nodes) sum += runVars(child, context);
    return sum;
  };
  const isGlobal = context.depth === 0;
  switch (node.type) {
    case "FunctionDeclaration":
      return (isGlobal ? 0 : nameVars(node.id?.name ?? "")) + functionVars(node, context);
    case "ClassDeclaration":
      return nameVars(node.id?.name ?? "") + classVars(node, context);
    case "VariableDeclaration":
      return node.declarations.reduce((sum, { id, init }) => {
        // Global variables are looked at instead, but for functions.
        if (isGlobal && node.kind === "var") return sum + (init ? runVars(init, context) : 0);
        return sum + nameVars(nameOf(id)) + (init ? valueVars(init, context) : 0);
      }, 0);
    case "ReturnStatement":
      return node.argument ? valueVars(node.argument, context) : 0;
    case "CallExpression": {
      const { callee } = node;
      if (isFunction(callee)) return scopeVars(callee, context) + all(node.arguments);
      const method = callee.type === "MemberExpression" ? nameOf(callee.property) : "";
      if (CALLS_AT_ONCE.test(method)) return all(node.arguments.filter((a) => !isFunction(a)));
      return runVars(callee, context) + all(node.arguments);
    }
    case "AssignmentExpression": {
      const isMember = node.left.type === "MemberExpression";
      const name = isMember ? nameVars(nameOf((node.left as { property: AnyNode }).property)) : 0;
      return isGlobal && isMember ? runVars(node.right, context) : name + all([node.right]);
    }
    default:
      return isFunction(node) ? functionVars(node, context) : all(childrenOf(node));
  }
}

/** Estimates what the code of a script takes; text that cannot be read takes nothing. */
export function codeSize(source: string, place: CodePlace): CodeSize {
  let program: Program;
  try {
    program = parse(source, { ecmaVersion: "latest", allowReturnOutsideFunction: true });
  } catch {
    return { vars: 0, globalFunctions: new Map(), lexicalNames: [] };
  }
  const calls = new Map<AnyNode, number>();
  const calledInside = new Set<AnyNode>();
  for (const { node, scope, parent, binding } of resolveNames(program)) {
    if (!binding || parent.type !== "CallExpression" || parent.callee !== node) continue;
    const { node: declared } = binding;
    const fn = declared.type === "VariableDeclarator" ? declared.init : declared;
    const isInside = scope.fn.parent !== null;
    if (!fn || (isInside && calledInside.has(fn))) continue;
    calls.set(fn, (calls.get(fn) ?? 0) + 1);
    if (isInside) calledInside.add(fn);
  }
  const lexicalNames = program.body.flatMap((node) => {
    if (node.type === "ClassDeclaration") return [node.id.name];
    if (node.type !== "VariableDeclaration" || node.kind === "var") return [];
    return node.declarations.map((d) => nameOf(d.id));
  });
  const context: Context = { place, calls, depth: 0 };
  const vars = program.body.reduce((sum, node) => sum + runVars(node, context), 0);
  const globalFunctions = new Map<string, number>();
  for (const node of program.body) {
    if (node.type !== "VariableDeclaration" || node.kind !== "var") continue;
    for (const { id, init } of node.declarations)
      if (init && isFunction(init)) globalFunctions.set(nameOf(id), ownVars(init, context));
  }
  return { vars, globalFunctions, lexicalNames };
}
