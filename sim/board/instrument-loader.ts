// SPDX-License-Identifier: MIT
// The rewritten scripts of one realm: each text is rewritten and compiled once, and what belongs to
// a function or a refused statement is found again by the numbers in its text. Boards that run the
// same long text share both, for they depend on nothing but the text.
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
/** Texts that are kept for other realms, and from how many characters on they are worth it. */
const MAX_SHARED = 16;
const MIN_SHARED_CHARS = 1000;

/** By {@link keyOf}, the least recently used first. */
const shared = new Map<string, Loaded>();

const keyOf = (source: string, fileName: string, isLocal: boolean): string =>
  `${String(isLocal)} ${fileName}\n${source}`;

/** Rewrites and compiles a text, unless that has been done lately. */
function loadShared(source: string, fileName: string, isLocal: boolean): Loaded {
  const key = keyOf(source, fileName, isLocal);
  let found = shared.get(key);
  if (!found) {
    const rewritten = instrument(source, { isLocal });
    const script = new Script(rewritten.text, { filename: fileName });
    found = { ...rewritten, source, script, fileName };
  }
  if (source.length < MIN_SHARED_CHARS) return found;
  shared.delete(key);
  shared.set(key, found);
  if (shared.size > MAX_SHARED) shared.delete(shared.keys().next().value as string);
  return found;
}

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
      return loadShared(source, fileName, isLocal);
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
      const key = keyOf(source, fileName, isLocal);
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
