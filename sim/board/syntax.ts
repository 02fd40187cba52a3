// SPDX-License-Identifier: MIT
// Tells whether the interpreter would take a script: names every construct that it refuses
// (SyntaxError or a like error when the code runs) or that it parses and then runs differently
// from other engines. The virtual board refuses the first kind; the firmware build refuses both.
// The constructs are rows of the tables in syntax-rules.ts; each was run on the interpreter.
// Not for: faults that only values show (realm.ts models those it can).
import { parse } from "acorn";
import type { AnyNode, Options, Token } from "acorn";
import { fullAncestor } from "acorn-walk";
import { COMMENT_RULES, NODE_RULES, runNameRules } from "./syntax-rules.ts";
import type { Finding, RuleContext } from "./syntax-rules.ts";

/** One place of a script that the interpreter does not take as written. */
export interface SyntaxProblem {
  /** Name as given to {@link checkSyntax}. */
  file: string;
  /** From 1. */
  line: number;
  /** From 1, as the interpreter prints it. */
  column: number;
  /** Short name of the construct, for example `default parameter`. */
  construct: string;
  /** `refused`: an error when it runs. `wrong`: runs, with another result than elsewhere. */
  kind: "refused" | "wrong";
  /** What the interpreter does with it. */
  message: string;
}

const NOT_ASCII = /[^\x00-\x7f]/;

function parseProblem(source: string, file: string, error: unknown): SyntaxProblem {
  const at = error as {
    pos?: number;
    loc?: { line: number; column: number };
    message: string;
  };
  const isAscii = at.pos === undefined || !NOT_ASCII.test(source[at.pos] ?? "");
  return {
    file,
    line: at.loc?.line ?? 1,
    column: (at.loc?.column ?? 0) + 1,
    construct: isAscii ? "syntax error" : "non-ASCII identifier",
    kind: "refused",
    message: isAscii
      ? at.message.replace(/ \(\d+:\d+\)$/, "")
      : "names are ASCII only: other bytes are read as keywords",
  };
}

/**
 * Lists what single nodes and comments of a script show, in no order.
 *
 * @param context.comments ranges of the script's comments
 */
export function findConstructs(
  context: RuleContext & { comments: readonly { start: number; end: number }[] },
): Finding[] {
  const found: Finding[] = [];
  fullAncestor(context.program, (node, _state, ancestors) => {
    const rules = NODE_RULES[node.type];
    if (!rules) return;
    for (const rule of rules) {
      const hit = rule.find(node, ancestors, context);
      if (hit === false) continue;
      for (const place of hit === true ? [{ start: node.start }] : hit) {
        found.push({
          construct: rule.construct,
          kind: rule.kind,
          message: rule.message,
          ...place,
        });
      }
    }
  });
  for (const comment of context.comments) found.push(...COMMENT_RULES(comment.start, context));
  return found;
}

/**
 * Lists what the interpreter would refuse in a script or run wrongly.
 *
 * @param source script text, as UTF-16 or as one character per byte
 * @param fileName used in the result only
 * @returns problems in source order; a script that no engine parses gives exactly one, with
 *   construct `syntax error`
 */
export function checkSyntax(source: string, fileName: string): SyntaxProblem[] {
  const tokens: Token[] = [];
  const comments: { start: number; end: number }[] = [];
  const options: Options = {
    ecmaVersion: "latest",
    sourceType: "script",
    allowReturnOutsideFunction: true,
    allowImportExportEverywhere: true,
    allowHashBang: false,
    checkPrivateFields: false,
    locations: true,
    onToken: (token) => tokens.push(token),
    onComment: (_block, _text, start, end) => comments.push({ start, end }),
  };
  let program: AnyNode;
  try {
    program = parse(source, options);
  } catch (error) {
    return [parseProblem(source, fileName, error)];
  }

  const context: RuleContext = { source, tokens, program };
  const found = findConstructs({ ...context, comments });
  found.push(...runNameRules(context));

  const lineStarts = [0];
  for (let i = 0; i < source.length; i++) {
    if (source[i] === "\n" || (source[i] === "\r" && source[i + 1] !== "\n"))
      lineStarts.push(i + 1);
  }
  const seen = new Set<string>();
  return found
    .sort((a, b) => a.start - b.start)
    .filter((f) => {
      const key = `${f.start} ${f.construct}`;
      return seen.has(key) ? false : seen.add(key) !== undefined;
    })
    .map((f) => {
      let line = lineStarts.length;
      while ((lineStarts[line - 1] as number) > f.start) line--;
      return {
        file: fileName,
        line,
        column: f.start - (lineStarts[line - 1] as number) + 1,
        construct: f.construct,
        kind: f.kind,
        message: f.message,
      };
    });
}
