// SPDX-License-Identifier: MIT
// Rewrites a script so that the host's engine runs it as the interpreter would: numbers in text,
// names that exist only when their declaration has run, members and calls with the interpreter's
// errors, classes, loops that can be stopped, and refused constructs that throw when they are
// reached. Every line stays where it is; columns are found back.
// Not for: fleets, which run scripts as they are; what the helpers do (instrument-runtime.ts).
import { CLASS_VISITORS } from "./instrument-classes.ts";
import { createEdits } from "./instrument-edits.ts";
import { FLOW_VISITORS, visitRefused } from "./instrument-flow.ts";
import { FUNCTION_VISITORS } from "./instrument-functions.ts";
import { NAME_VISITORS } from "./instrument-names.ts";
import type { Instrumenting, Refused, Visitor, Visitors } from "./instrument-node.ts";
import { readScript } from "./instrument-parse.ts";
import type { RefusedStatement } from "./instrument-parse.ts";
import { readNames } from "./instrument-scopes.ts";
import { VALUE_VISITORS } from "./instrument-values.ts";
import { childrenOf } from "./syntax-scopes.ts";

/** A rewritten script. */
export interface Instrumented {
  /** Number of the script in the process: it stands in the text. */
  id: number;
  text: string;
  /** Column of the source for a column of the text, both from 1; lines are the same. */
  sourceColumn(line: number, column: number): number;
  /** Source text of a function by its number. */
  functionText(number: number): string | undefined;
  /** The finding that a refused statement throws, by its number. */
  refused: readonly Refused[];
}

const VISITORS: Visitors = {
  ...NAME_VISITORS,
  ...FUNCTION_VISITORS,
  ...FLOW_VISITORS,
  ...VALUE_VISITORS,
  ...CLASS_VISITORS,
};

let scripts = 0;

/**
 * Rewrites a script.
 *
 * @param source bytes, one per character
 * @param options.isLocal true for the text of an `eval`, whose declarations belong to the caller
 * @throws acorn's SyntaxError for a text in which hardly anything can be read
 */
export function instrument(source: string, { isLocal }: { isLocal: boolean }): Instrumented {
  const { program, tokens } = readScript(source);
  const c: Instrumenting = {
    source,
    tokens,
    edits: createEdits(source),
    names: readNames(program),
    isLocal,
    refused: [],
    functions: [],
    scriptId: ++scripts,
    enclosing: [],
    classes: [],
    withArguments: new Set(),
    visit: (node, parent) => {
      if ((node.type as string) === "RefusedStatement") {
        visitRefused(node as unknown as RefusedStatement, c);
        return;
      }
      const visitor = VISITORS[node.type] as Visitor | undefined;
      if (visitor) visitor(node, c, parent);
      else c.visitChildren(node);
    },
    visitChildren: (node) => {
      for (const child of childrenOf(node)) c.visit(child, node);
    },
  };
  c.visit(program, program);
  const { text, sourceColumn } = c.edits.apply();
  return {
    id: c.scriptId,
    text,
    sourceColumn,
    functionText: (number) => {
      const range = c.functions[number];
      return range && source.slice(range.start, range.end);
    },
    refused: c.refused,
  };
}

/** Finds the numbers of script and function in the text of a rewritten function. */
export function functionNumbers(text: string): { script: number; number: number } | null {
  const match = /\/\*µ(\d+):(\d+)\*\//.exec(text);
  return match && { script: Number(match[1]), number: Number(match[2]) };
}
