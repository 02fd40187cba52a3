// SPDX-License-Identifier: MIT
// Reads a script as the interpreter meets it: statement by statement. A statement that it refuses
// becomes a node of its own, and everything above it stays, because the interpreter finds a refused
// construct only when it gets there: a script starts, and a function runs up to the bad line.
// Not for: which constructs these are (syntax.ts, syntax-rules.ts).
import { Parser, tokenizer } from "acorn";
import type { AnyNode, Options, Program, Statement, Token } from "acorn";
import { childrenOf } from "./syntax-scopes.ts";
import { isStatementWord } from "./refusals.ts";
import { findConstructs } from "./syntax.ts";
import type { Finding } from "./syntax-rules.ts";

/** A statement that throws when it is reached, in the place of one that the interpreter refuses. */
export interface RefusedStatement {
  type: "RefusedStatement";
  start: number;
  end: number;
  finding: Finding;
}

/** A script that can be compiled. */
export interface ReadScript {
  program: Program;
  tokens: readonly Token[];
}

/** Declaring a name twice is no error on the interpreter. */
class TolerantParser extends Parser {
  declareName(): void {}
}

const OPTIONS: Options = {
  ecmaVersion: "latest",
  sourceType: "script",
  allowReturnOutsideFunction: true,
  allowImportExportEverywhere: true,
  allowSuperOutsideMethod: true,
  checkPrivateFields: false,
};
/** Unreadable places of one script that are given up one by one. */
const MAX_UNREADABLE = 100;

const isBracket = (token: Token): boolean => /^(?:[([{]|\$\{)$/.test(token.type.label);
const closes = (token: Token): boolean => /^[)\]}]$/.test(token.type.label);

/** True when the brace begins a block of statements and not an object or a class. */
function beginsBlock(tokens: readonly Token[], at: number): boolean {
  const before = tokens[at - 1]?.type.label;
  return before === undefined || /^(?:\)|=>|[{};]|else|do|try|finally)$/.test(before);
}

/** Offset behind which the block that opens at `open` ends, null when it never does. */
function blockEnd(source: string, open: number): number | null {
  let depth = 0;
  try {
    for (const token of tokenizer(source.slice(open), OPTIONS)) {
      if (isBracket(token)) depth++;
      else if (closes(token) && --depth === 0) return open + token.start;
    }
  } catch {
    // Text that cannot even be cut into words: the interpreter does not find the end either.
  }
  return null;
}

/**
 * The range to give up for an error: from the statement that holds it to the end of its block.
 *
 * @param tokens those in front of the error
 * @param outward how many blocks to go out further than the innermost
 */
function unreadable(
  source: string,
  tokens: readonly Token[],
  errorAt: number,
  outward: number,
): [number, number] {
  const open: number[] = [];
  tokens.forEach((token, i) => {
    if (isBracket(token)) open.push(i);
    else if (closes(token)) open.pop();
  });
  for (;;) {
    const at = open.pop();
    if (at !== undefined) {
      const bracket = tokens[at] as Token;
      if (bracket.type.label !== "{" || !beginsBlock(tokens, at)) continue;
      const end = blockEnd(source, bracket.start);
      if (end === null || end < errorAt || outward-- > 0) continue;
      return [statementStart(tokens, at + 1, errorAt), end];
    }
    return [statementStart(tokens, 0, errorAt), source.length];
  }
}

/** Start of the statement that holds an offset, among the tokens of one block from `first` on. */
function statementStart(tokens: readonly Token[], first: number, errorAt: number): number {
  let depth = 0;
  let start = tokens[first]?.start ?? errorAt;
  for (let i = first; i < tokens.length; i++) {
    const token = tokens[i] as Token;
    if (isBracket(token)) depth++;
    else if (closes(token)) depth--;
    const isEnd = token.type.label === ";" || (token.type.label === "}" && depth === 0);
    if (depth === 0 && isEnd) start = tokens[i + 1]?.start ?? errorAt;
  }
  return Math.min(start, errorAt);
}

const OPERATOR = /^(?:=>|[=!]==?|[<>]=?|\+\+|--|&&|\|\||\?\?|[-+*/%&|^]=|<<=?|>>>?=?)/;

