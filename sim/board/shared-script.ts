// SPDX-License-Identifier: MIT
// Turns a script into the body of a function that many boards of one realm can call: what differs
// between boards becomes parameters, and what the script declares in global scope is given to its
// board as accessors, so that other scripts and the console find it.
//
//   var n = 0; print(n);   =>   (print, $declare) { $declare({get n.., set n..}); var n = 0; ... }
//
// A script that declares what its board has already works on that one: `var` is blanked out there.
// Names that are no parameter (unknown when the script starts, or assigned by it) are found through
// the realm's global object.
// Not for: running it, and whose globals are meant (realm-shared.ts).
import { parse } from "acorn";
import type { AnyNode, Program, VariableDeclaration } from "acorn";
import { childrenOf, resolveNames } from "./syntax-scopes.ts";
import type { Reference } from "./syntax-scopes.ts";
import type { SyntaxProblem } from "./syntax.ts";

/** What a script declares in global scope. */
export interface Declarations {
  /** `var` in any block, `let` outside of blocks. */
  variables: VariableDeclaration[];
  /** Names of those. */
  variableNames: Set<string>;
  functionNames: Set<string>;
  /** Names of `const` and `class`. */
  constantNames: Set<string>;
}

/** What is known of a script before a board runs it. */
export interface ScriptParts {
  source: string;
  program: Program;
  /** Names that the script uses and neither declares nor assigns. */
  reads: ReadonlySet<string>;
  declared: Declarations;
  /** The first change of a member of an object of the language, such as `Array.prototype.x`. */
  sharedChange: SyntaxProblem | undefined;
}

/** A script as the body of a function. */
export interface ScriptBody {
  text: string;
  /** Characters in front of the script's first one. */
  prefixLength: number;
  /** Characters put in front of the script's value; line and column from 1, as in the script. */
  inserted: { line: number; column: number; length: number } | null;
}

/** Parameter that takes what the script declares. */
export const DECLARE = "$declare";
const RETURN = "return ";

/** Lists what a program declares in global scope. */
export function declarationsOf(program: Program): Declarations {
  const found: Declarations = {
    variables: [],
    variableNames: new Set(),
    functionNames: new Set(),
    constantNames: new Set(),
  };
  const visit = (node: AnyNode, isTop: boolean): void => {
    if (node.type === "VariableDeclaration" && (isTop || node.kind === "var")) {
      const isVariable = node.kind === "var" || node.kind === "let";
      if (isVariable) found.variables.push(node);
      const names = isVariable ? found.variableNames : found.constantNames;
      for (const { id } of node.declarations) if (id.type === "Identifier") names.add(id.name);
    }
    const isFunction = node.type === "FunctionDeclaration";
    if (isTop && isFunction && node.id) found.functionNames.add(node.id.name);
    if (isTop && node.type === "ClassDeclaration" && node.id) {
      found.constantNames.add(node.id.name);
    }
    const isInner =
      isFunction || node.type === "FunctionExpression" || node.type === "ArrowFunctionExpression";
    if (!isInner) for (const child of childrenOf(node)) visit(child, false);
  };
  for (const statement of program.body) visit(statement, true);
  return found;
}

function isAssigned({ node, parent }: Reference): boolean {
  switch (parent.type) {
    case "AssignmentExpression":
    case "ForInStatement":
    case "ForOfStatement":
      return parent.left === node;
    default:
      return parent.type === "UpdateExpression";
  }
}

/** `Array` of `Array.prototype.x`. */
function rootOf(node: AnyNode): AnyNode {
  return node.type === "MemberExpression" ? rootOf(node.object) : node;
}

function findAssignment(node: AnyNode, roots: ReadonlySet<AnyNode>): AnyNode | undefined {
  const isMember = node.type === "AssignmentExpression" && node.left.type === "MemberExpression";
  if (isMember && roots.has(rootOf(node.left))) return node.left;
  for (const child of childrenOf(node)) {
    const found = findAssignment(child, roots);
    if (found) return found;
  }
  return undefined;
}

/**
 * Reads a script that the syntax check has let pass.
 *
 * @param isShared true for a name of an object that all boards share
 */
export function readScript(
  source: string,
  file: string,
  isShared: (name: string) => boolean,
): ScriptParts {
  const program = parse(source, {
    ecmaVersion: "latest",
    locations: true,
    allowHashBang: true,
  });
  const free = resolveNames(program).filter(({ binding }) => !binding);
  const reads = new Set(free.map(({ node }) => node.name));
  for (const reference of free) if (isAssigned(reference)) reads.delete(reference.node.name);
  const roots = free.filter(({ node }) => isShared(node.name)).map(({ node }) => node);
  const change = roots.length > 0 ? findAssignment(program, new Set(roots)) : undefined;
  return {
    source,
    program,
    reads,
    declared: declarationsOf(program),
    sharedChange: change && {
      file,
      line: change.loc?.start.line ?? 1,
      column: (change.loc?.start.column ?? 0) + 1,
      construct: "shared realm",
      kind: "refused",
      message: `${source.slice(change.start, change.end)} is one for all boards of a shared realm`,
    },
  };
}

/** Text of the object that hands the script's declarations over. */
function declareText(parts: ScriptParts, isAgain: boolean): string {
  const { variableNames, functionNames, constantNames } = parts.declared;
  const accessors = [...constantNames, ...(isAgain ? [] : [...variableNames, ...functionNames])];
  const members = [
    ...accessors.map((name) => `get ${name}(){return ${name}},set ${name}($to){${name}=$to}`),
    ...(isAgain ? [...functionNames] : []),
  ];
  return members.length > 0 ? `${DECLARE}({${members.join()}});` : "";
}

/**
 * Writes the body.
 *
 * @param isAgain true when the board has one of the declared names already
 */
export function bodyOf(parts: ScriptParts, { isAgain }: { isAgain: boolean }): ScriptBody {
  const { program, declared } = parts;
  let text = parts.source;
  if (isAgain) {
    for (const { start, kind } of declared.variables) {
      text = text.slice(0, start) + " ".repeat(kind.length) + text.slice(start + kind.length);
    }
  }
  const [first] = program.body;
  const isStrict = first?.type === "ExpressionStatement" && first.directive === "use strict";
  let prefix = (isStrict ? '"use strict";' : "") + declareText(parts, isAgain);
  let inserted: ScriptBody["inserted"] = null;
  const last = program.body.at(-1);
  if (last?.type === "ExpressionStatement") {
    if (last.start === 0) prefix += RETURN;
    else {
      const { line = 1, column = 0 } = last.loc?.start ?? {};
      inserted = { line, column: column + 1, length: RETURN.length };
      text = text.slice(0, last.start) + RETURN + text.slice(last.start);
    }
  }
  return { text: prefix + text, prefixLength: prefix.length, inserted };
}
