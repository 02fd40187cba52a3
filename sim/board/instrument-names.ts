// SPDX-License-Identifier: MIT
// Declarations and uses of names as the interpreter has them: a declaration takes effect when it is
// reached, names of the program are fields of the global object, and what is not declared yet is
// looked up further out.
//
//   f(); function f(){}        =>   µfn(f,"f")(); f=function(){};
//   var a=1,b; let c=2;        =>   a=1,µdeclare("b"); c=2;                at the top
//   g(x); if(y){var x=1}       =>   var x=µu; ... g((x===µu?µmiss("x"):x)); if(y){x=1}   in a function
//
// Not for: which uses are early (instrument-scopes.ts).
import type {
  ArrowFunctionExpression,
  AssignmentExpression,
  FunctionDeclaration,
  Identifier,
  UnaryExpression,
} from "acorn";
import { visitFunction } from "./instrument-functions.ts";
import type { Instrumenting, Visitor, Visitors } from "./instrument-node.ts";
import { tokenFrom, wrap } from "./instrument-node.ts";
import type { Binding } from "./syntax-scopes.ts";

/** What stands for a name that is not declared yet. */
const EARLY = "µu";

/** True when the name becomes a field of the global object. */
function isGlobal(c: Instrumenting, binding: Binding | null | undefined): boolean {
  return Boolean(binding && !c.isLocal && c.names.isTop(binding));
}

/** Text of a use that may come early. */
function read(name: string): string {
  return `(${name}===${EARLY}?µmiss("${name}"):${name})`;
}

/** True for a const that the engine does not guard, because it is declared otherwise. */
function isLostConst(c: Instrumenting, binding: Binding | null): boolean {
  return (
    binding?.kind === "const" &&
    (isGlobal(c, binding) || c.names.isHoisted(binding) || c.names.isCaptured(binding.scope.node))
  );
}

/** An assignment to a plain name. */
export function assignName(node: AssignmentExpression, left: Identifier, c: Instrumenting): void {
  const { edits, names } = c;
  const operator = tokenFrom(c, left.end, node.operator);
  const binding = names.bindingOf(left);
  if (isLostConst(c, binding)) {
    edits.open(node.start, "");
    edits.replace(node.start, operator.end, "µdeny(");
    c.visit(node.right, node);
    edits.close(node.end, ")");
    return;
  }
  const isEarly = names.isEarly(left);
  if (node.operator === "=" && isEarly) {
    edits.replace(node.start, operator.end, "(µt.v=(");
    c.visit(node.right, node);
    const { name } = left;
    edits.close(node.end, `),${name}===${EARLY}?µmake("${name}",µt.v):${name}=µt.v)`);
    return;
  }
  if (isEarly) edits.open(node.start, `(${left.name}===${EARLY}?µmiss("${left.name}"):`);
  if (node.operator === "+=") {
    edits.replace(operator.start, operator.end, "=µplus(");
    c.visit(node.right, node);
    edits.close(node.end, `,${left.name})`);
  } else {
    c.visit(node.right, node);
  }
  if (isEarly) edits.close(node.end, ")");
}

/** True when the name is that of a function or class declaration that has run. */
export function isSurelyFunction(c: Instrumenting, name: Identifier): boolean {
  const binding = c.names.bindingOf(name);
  return (
    binding !== null &&
    (binding.kind === "function" || binding.kind === "class" || binding.kind === "self") &&
    binding.declarations.length === 1 &&
    !isGlobal(c, binding) &&
    !c.names.isEarly(name)
  );
}

/**
 * Gives an arrow function arguments of its own, which it has on the interpreter, when it uses them.
 *
 * @returns text of the array
 */
function arrowArguments(fn: ArrowFunctionExpression): string {
  const params = fn.params.map((param) => (param as Identifier).name);
  return `[${[...params, "...µr"].join()}]`;
}

/** Edits a unary operator other than `delete` of a member. */
export const visitUnary: Visitor<UnaryExpression> = (node, c) => {
  const { argument, operator } = node;
  if (operator === "typeof" && argument.type === "Identifier" && c.names.isEarly(argument)) {
    c.edits.open(node.start, `(${argument.name}===${EARLY}?"undefined":`);
    c.edits.close(node.end, ")");
    return;
  }
  if (operator === "typeof") {
    if (argument.type === "Identifier") {
      // A name that is not declared must not be read.
      const { name } = argument;
      c.edits.replace(
        node.start,
        node.end,
        `(typeof ${name}==="object"?µtype(${name}):typeof ${name})`,
      );
      return;
    }
    c.edits.replace(node.start, node.start + "typeof".length, "µtype(");
    c.edits.close(node.end, ")");
  }
  if (operator === "delete") {
    const isName = argument.type === "Identifier" && !c.names.bindingOf(argument);
    if (isName) c.edits.replace(node.start, node.end, `µdeleteName("${argument.name}")`);
    return;
  }
  if (operator === "-" && argument.type === "Literal" && argument.value === 0) {
    // Integers have no negative zero.
    c.edits.replace(node.start, node.end, "0");
    return;
  }
  if (operator === "+") {
    c.edits.replace(node.start, node.start + 1, "µnum(");
    c.edits.close(node.end, ")");
  }
  c.visit(argument, node);
};

