// SPDX-License-Identifier: MIT
// Statements: loops are counted, what cannot be caught passes through try, a refused statement
// throws when it is reached, and the statements that the interpreter reads otherwise.
//
//   while(a)b();          =>   while(a){µtick();b();}
//   catch(e){             =>   catch(e){e=µcaught(e);
//   finally{a()}          =>   finally{if(µlives()){a()}}
//   for(let i=0;;){()=>i} =>   {let i=0;for(;;){µtick();()=>i}}     one variable for all rounds
//   o.x;                  =>   µpeek(o,"x");                        a getter does not run
//
// Not for: expressions (instrument-values.ts).
import type {
  AnyNode,
  ForInStatement,
  ForOfStatement,
  ForStatement,
  Identifier,
  MemberExpression,
  ReturnStatement,
  Statement,
} from "acorn";
import { closeBlock, hoistText, tokenFrom } from "./instrument-node.ts";
import type { Instrumenting, Visitors } from "./instrument-node.ts";
import { statementsOf } from "./instrument-parse.ts";
import type { RefusedStatement } from "./instrument-parse.ts";
import { isKeyword, leadingName } from "./refusals.ts";

function visitBody(body: Statement, c: Instrumenting, parent: AnyNode): void {
  if (body.type === "BlockStatement") {
    c.edits.open(body.start + 1, "µtick();");
    c.visit(body, parent);
  } else {
    c.edits.open(body.start, "{µtick();");
    c.visit(body, parent);
    c.edits.close(body.end, "}");
  }
}

/** Moves the variable of a loop in front of it, so that all closures see the same one. */
function openCaptured(node: ForStatement, c: Instrumenting): void {
  const { init } = node;
  if (init?.type !== "VariableDeclaration") return;
  c.edits.replace(node.start, init.start, "{");
  if (init.kind === "const") c.edits.replace(init.start, init.start + 5, "let");
  for (const { init: value } of init.declarations) if (value) c.visit(value, init);
  c.edits.close(init.end, ";for(");
}

function visitForIn(node: ForInStatement | ForOfStatement, c: Instrumenting): void {
  const { left, right, body } = node;
  const isCaptured = c.names.isCaptured(node);
  const id = left.type === "VariableDeclaration" ? left.declarations[0]?.id : null;
  if (isCaptured && id) {
    c.edits.open(node.start, `{let ${(id as Identifier).name};`);
    c.edits.replace(left.start, id.start, "");
  } else if (left.type === "VariableDeclaration") {
    c.visit(left, node);
  } else if (left.type === "MemberExpression") {
    c.visitChildren(left);
  }
  if (node.type === "ForInStatement") {
    // Keys are looked for one by one: the body may add and delete some.
    const word = tokenFrom(c, left.end, "in");
    c.edits.replace(word.start, word.end, "of");
  }
  c.edits.open(right.start, node.type === "ForInStatement" ? "µkeys(" : "µitems(");
  c.visit(right, node);
  c.edits.close(right.end, ")");
  visitBody(body, c, node);
  if (isCaptured && id) c.edits.close(node.end, "}");
}

/** True for a `return` whose value stands on the next line: the interpreter returns it. */
function isBrokenReturn(node: AnyNode, next: AnyNode | undefined, c: Instrumenting): boolean {
  return (
    node.type === "ReturnStatement" &&
    !node.argument &&
    c.source[node.end - 1] !== ";" &&
    next?.type === "ExpressionStatement"
  );
}

/** Visits the statements of a block in order. */
function visitList(list: readonly Statement[], c: Instrumenting, parent: AnyNode): void {
  list.forEach((statement, i) => {
    const next = list[i + 1];
    const before = list[i - 1];
    if (next && isBrokenReturn(statement, next, c)) {
      c.edits.replace(statement.start, statement.end, "return(");
    } else if (before && isBrokenReturn(before, statement, c)) {
      c.visitChildren(statement);
      const isEnded = c.source[statement.end - 1] === ";";
      c.edits.close(statement.end - (isEnded ? 1 : 0), ")");
    } else {
      c.visit(statement, parent);
    }
  });
}

