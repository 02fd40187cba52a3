// SPDX-License-Identifier: MIT
// Regular expressions of a realm that follow the interpreter: exec and test, and the methods of
// strings that take one.
// Not for: the matching itself (regex-engine.ts).
import { types } from "node:util";
import type { Intrinsics } from "./intrinsics.ts";
import { findMatch, RegexError } from "./regex-engine.ts";
import type { Match } from "./regex-engine.ts";

/** Replaces the methods. */
export function installRegex(realm: Intrinsics): void {
  const { arrayOf, define, global, text } = realm;
  const find = (regex: RegExp, self: string, from: number): Match | null => {
    try {
      return findMatch(regex.source, self, from, { ignoreCase: regex.ignoreCase });
    } catch (error) {
      if (error instanceof RegexError) return realm.fail("Error", error.message);
      throw error;
    }
  };
  const groupsOf = (self: string, match: Match): string[] =>
    match.groups.map(([from, to]) => self.slice(from, Math.max(from, to)));
  const exec = (regex: RegExp, self: string): unknown[] | null => {
    const from = regex.lastIndex;
    const match = from > self.length ? null : find(regex, self, from);
    regex.lastIndex = match && regex.global ? match.end : 0;
    if (!match) return null;
    const found = arrayOf([self.slice(match.index, match.end), ...groupsOf(self, match)]);
    return Object.assign(found, { index: match.index, input: self });
  };
  /** All matches, one behind the other; `step`: how far to go on behind an empty one. */
  const all = (regex: RegExp, self: string, step: 0 | 1): Match[] => {
    const found: Match[] = [];
    for (let from = 0; from <= self.length;) {
      const match = find(regex, self, from);
      if (!match) break;
      found.push(match);
      if (match.end === match.index && step === 0) break;
      from = match.end + (match.end === match.index ? step : 0);
    }
    regex.lastIndex = 0;
    return found;
  };
  const asRegex = (value: unknown): RegExp | null => (types.isRegExp(value) ? value : null);

  define((global["RegExp"] as { prototype: object }).prototype, {
    exec(this: RegExp, value: unknown) {
      return exec(this, text(value));
    },
    test(this: RegExp, value: unknown) {
      return exec(this, text(value)) !== null;
    },
    toString: () => "[object Object]",
  });

  const { prototype } = global["String"] as { prototype: Record<string, unknown> };
  const plain = {
    replace: prototype["replace"] as (by: unknown, to: unknown) => string,
    replaceAll: prototype["replaceAll"] as (by: unknown, to: unknown) => string,
    split: prototype["split"] as (by: unknown) => unknown,
  };
  const replaced = (self: string, regex: RegExp, by: unknown, isAll: boolean): string => {
    const isFunction = typeof by === "function";
    const template = isFunction ? "" : text(by);
    const found = isAll ? all(regex, self, 1) : [find(regex, self, 0)];
    let out = "";
    let done = 0;
    for (const match of found) {
      if (!match) break;
      const groups = groupsOf(self, match);
      const hit = self.slice(match.index, match.end);
      out += self.slice(done, match.index);
      out += isFunction
        ? text((by as (...args: unknown[]) => unknown)(hit, ...groups, match.index, self))
        : template.replace(/\$([1-9])/g, (whole, n: string) => groups[Number(n) - 1] ?? whole);
      done = match.end;
    }
    return out + self.slice(done);
  };
  define(prototype, {
    match(this: unknown, what: unknown) {
      const self = text(this);
      const regex = asRegex(what);
      if (what === undefined) return undefined;
      if (!regex) {
        const index = self.indexOf(text(what));
        if (index < 0) return null;
        return Object.assign(arrayOf([text(what)]), { index, input: text(what) });
      }
      regex.lastIndex = 0;
      if (!regex.global) return exec(regex, self);
      return arrayOf(all(regex, self, 1).map(({ index, end }) => self.slice(index, end)));
    },
    replace(this: unknown, what: unknown, by: unknown) {
      const regex = asRegex(what);
      return regex
        ? replaced(text(this), regex, by, regex.global)
        : plain.replace.call(this, what, by);
    },
    replaceAll(this: unknown, what: unknown, by: unknown) {
      const regex = asRegex(what);
      return regex ? replaced(text(this), regex, by, true) : plain.replaceAll.call(this, what, by);
    },
    split(this: unknown, by?: unknown) {
      const regex = asRegex(by);
      if (!regex) return plain.split.call(this, by);
      const self = text(this);
      let done = 0;
      const parts = all(regex, self, 0).map(({ index, end }) => {
        const part = self.slice(done, index);
        done = end;
        return part;
      });
      return arrayOf([...parts, self.slice(done)]);
    },
  });
}