/** Visitors of this file. */
export const NAME_VISITORS: Visitors = {
  Identifier: (node, c) => {
    if (node.name === "arguments" && !c.names.bindingOf(node)) {
      const fn = c.enclosing.at(-1);
      if (!fn) return;
      if (fn.type === "ArrowFunctionExpression") c.withArguments.add(fn);
      c.edits.replace(
        node.start,
        node.end,
        fn.type === "ArrowFunctionExpression"
          ? arrowArguments(fn)
          : `µargs(arguments,${fn.params.length})`,
      );
    } else if (c.names.isEarly(node)) {
      c.edits.replace(node.start, node.end, read(node.name));
    }
  },
  Property: (node, c) => {
    if (node.shorthand && node.value.type === "Identifier") {
      const isHelped = c.names.isEarly(node.value) || node.value.name === "arguments";
      if (!isHelped) return;
      c.edits.open(node.start, `${node.value.name}:`);
    }
    c.visit(node.value, node);
  },
  UpdateExpression: (node, c) => {
    const { argument } = node;
    if (argument.type !== "Identifier") {
      c.visitChildren(argument);
      return;
    }
    if (isLostConst(c, c.names.bindingOf(argument))) {
      c.edits.replace(node.start, node.end, "µdeny(0)");
    } else if (c.names.isEarly(argument)) {
      wrap(c, node, `(${argument.name}===${EARLY}?µmiss("${argument.name}"):`, ")");
    }
  },
  VariableDeclaration: (node, c, parent) => {
    const { edits, names } = c;
    const isHead = parent.type === "ForInStatement" || parent.type === "ForOfStatement";
    const bindings = node.declarations.map(({ id }) => names.declaredBy(id as Identifier));
    const isLoopHead = parent.type === "ForStatement";
    const isTop = isGlobal(c, bindings[0]);
    const isPlain = isTop || Boolean(bindings[0] && names.isHoisted(bindings[0]));
    const [first] = node.declarations;
    if (isPlain) edits.replace(node.start, first?.start ?? node.end, "");
    else if (c.isLocal && first && bindings[0] && names.isTop(bindings[0])) {
      // The value of the last assignment is that of the statement.
      const declared = node.declarations.map(({ id }) => (id as Identifier).name).join();
      edits.replace(node.start, first.start, isHead || isLoopHead ? "var " : `var ${declared};`);
    }
    for (const { id, init } of node.declarations) {
      const { name } = id as Identifier;
      if (init && isTop && node.kind === "const") {
        edits.replace(id.start, tokenFrom(c, id.end, "=").end, `µconst("${name}",`);
        c.visit(init, node);
        edits.close(init.end, ")");
        continue;
      }
      if (init) c.visit(init, node);
      else if (isHead) continue;
      else if (isTop) edits.replace(id.start, id.end, `µdeclare("${name}")`);
      else if (isPlain) {
        const reset = `${name}=void 0`;
        const isKept = node.kind === "var";
        edits.replace(id.start, id.end, isKept ? `${name}===${EARLY}&&(${reset})` : reset);
      }
    }
  },
  FunctionDeclaration: (node, c) => {
    const { id } = node;
    const binding = id && c.names.declaredBy(id);
    if (id && binding) {
      const isPlain = isGlobal(c, binding) || c.names.isHoisted(binding);
      // The value of the last declaration is that of an eval.
      const keyword = isPlain ? "" : c.isLocal ? `var ${id.name};` : "var ";
      c.edits.replace(node.start, id.end, `${keyword}${id.name}=function`);
      c.edits.close(node.end, ";");
    }
    visitFunction(node as FunctionDeclaration, c, 0);
  },
};

/** Text that declares a class, in front of its value and behind it. */
export function classDeclaration(
  c: Instrumenting,
  id: Identifier,
): { before: string; after: string } {
  const binding = c.names.declaredBy(id);
  if (isGlobal(c, binding)) return { before: `µclassOf("${id.name}",`, after: ");" };
  const isHoisted = Boolean(binding && c.names.isHoisted(binding));
  const keyword = isHoisted ? "" : c.isLocal && binding && c.names.isTop(binding) ? "var " : "let ";
  return { before: `${keyword}${id.name}=`, after: ";" };
}
