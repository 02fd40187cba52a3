// SPDX-License-Identifier: MIT
// Which regular expressions the interpreter matches as other engines do. Its matcher knows
// literals, classes, `. * +`, anchors, simple groups and alternation; most of what lies beyond
// compiles and then silently never matches. Every row below was run on the interpreter.
// Not for: matching (regex-engine.ts), or invalid patterns.

/** One construct of a pattern that the interpreter refuses or matches wrongly. */
export interface RegexFinding {
  /** Characters into the pattern. */
  offset: number;
  construct: string;
  kind: "refused" | "wrong";
  message: string;
}

const NEVER_MATCHES = "the interpreter's matcher never matches it";

/** Escapes other than the plain ones; the key is the letter behind the backslash. */
const BAD_ESCAPES: Readonly<Record<string, string>> = {
  b: "\\b in a regular expression",
  B: "\\B in a regular expression",
  c: "\\c in a regular expression",
  u: "\\u in a regular expression",
  p: "\\p in a regular expression",
  P: "\\P in a regular expression",
};

const GROUP_HEADS: readonly (readonly [string, string])[] = [
  ["?:", "non-capturing group"],
  ["?=", "lookahead"],
  ["?!", "lookahead"],
  ["?<=", "lookbehind"],
  ["?<!", "lookbehind"],
  ["?<", "named group"],
  ["?", "group modifier"],
];

const FLAGS: Readonly<Record<string, readonly ["refused" | "wrong", string]>> = {
  s: ["refused", "the interpreter reads the flag as a name"],
  d: ["refused", "the interpreter reads the flag as a name"],
  v: ["refused", "the interpreter reads the flag as a name"],
  m: ["wrong", "the flag is ignored: ^ and $ match only at the ends of the string"],
  u: ["wrong", "the flag is ignored: strings are bytes"],
  y: ["wrong", "the flag is ignored: matching does not stick to lastIndex"],
};

/**
 * Lists what the interpreter cannot do of one regular expression.
 *
 * @param pattern text between the slashes
 * @param flags text behind the closing slash
 */
export function checkRegex(pattern: string, flags: string): RegexFinding[] {
  const found: RegexFinding[] = [];
  const add = (
    offset: number,
    construct: string,
    message: string,
    kind: "refused" | "wrong" = "wrong",
  ): void => {
    found.push({ offset, construct, kind, message });
  };

  let depth = 0;
  let inClass = false;
  let groupHasPrefix = false;
  let afterAtom = false;
  let i = 0;
  while (i < pattern.length) {
    const c = pattern[i] as string;
    if (c === "\\") {
      const e = pattern[i + 1] ?? "";
      if (e >= "1" && e <= "9" && !inClass) {
        add(i, "backreference", "the interpreter throws: Backreferences not supported", "refused");
      } else if (e === "k" && pattern[i + 2] === "<") {
        add(i, "backreference", "the interpreter throws: Backreferences not supported", "refused");
      } else if (e in BAD_ESCAPES && !(inClass && (e === "b" || e === "B"))) {
        add(i, BAD_ESCAPES[e] as string, NEVER_MATCHES);
      }
      afterAtom = true;
      i += 2;
      continue;
    }
    if (inClass) {
      if (c === "]") inClass = false;
      else if (c === "/") {
        add(
          i,
          "unescaped / in a character class",
          "the interpreter ends the expression at this slash: write \\/",
          "refused",
        );
      }
      afterAtom = true;
      i++;
      continue;
    }
    if (c === "[") {
      inClass = true;
    } else if (c === "(") {
      const head = GROUP_HEADS.find(([text]) => pattern.startsWith(text, i + 1));
      if (head) add(i, head[1], NEVER_MATCHES);
      else if (depth > 0) add(i, "nested group", "groups are numbered wrongly");
      groupHasPrefix = i > 0;
      depth++;
      afterAtom = false;
    } else if (c === ")") {
      depth--;
      const next = pattern.slice(i + 1);
      if (/^([*+?]|\{\d+(,\d*)?\})/.test(next)) {
        add(i, "quantified group", "a group with a quantifier never matches");
      }
      afterAtom = true;
    } else if (c === "|") {
      if (depth > 0 && groupHasPrefix) {
        add(
          i,
          "alternation behind a prefix",
          "only the first alternative sees what stands before the group",
        );
      } else if (depth === 0 && pattern.startsWith("^")) {
        add(i, "alternation behind ^", "every alternative is tried at the start only");
      }
      afterAtom = false;
    } else if (c === "{" && afterAtom) {
      const quantifier = /^\{\d+(,\d*)?\}/.exec(pattern.slice(i));
      if (quantifier) {
        add(i, "{n,m} quantifier", NEVER_MATCHES);
        i += quantifier[0].length;
        if (pattern[i] === "?") i++;
        continue;
      }
    } else if ((c === "*" || c === "+" || c === "?") && pattern[i + 1] === "?") {
      add(i + 1, "lazy quantifier", NEVER_MATCHES);
      i++;
    } else if (c === "?" && afterAtom) {
      add(i, "? quantifier", "the interpreter takes the question mark for itself");
    } else {
      afterAtom = true;
    }
    i++;
  }

  for (let f = 0; f < flags.length; f++) {
    const row = FLAGS[flags[f] as string];
    if (row) add(pattern.length + 1, `regular expression flag ${flags[f]}`, row[1], row[0]);
  }
  return found;
}
