// SPDX-License-Identifier: MIT
// What the visitors of instrumentation share: the script's text and edits, its names, and the way
// to a token between two nodes.
// Not for: the edits themselves (instrument-*.ts, one file per part of the language).
import type {
  AnyNode,
  ArrowFunctionExpression,
  FunctionDeclaration,
  FunctionExpression,
  Token,
} from "acorn";
import type { Edits } from "./instrument-edits.ts";
import type { Names } from "./instrument-scopes.ts";
import type { Finding } from "./syntax-rules.ts";

/** A function of any form. */
export type FunctionNode = FunctionDeclaration | FunctionExpression | ArrowFunctionExpression;

/** A statement that throws. */
export interface Refused {
  finding: Finding;
  /** What the interpreter looks up first, see refusals.ts. */
  name: string | null;
}

/** One script while it is instrumented. */
export interface Instrumenting {
  readonly source: string;
  readonly tokens: readonly Token[];
  readonly edits: Edits;
  readonly names: Names;
  /** True for text of `eval`: what it declares belongs to the function around it. */
  readonly isLocal: boolean;
  /** Statements that throw, by number. */
  readonly refused: Refused[];
  /** Ranges of the source that are functions, by number. */
  readonly functions: { start: number; end: number }[];
  /** Number of the script in the process. */
  readonly scriptId: number;
  /** The functions around the node that is visited, innermost last. */
  readonly enclosing: FunctionNode[];
  /** The classes around it, innermost last, and whether the member is static. */
  readonly classes: { base: string | null; isStatic: boolean }[];
  /** Arrow functions that use `arguments`. */
  readonly withArguments: Set<FunctionNode>;
  /** Applies the visitor of a node's type. */
  visit(node: AnyNode, parent: AnyNode): void;
  visitChildren(node: AnyNode): void;
}

/** Text that declares hoisted names at the start of a block. */
export function hoistText(c: Instrumenting, node: AnyNode): string {
  return c.names
    .hoistedIn(node)
    .map(({ name, keyword }) => `${keyword} ${name}=µu;`)
    .join("");
}

/** Edits one type of node, children included. */
export type Visitor<T extends AnyNode = AnyNode> = (
  node: T,
  c: Instrumenting,
  parent: AnyNode,
) => void;

/** Visitors by type of node; what has none has its children visited. */
export type Visitors = { [T in AnyNode["type"]]?: Visitor<Extract<AnyNode, { type: T }>> };

/** The first token at or behind an offset that is written like this, undefined without one. */
export function findToken(c: Instrumenting, offset: number, text: string): Token | undefined {
  let low = 0;
  let high = c.tokens.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((c.tokens[middle] as Token).start < offset) low = middle + 1;
    else high = middle;
  }
  for (let i = low; i < c.tokens.length; i++) {
    const token = c.tokens[i] as Token;
    if (c.source.slice(token.start, token.end) === text) return token;
  }
  return undefined;
}

/** As {@link findToken}, where the grammar says that there is one. */
export function tokenFrom(c: Instrumenting, offset: number, text: string): Token {
  const token = findToken(c, offset, text);
  if (!token) throw new Error(`no "${text}" behind offset ${offset}`);
  return token;
}

/** Puts a node into the brackets of a call. */
export function wrap(c: Instrumenting, node: AnyNode, before: string, after: string): void {
  c.edits.open(node.start, before);
  c.edits.close(node.end, after);
}

/** Puts text at the end of a block, behind what was put at its start. */
export function closeBlock(c: Instrumenting, block: AnyNode, text: string): void {
  const isEmpty = block.end - block.start === 2;
  if (isEmpty) c.edits.open(block.end - 1, text);
  else c.edits.close(block.end - 1, text);
}
