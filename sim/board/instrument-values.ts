// SPDX-License-Identifier: MIT
// Expressions: where the interpreter's operators, members and calls give something else than the
// engine's, they become calls of the runtime.
//
//   a+b        =>  µadd(a,b)          a==b      =>  µeq(a,b)         0.1  =>  the interpreter's bits
//   a[k]       =>  µget(a,k)          o.f(x)    =>  µhas(o,"f").f(x)   f(x) =>  µfn(f,"f")(x)
//   a.length=n =>  µlength(a,n)       new F(x)  =>  µnew(F,x)        `${x}` =>  `${µtext(x)}`
//
// Not for: what those do (instrument-runtime.ts); names (instrument-names.ts).
import type {
  AnyNode,
  AssignmentExpression,
  CallExpression,
  Literal,
  MemberExpression,
} from "acorn";
import { assignName, isSurelyFunction, visitUnary } from "./instrument-names.ts";
import { visitSuperCall, visitSuperMember } from "./instrument-classes.ts";
import { findToken, tokenFrom, wrap } from "./instrument-node.ts";
import type { Instrumenting, Visitors } from "./instrument-node.ts";
import { parseDecimal } from "./numbers.ts";

const isText = (node: AnyNode): boolean =>
  node.type === "TemplateLiteral" || (node.type === "Literal" && typeof node.value === "string");
const isNumber = (node: AnyNode): boolean =>
  node.type === "Literal" && typeof node.value === "number";
const isNothing = (node: AnyNode): boolean =>
  (node.type === "Literal" && node.value === null && !node.regex) ||
  (node.type === "Identifier" && node.name === "undefined") ||
  (node.type === "UnaryExpression" && node.operator === "void");

/** The name of a property as its key. */
function keyText(key: AnyNode): string {
  return key.type === "Identifier" ? key.name : key.type === "Literal" ? String(key.value) : "";
}

/** What an operator becomes, null when it stays. */
function operatorCall(operator: string, left: AnyNode, right: AnyNode): string | null {
  const hasNothing = isNothing(left) || isNothing(right);
  switch (operator) {
    case "+":
      return isText(left) && isText(right) ? null : "µadd(";
    case "==":
      return hasNothing ? null : "µeq(";
    case "!=":
      return hasNothing ? null : "!µeq(";
    case "instanceof":
      return "µis(";
    default:
      return null;
  }
}

/** A literal as the engine must write it to get the interpreter's value, or null. */
function literalText({ raw = "", value }: Literal): string | null {
  if (typeof value === "string") {
    const text = raw.replace(/\\(\r?\n)/g, (_, lineBreak: string) => `\\n\\${lineBreak}`);
    return text === raw ? null : text;
  }
  if (typeof value !== "number") return null;
  if (/^[\d_]*\.[\d_]*$|^[\d_]*\.?[\d_]*e/i.test(raw)) {
    const read = parseDecimal(raw.replaceAll("_", ""));
    return read === value ? null : String(read);
  }
  // Integers have 64 bits.
  if (value < 2 ** 63) return null;
  return `(${String(Number(BigInt.asIntN(64, BigInt(raw.replaceAll("_", "")))))})`;
}

/** `o.name` without brackets and without super. */
function plainMember(node: AnyNode): { object: AnyNode; name: string } | null {
  if (node.type !== "MemberExpression" || node.computed || node.object.type === "Super")
    return null;
  return node.property.type === "Identifier"
    ? { object: node.object, name: node.property.name }
    : null;
}

/** Rewrites `o.name` or `o[k]` up to an offset behind it as `o,"name",` or `o,k,`. */
function splitMember(node: MemberExpression, end: number, c: Instrumenting): void {
  const { object, property, computed } = node;
  c.visit(object, node);
  if (computed) {
    const bracket = tokenFrom(c, object.end, "[");
    c.edits.replace(bracket.start, bracket.end, ",");
    c.visit(property, node);
    c.edits.replace(node.end - 1, end, ",");
  } else {
    const name = c.source.slice(property.start, property.end);
    c.edits.replace(tokenFrom(c, object.end, ".").start, end, `,"${name}",`);
  }
}

function assignMember(node: AssignmentExpression, left: MemberExpression, c: Instrumenting): void {
  const operator = tokenFrom(c, left.end, node.operator);
  if (left.object.type === "Super") return c.visit(node.right, node);
  const { object } = left;
  const isLength = plainMember(left)?.name === "length";
  const isSet = node.operator === "=" && (left.computed || isLength);
  if (isSet || node.operator === "+=") {
    const called = isLength ? "µlength(" : "µset(";
    c.edits.open(node.start, isSet ? called : "µplusTo(");
    splitMember(left, operator.end, c);
  } else {
    const isGuarded = node.operator === "=" && object.type !== "ThisExpression";
    if (isGuarded) wrap(c, object, "µref(", `,"${plainMember(left)?.name ?? ""}")`);
    c.visitChildren(left);
  }
  c.visit(node.right, node);
  if (isSet || node.operator === "+=") c.edits.close(node.end, ")");
}

