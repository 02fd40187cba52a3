// SPDX-License-Identifier: MIT
// Classes as the interpreter makes them: a function and a prototype whose members enumeration
// shows, fields that are made once, statics that nobody inherits, and a `super` that starts at the
// instance and not at the class.
//
//   class B extends A{x=1;constructor(a){super(a)}m(){return super.m()}static s(){}}
//   =>  let B=µclass("B",A,[0,{x:1},0,{constructor:function(a){µbase(A).call(this,a)}},
//         0,{m(){return µup(this,"m").call(this)}},1,{s(){}},]);
//
// Not for: putting the members together (instrument-runtime.ts).
import type {
  CallExpression,
  ClassDeclaration,
  ClassExpression,
  Identifier,
  MemberExpression,
  MethodDefinition,
  PropertyDefinition,
} from "acorn";
import { classDeclaration } from "./instrument-names.ts";
import { findToken, tokenFrom } from "./instrument-node.ts";
import type { Instrumenting, Visitors } from "./instrument-node.ts";

function visitMember(
  node: MethodDefinition | PropertyDefinition,
  c: Instrumenting,
  base: string | null,
): void {
  const { edits } = c;
  const { key, value } = node;
  edits.open(node.start, node.static ? "1,{" : "0,{");
  if (node.static) edits.replace(node.start, node.start + "static".length, "");
  c.classes.push({ base, isStatic: node.static });
  if (node.type === "PropertyDefinition") {
    const sign = tokenFrom(c, key.end, "=");
    edits.replace(sign.start, sign.end, ":");
    if (value) c.visit(value, node);
    const end = c.source[node.end - 1] === ";" ? node.end - 1 : node.end;
    edits.replace(end, node.end, "},");
  } else {
    if (node.kind === "constructor") edits.open(key.end, ":function");
    c.visit(node.value, node);
    edits.close(node.end, "},");
  }
  c.classes.pop();
}

function visitClass(node: ClassDeclaration | ClassExpression, c: Instrumenting): void {
  const { edits } = c;
  const { id, superClass, body } = node;
  const name = JSON.stringify(id?.name ?? "");
  const base = superClass ? (superClass as Identifier).name : null;
  const start = superClass ? superClass.start : body.start + 1;
  edits.replace(node.start, start, `µclass(${name},${base === null ? "null,[" : ""}`);
  if (superClass) {
    c.visit(superClass, node);
    edits.replace(superClass.end, body.start + 1, `,[`);
  }
  let end = body.start + 1;
  for (const member of [...body.body, null]) {
    // Semicolons between members belong to none.
    const limit = member?.start ?? body.end - 1;
    for (let stray = findToken(c, end, ";"); stray && stray.start < limit;) {
      edits.replace(stray.start, stray.end, "");
      stray = findToken(c, stray.end, ";");
    }
    if (member && member.type !== "StaticBlock") visitMember(member, c, base);
    end = member?.end ?? limit;
  }
  edits.replace(body.end - 1, body.end, "])");
}

/** Text of the constructor or prototype that `super` means here. */
function baseText(c: Instrumenting): string {
  const base = c.classes.at(-1)?.base;
  return base ? `µbase(${base})` : "µbase()";
}

function superName({ property }: MemberExpression): string {
  return (property as Identifier).name;
}

/** Text of `super.name`. */
function memberText(c: Instrumenting, node: MemberExpression): string {
  const name = superName(node);
  if (c.classes.at(-1)?.isStatic) return `${baseText(c)}.${name}`;
  return c.classes.length > 0 ? `µup(this,"${name}")` : `${baseText(c)}.${name}`;
}

/** Edits `super(...)` and `super.name(...)`; false for other calls. */
export function visitSuperCall(node: CallExpression, c: Instrumenting): boolean {
  const { callee } = node;
  const isMember = callee.type === "MemberExpression" && callee.object.type === "Super";
  if (callee.type !== "Super" && !isMember) return false;
  const open = tokenFrom(c, callee.end, "(");
  const text = isMember ? `µfn(${memberText(c, callee)},"${superName(callee)}")` : baseText(c);
  c.edits.replace(node.start, open.end, `${text}.call(this${node.arguments.length > 0 ? "," : ""}`);
  for (const argument of node.arguments) c.visit(argument, node);
  return true;
}

/** Edits a read of `super.name`; false for other members. */
export function visitSuperMember(node: MemberExpression, c: Instrumenting): boolean {
  if (node.object.type !== "Super") return false;
  c.edits.replace(node.start, node.end, memberText(c, node));
  return true;
}

/** Visitors of this file. */
export const CLASS_VISITORS: Visitors = {
  ClassExpression: visitClass,
  ClassDeclaration: (node, c) => {
    const { before, after } = classDeclaration(c, node.id as Identifier);
    c.edits.open(node.start, before);
    visitClass(node as ClassDeclaration, c);
    c.edits.close(node.end, after);
  },
};
