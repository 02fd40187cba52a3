// SPDX-License-Identifier: MIT
// How the interpreter matches a regular expression: characters, sets, `*`, `+`, `^`, `$`, groups
// and alternatives, and nothing else. Braces, question marks and what follows them stand for
// themselves, a group cannot be repeated, and an alternative is looked for from where the match
// failed to the end of the whole expression, groups or not.
// Not for: naming what a script must not use (regex-subset.ts).

/** Where a text matched. */
export interface Match {
  index: number;
  end: number;
  /** From, to. */
  groups: readonly (readonly [number, number])[];
}

/** Thrown for an expression that cannot be read; only when the match gets there. */
export class RegexError extends Error {}

type Groups = Match["groups"];

const MAX_GROUPS = 9;
const ESCAPES: Readonly<Record<string, string>> = {
  f: "\f",
  b: "\b",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "0": "\0",
};
const CLASSES: Readonly<Record<string, RegExp>> = {
  d: /\d/,
  D: /\D/,
  s: /[\t\n\v\f\r ]/,
  S: /[^\t\n\v\f\r ]/,
  w: /\w/,
  W: /\W/,
};

function lower(c: string): string {
  return c >= "A" && c <= "Z" ? c.toLowerCase() : c;
}

/**
 * Finds the first match at or behind an offset.
 *
 * @throws RegexError
 */
export function findMatch(
  pattern: string,
  text: string,
  from: number,
  { ignoreCase }: { ignoreCase: boolean },
): Match | null {
  /** One plain or escaped character of the expression: its value, or a test, and its length. */
  const unit = (at: number): { value: string; test: RegExp | null; length: number } => {
    const c = pattern[at] as string;
    if (c !== "\\") return { value: c, test: null, length: 1 };
    const escaped = pattern[at + 1] ?? "";
    if (/[1-9]/.test(escaped)) throw new RegexError("Backreferences not supported");
    if (escaped === "x" && pattern.length > at + 3) {
      const code = parseInt(pattern.slice(at + 2, at + 4), 16);
      return { value: String.fromCharCode(code || 0), test: null, length: 4 };
    }
    const value = ESCAPES[escaped] ?? escaped;
    return { value, test: CLASSES[escaped] ?? null, length: 2 };
  };
  const isSame = (a: string, b: string): boolean => (ignoreCase ? lower(a) === lower(b) : a === b);
  const isBetween = (c: string, low: string, high: string): boolean => {
    const [a, b, x] = ignoreCase ? [lower(low), lower(high), lower(c)] : [low, high, c];
    return x >= a && x <= b && a < b;
  };

  const matchSet = (at: number, c: string): { isMatch: boolean; length: number } => {
    let i = at + 1;
    const isInverted = pattern[i] === "^";
    if (isInverted) i++;
    let hasAny = false;
    while (i < pattern.length && pattern[i] !== "]") {
      const low = unit(i);
      i += low.length;
      const isRange = !low.test && pattern[i] === "-" && pattern[i + 1] !== "]";
      if (isRange && i + 1 < pattern.length) {
        const high = unit(i + 1);
        i += 1 + high.length;
        hasAny ||= high.test ? high.test.test(c) : isBetween(c, low.value, high.value);
      } else {
        hasAny ||= low.test ? low.test.test(c) : isSame(low.value, c);
      }
    }
    if (i >= pattern.length) throw new RegexError("Unfinished character set in RegEx");
    return { isMatch: hasAny !== isInverted, length: i + 1 - at };
  };
  const matchCharacter = (at: number, position: number): { isMatch: boolean; length: number } => {
    const c = text[position] ?? "\0";
    if (pattern[at] === ".") return { isMatch: true, length: 1 };
    if (pattern[at] === "[") return matchSet(at, c);
    const { value, test, length } = unit(at);
    return { isMatch: test ? test.test(c) : isSame(value, c), length };
  };

  const matchFrom = (start: number): Match | null => {
    const alternative = (at: number, groups: Groups): Match | null => {
      for (let i = at; i < pattern.length; i++) {
        if (pattern[i] === "|") return match(i + 1, start, groups);
        if (pattern[i] === "\\") i++;
      }
      return null;
    };
    const repeat = (
      at: number,
      first: { isMatch: boolean; length: number },
      position: number,
      groups: Groups,
    ): Match | null => {
      const behind = at + first.length + 1;
      if (!first.isMatch && pattern[behind - 1] === "+") return alternative(behind, groups);
      let best = match(behind, position, groups);
      let goesOn = first.isMatch;
      for (let i = position; goesOn && i < text.length;) {
        i++;
        goesOn = matchCharacter(at, i).isMatch;
        best = match(behind, i, groups) ?? best;
      }
      return best;
    };
    function match(at: number, position: number, groups: Groups): Match | null {
      const c = pattern[at];
      switch (c) {
        case undefined:
        case "|":
          return { index: start, end: position, groups };
        case "^":
          return position === 0 ? match(at + 1, position, groups) : null;
        case "$":
          return position >= text.length
            ? match(at + 1, position, groups)
            : alternative(at + 1, groups);
        case "(": {
          const isNew = groups.length < MAX_GROUPS;
          return match(at + 1, position, isNew ? [...groups, [position, position]] : groups);
        }
        case ")": {
          const last = groups.at(-1);
          const rest = groups.slice(0, -1);
          return match(at + 1, position, last ? [...rest, [last[0], position]] : groups);
        }
      }
      const found = matchCharacter(at, position);
      const operator = pattern[at + found.length];
      if (operator === "*" || operator === "+") return repeat(at, found, position, groups);
      if (position < text.length && found.isMatch) {
        return match(at + found.length, position + 1, groups);
      }
      return alternative(at + found.length, groups);
    }
    return match(0, start, []);
  };

  for (let start = from; start === from || start < text.length; start++) {
    const found = matchFrom(start);
    if (found) return found;
  }
  return null;
}