function visitCall(node: CallExpression, c: Instrumenting): void {
  if (visitSuperCall(node, c)) return;
  const { callee } = node;
  const visitArguments = (): void => node.arguments.forEach((arg) => c.visit(arg, node));
  const open = tokenFrom(c, callee.end, "(");
  if (callee.type === "Identifier") {
    const isEval = callee.name === "eval" && !c.names.bindingOf(callee);
    const [code] = node.arguments;
    if (isEval && code) wrap(c, code, "µcode(", ")");
    else if (!isEval && !isSurelyFunction(c, callee)) {
      c.edits.open(callee.start, "µfn(");
      c.visit(callee, node);
      c.edits.close(callee.end, `,"${callee.name}")`);
    }
    return visitArguments();
  }
  const member = plainMember(callee);
  if (member) {
    c.edits.open(member.object.start, "µhas(");
    c.visit(member.object, callee);
    c.edits.close(member.object.end, `,"${member.name}")`);
    return visitArguments();
  }
  if (callee.type === "MemberExpression" && callee.computed) {
    if (c.source.slice(callee.end, open.start).includes(")")) c.visitChildren(callee);
    else {
      c.edits.open(node.start, "µcall(");
      splitMember(callee, open.end, c);
    }
    return visitArguments();
  }
  if (callee.type === "FunctionExpression" || callee.type === "ArrowFunctionExpression") {
    c.visit(callee, node);
  } else {
    c.edits.open(callee.start, "µfn(");
    c.visit(callee, node);
    c.edits.close(callee.end, ")");
  }
  visitArguments();
}

/** Visitors of this file. */
export const VALUE_VISITORS: Visitors = {
  Literal: (node, c) => {
    const text = literalText(node);
    if (text === null) return;
    // The line breaks of the source stay by themselves.
    c.edits.replace(node.start, node.end, text.replace(/\\\r?\n/g, ""));
  },
  TemplateLiteral: (node, c) => {
    for (const expression of node.expressions) {
      c.edits.open(expression.start, "µtext(");
      c.visit(expression, node);
      c.edits.close(expression.end, ")");
    }
  },
  SequenceExpression: (node, c, parent) => {
    // What is put around it may be a call, whose commas part arguments; statements stay as they are.
    const isInside = parent.type !== "ExpressionStatement" && parent.type !== "ForStatement";
    if (isInside) c.edits.open(node.start, "(");
    c.visitChildren(node);
    if (isInside) c.edits.close(node.end, ")");
  },
  BinaryExpression: (node, c) => {
    const { left, right, operator } = node;
    const called = operatorCall(operator, left, right);
    if (called === null) {
      const isArithmetic = /^[-*/%]$/.test(operator);
      for (const side of [left, right]) {
        const isWrapped = isArithmetic && !isNumber(side);
        if (isWrapped) c.edits.open(side.start, "µnum(");
        c.visit(side, node);
        // Behind what the side itself closes at the same place, as `(a += b) - 1` does.
        if (isWrapped) c.edits.close(side.end, ")");
      }
      return;
    }
    c.edits.open(node.start, called);
    const token = tokenFrom(c, left.end, operator);
    c.edits.replace(token.start, token.end, ",");
    c.visit(left, node);
    c.visit(right, node);
    c.edits.close(node.end, ")");
  },
  AssignmentExpression: (node, c) => {
    const { left } = node;
    if (left.type === "Identifier") assignName(node, left, c);
    else if (left.type === "MemberExpression") assignMember(node, left, c);
    else c.visitChildren(node);
  },
  MemberExpression: (node, c, parent) => {
    if (visitSuperMember(node, c)) return;
    const { object, property, computed } = node;
    const isIndex =
      property.type === "Literal" &&
      Number.isInteger(property.value) &&
      !object.type.endsWith("Literal");
    if (plainMember(node)?.name === "name" && parent.type !== "TaggedTemplateExpression") {
      c.edits.open(node.start, "µname(");
      c.visit(object, node);
      c.edits.replace(tokenFrom(c, object.end, ".").start, node.end, ")");
      return;
    }
    if (!computed || isIndex) {
      c.visit(object, node);
      return;
    }
    c.edits.open(node.start, "µget(");
    c.visit(object, node);
    const bracket = tokenFrom(c, object.end, "[");
    c.edits.replace(bracket.start, bracket.end, ",");
    c.visit(property, node);
    c.edits.replace(node.end - 1, node.end, ")");
  },
  UnaryExpression: (node, c, parent) => {
    const { operator, argument } = node;
    if (operator !== "delete" || argument.type !== "MemberExpression") {
      visitUnary(node, c, parent);
      return;
    }
    c.edits.replace(node.start, node.start + "delete".length, "µdelete(");
    splitMember(argument, argument.end, c);
    c.edits.close(node.end, ")");
  },
  ObjectExpression: (node, c) => {
    c.visitChildren(node);
    const keys = node.properties.map((p) => (p.type === "Property" ? keyText(p.key) : ""));
    if (keys.some((key) => /^\d+$/.test(key)))
      wrap(c, node, "µkeyed(", `,${JSON.stringify(keys)})`);
  },
  CallExpression: visitCall,
  NewExpression: (node, c) => {
    const { callee } = node;
    c.edits.replace(node.start, node.start + 3, "µnew(");
    c.visit(callee, node);
    const open = findToken(c, callee.end, "(");
    if (open && open.start < node.end) {
      c.edits.replace(open.start, open.end, node.arguments.length > 0 ? "," : "");
    } else {
      c.edits.close(node.end, ")");
    }
    for (const argument of node.arguments) c.visit(argument, node);
  },
};
