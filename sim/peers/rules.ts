// SPDX-License-Identifier: MIT
// Scripted misbehaviour of a server program, as data: what happens to the n-th packet or request of
// a kind, from a client whose name fits. What a program does then is its own file's business.

/** When a rule applies; programs add whose packet or which path, a pattern with `*`. */
export interface Rule {
  /** Kind of what arrives, in the program's own words; `*` for every kind. */
  on: string;
  /** How many that fit are left alone first; 0 unless given. */
  skip?: number;
  /** How many are then treated; all that follow unless given. */
  count?: number;
}

/** The rules in force, oldest first. */
export interface Rules<R extends Rule> {
  /** Puts rules in force; the function given back ends them. */
  add(rules: R | readonly R[]): () => void;
  /** Finds the rule for what has arrived from or for `name`, and counts it; null: none applies. */
  take(on: string, name: string): R | null;
}

interface Active<R> {
  rule: R;
  pattern: RegExp;
  skipsLeft: number;
  countLeft: number;
}

function toPattern(text: string): RegExp {
  const parts = text.split("*").map((part) => part.replace(/[\\^$.|?+()[\]{}]/g, String.raw`\$&`));
  return new RegExp(`^${parts.join(".*")}$`, "s");
}

/**
 * Creates an empty list of rules.
 *
 * @param patternOf which names a rule is for, `*` standing for any run of characters; undefined: all
 */
export function createRules<R extends Rule>(patternOf: (rule: R) => string | undefined): Rules<R> {
  let active: Active<R>[] = [];
  return {
    add: (rules) => {
      const list = Array.isArray(rules) ? (rules as readonly R[]) : [rules as R];
      const added = list.map((rule) => ({
        rule,
        pattern: toPattern(patternOf(rule) ?? "*"),
        skipsLeft: rule.skip ?? 0,
        countLeft: rule.count ?? Infinity,
      }));
      active = [...active, ...added];
      return () => {
        active = active.filter((row) => !added.includes(row));
      };
    },
    take: (on, name) => {
      for (const row of active) {
        const fits = row.rule.on === on || row.rule.on === "*";
        if (!fits || row.countLeft <= 0 || !row.pattern.test(name)) continue;
        if (row.skipsLeft > 0) row.skipsLeft--;
        else {
          row.countLeft--;
          return row.rule;
        }
      }
      return null;
    },
  };
}