/** What the interpreter says about a word in the wrong place. */
function unexpected(source: string, tokens: readonly Token[], errorAt: number): string | null {
  const open: string[] = [];
  for (const token of tokens) {
    if (token.end > errorAt) break;
    if (isBracket(token)) open.push(token.type.label);
    else if (closes(token)) open.pop();
  }
  const isInList = /^[([]$/.test(open.at(-1) ?? "");
  const expected = isInList ? "','" : "EOF";
  const rest = source.slice(errorAt).trimStart();
  if (rest === "") return isInList ? "Got EOF expected ','" : "Unexpected end of Input";
  const operator = OPERATOR.exec(rest)?.[0];
  if (operator && operator.length > 1) return `Got ${operator} expected ${expected}`;
  if (/^[0-9]/.test(rest)) return `Got INT expected ${expected}`;
  const word = /^[A-Za-z_$][\w$]*/.exec(rest)?.[0];
  if (word) return `Got ${isStatementWord(word) ? word : `ID:${word}`} expected ${expected}`;
  return /^["'`/]/.test(rest) ? null : `Got '${rest[0]}' expected ${expected}`;
}

const blank = (text: string): string => text.replace(/[^\n]/g, " ");

/** Parses, giving up what no engine reads. */
function parseWhatIsReadable(source: string): ReadScript & { refused: RefusedStatement[] } {
  let refused: RefusedStatement[] = [];
  let text = source;
  let lastAt = -1;
  let outward = 0;
  for (;;) {
    const tokens: Token[] = [];
    try {
      const program = TolerantParser.parse(text, { ...OPTIONS, onToken: tokens });
      return { program, tokens, refused };
    } catch (error) {
      const { pos = 0, message } = error as { pos?: number; message: string };
      if (refused.length >= MAX_UNREADABLE) throw error;
      // Giving up the innermost block was not enough.
      outward = pos === lastAt ? outward + 1 : 0;
      lastAt = pos;
      const before = tokens.filter((token) => token.end <= pos);
      const [start, end] = unreadable(text, before, pos, outward);
      refused = refused.filter((inner) => inner.start < start || inner.end > end);
      refused.push({
        type: "RefusedStatement",
        start,
        end,
        finding: {
          start: pos,
          construct: "syntax error",
          kind: "refused",
          message: unexpected(text, tokens, pos) ?? message.replace(/ \(\d+:\d+\)$/, ""),
        },
      });
      // An empty statement keeps the place.
      text = `${text.slice(0, start)};${blank(text.slice(start + 1, end))}${text.slice(end)}`;
      if (text.length > source.length) text = text.slice(0, source.length);
    }
  }
}

/** The list of statements that a node holds, or null. */
export function statementsOf(node: AnyNode): Statement[] | null {
  switch (node.type) {
    case "Program":
    case "BlockStatement":
    case "StaticBlock":
      return node.body as Statement[];
    case "SwitchCase":
      return node.consequent;
    default:
      return null;
  }
}

/** Fields that hold one statement. */
const SINGLE = ["body", "consequent", "alternate"] as const;
const isStatement = (node: AnyNode): boolean => /Statement$|Declaration$/.test(node.type);

/**
 * Puts a refused statement in the place of the innermost statement that holds the finding. A
 * function's parameters belong to the statement around it, an arrow function's bare expression to
 * the function.
 *
 * @param start,end range of the statement when it is not the parser's
 * @returns true when it was found below this node
 */
function refuse(node: AnyNode, finding: Finding, start = finding.start, end?: number): boolean {
  for (const child of childrenOf(node)) {
    if (child.start <= start && start < child.end && child.type !== "StaticBlock") {
      if (refuse(child, finding, start, end)) return true;
    }
  }
  const replacement = (old: AnyNode): RefusedStatement => ({
    type: "RefusedStatement",
    start: old.start,
    end: end ?? old.end,
    finding,
  });
  const holds = (child: AnyNode | null | undefined): boolean =>
    Boolean(child && child.start <= start && start < child.end);
  const list = statementsOf(node);
  if (list) {
    const at = list.findIndex(holds);
    if (at < 0) return false;
    list[at] = replacement(list[at] as AnyNode) as unknown as Statement;
    return true;
  }
  if (node.type === "ArrowFunctionExpression" && node.body.type !== "BlockStatement") {
    if (!holds(node.body)) return false;
    node.body = replacement(node.body) as never;
    return true;
  }
  for (const field of SINGLE) {
    const child = (node as unknown as Record<string, AnyNode | undefined>)[field];
    if (child && isStatement(child) && child.type !== "BlockStatement" && holds(child)) {
      (node as unknown as Record<string, unknown>)[field] = replacement(child);
      return true;
    }
  }
  return false;
}

/**
 * Reads a script.
 *
 * @throws acorn's SyntaxError for a text in which hardly anything can be read
 */
export function readScript(source: string): ReadScript {
  const { program, tokens, refused } = parseWhatIsReadable(source);
  for (const finding of findConstructs({ source, tokens, program, comments: [] })) {
    if (finding.kind === "refused") refuse(program, finding);
  }
  for (const statement of refused) {
    // The place was kept by an empty statement.
    refuse(program, statement.finding, statement.start, statement.end);
  }
  return { program, tokens };
}
