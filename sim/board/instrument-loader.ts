// SPDX-License-Identifier: MIT
// The rewritten scripts of one realm: each text is rewritten and compiled once, and what belongs to
// a function or a refused statement is found again by the numbers in its text.
// Not for: the rewriting (instrument.ts).
import { Script } from "node:vm";
import { functionNumbers, instrument } from "./instrument.ts";
import type { Instrumented } from "./instrument.ts";

/** A script that can run. */
export interface Loaded extends Instrumented {
  source: string;
  script: Script;
  fileName: string;
}

/** The scripts of one realm. */
export interface Loader {
  /** @param isLocal for the text of a direct eval */
  load(source: string, fileName: string, isLocal: boolean): Loaded;
  byId(id: number): Loaded | undefined;
  /** Makes a function show this as its source. */
  showAs(fn: object, source: string): void;
  /** Source text of a function as its script has it. */
  sourceOf(fn: object): string;
}

/** Texts without functions, such as lines typed on a console, that are kept at most. */
const MAX_PLAIN = 200;

/**
 * Creates an empty one.
 *
 * @param refuse throws for a text that cannot be run at all
 */
export function createLoader(refuse: (message: string) => never): Loader {
  const loaded = new Map<string, Loaded>();
  const byId = new Map<number, Loaded>();
  const shown = new WeakMap<object, string>();
  let plain: string[] = [];
  const rewrite = (source: string, fileName: string, isLocal: boolean): Loaded => {
    try {
      const rewritten = instrument(source, { isLocal });
      const script = new Script(rewritten.text, { filename: fileName });
      return { ...rewritten, source, script, fileName };
    } catch (error) {
      return refuse((error as Error).message);
    }
  };
  /** Nothing will ask for a script without functions once it has run. */
  const forgetOldest = (): void => {
    const [key = "", ...rest] = plain;
    plain = rest;
    const oldest = loaded.get(key);
    loaded.delete(key);
    if (oldest) byId.delete(oldest.id);
  };
  return {
    load: (source, fileName, isLocal) => {
      const key = `${String(isLocal)} ${fileName}\n${source}`;
      const known = loaded.get(key);
      if (known) return known;
      const made = rewrite(source, fileName, isLocal);
      loaded.set(key, made);
      byId.set(made.id, made);
      if (made.functionText(0) === undefined && made.refused.length === 0) plain.push(key);
      if (plain.length > MAX_PLAIN) forgetOldest();
      return made;
    },
    byId: (id) => byId.get(id),
    showAs: (fn, source) => void shown.set(fn, source),
    sourceOf: (fn) => {
      const own = shown.get(fn);
      if (own !== undefined) return own;
      const text = Function.prototype.toString.call(fn);
      const numbers = functionNumbers(text);
      return (numbers && byId.get(numbers.script)?.functionText(numbers.number)) ?? text;
    },
  };
}

/** Line and column from 1 of an offset. */
export function placeOf(source: string, offset: number): { line: number; column: number } {
  const before = source.slice(0, offset).split("\n");
  return { line: before.length, column: (before.at(-1) as string).length + 1 };
}