/** The name of a member whose getter a statement does not run. */
function peekedName({ object, property, computed }: MemberExpression): string | null {
  return !computed && object.type !== "Super" && property.type === "Identifier"
    ? property.name
    : null;
}

/** Visitors of this file. */
export const FLOW_VISITORS: Visitors = {
  BlockStatement: (node, c, parent) => {
    c.edits.open(node.start + 1, hoistText(c, node));
    visitList(node.body, c, parent);
  },
  Program: (node, c) => {
    visitList(node.body as Statement[], c, node);
    // Loops, branches and blocks have no value.
    const last = node.body.at(-1);
    if (last && !/^(?:Expression|Refused)Statement$|Declaration$/.test(last.type)) {
      c.edits.close(node.end, ";void 0");
    }
  },
  SwitchCase: (node, c) => {
    if (node.test) c.visit(node.test, node);
    visitList(node.consequent, c, node);
  },
  ForStatement: (node, c) => {
    const { init, test, update, body } = node;
    const isCaptured = c.names.isCaptured(node) && init?.type === "VariableDeclaration";
    if (isCaptured) openCaptured(node, c);
    else if (init) c.visit(init, node);
    if (test) c.visit(test, node);
    if (update) c.visit(update, node);
    visitBody(body, c, node);
    if (isCaptured) c.edits.close(node.end, "}");
  },
  ForInStatement: visitForIn,
  ForOfStatement: visitForIn,
  WhileStatement: (node, c) => {
    c.visit(node.test, node);
    visitBody(node.body, c, node);
  },
  DoWhileStatement: (node, c) => {
    visitBody(node.body, c, node);
    c.visit(node.test, node);
  },
  TryStatement: (node, c) => {
    const { block, handler, finalizer } = node;
    c.visit(block, node);
    if (handler) {
      const { param, body } = handler;
      if (param?.type === "Identifier") {
        c.edits.open(body.start + 1, `${param.name}=µcaught(${param.name});`);
      } else {
        c.edits.open(body.start, "(µe)");
        c.edits.open(body.start + 1, "µcaught(µe);");
      }
      c.visit(body, handler);
    }
    if (finalizer) {
      c.edits.open(finalizer.start + 1, "if(µlives()){");
      c.visit(finalizer, node);
      closeBlock(c, finalizer, "}");
    }
  },
  ExpressionStatement: (node, c, parent) => {
    const { expression } = node;
    const name = expression.type === "MemberExpression" ? peekedName(expression) : null;
    // The last statement of a program gives its value.
    const isValue = parent.type === "Program" && statementsOf(parent)?.at(-1) === node;
    if (expression.type !== "MemberExpression" || name === null || isValue) {
      c.visit(expression, node);
      return;
    }
    c.edits.open(expression.start, "µpeek(");
    c.visit(expression.object, expression);
    const dot = tokenFrom(c, expression.object.end, ".");
    c.edits.replace(dot.start, expression.end, `,"${name}")`);
  },
  ReturnStatement: (node: ReturnStatement, c) => {
    if (node.argument) c.visit(node.argument, node);
  },
  BreakStatement: () => {},
  ContinueStatement: () => {},
};

/** Edits a refused statement: it throws, and nothing of it is compiled. */
export function visitRefused(node: RefusedStatement, c: Instrumenting): void {
  const name = leadingName(node.finding, node.start, c.source);
  const number = c.refused.push({ finding: node.finding, name }) - 1;
  const isUnknown =
    name === null ? "" : isKeyword(name) ? ",true" : `,typeof ${name}==="undefined"`;
  c.edits.replace(node.start, node.end, `µrefuse(${c.scriptId},${number}${isUnknown});`);
}
