// SPDX-License-Identifier: MIT
// What the interpreter's memory holds, by the way to it: reads what `E.dumpVariables()` prints, a line
// for each variable with what it links to, and compares two of them.
//
//   2,1,24,"\xFF",3,            a name and its value
//   14,22,37,String "var a",    22 JsVars: a text and what continues it

/** JsVars by the way to them from the root; numbers of elements are `*`. */
export type Variables = Map<string, number>;

interface Variable {
  jsvars: number;
  /** Empty for a value. */
  name: string;
  links: string[];
}

const LINE = /^(\d+),(\d+),\d+,(String )?(?:"((?:[^"\\]|\\.)*)"|[^,]*),([\d,]*)$/;
const ROOT = "1";
/** The time left of a timer, as it is in the interpreter's own list; it is not counted, see below. */
const TIMER_TIME = /\/timers\/\*\/time$/;

/** Reads a dump; a variable that several others link to counts where it is found first. */
export function readVariables(lines: readonly string[]): Variables {
  const all = new Map<string, Variable>();
  for (const line of lines) {
    const [, ref = "", jsvars, isText, name = "", links = ""] = LINE.exec(line) ?? [];
    const linked = links.split(",").filter((link) => link !== "");
    if (ref) all.set(ref, { jsvars: Number(jsvars), name: isText ? "" : name, links: linked });
  }
  const variables: Variables = new Map();
  const walk = (from: string, root: string): void => {
    // Breadth first: what is at hand is named by its shortest way.
    const queue = [[from, root]];
    for (const [ref, way] of queue as [string, string][]) {
      const variable = all.get(ref);
      if (!variable) continue;
      all.delete(ref);
      const { jsvars, name, links } = variable;
      const own = name === "" || root !== "" ? way : `${way}/${name.replace(/^\d+$/, "*")}`;
      variables.set(own, (variables.get(own) ?? 0) + jsvars);
      for (const link of links) queue.push([link, own]);
    }
  };
  walk(ROOT, "");
  // What is locked only, such as the scope of what dumps.
  for (const ref of all.keys()) walk(ref, "locked");
  return variables;
}

/**
 * Tells what is more or less in `after`, JsVars by way to them, the most first. The time left of a
 * timer is left out: it has a JsVar of its own but for its last eight milliseconds.
 */
export function changesOf(before: Variables, after: Variables): [way: string, jsvars: number][] {
  return [...new Set([...before.keys(), ...after.keys()])]
    .filter((way) => !TIMER_TIME.test(way))
    .map((way): [string, number] => [way, (after.get(way) ?? 0) - (before.get(way) ?? 0)])
    .filter(([, jsvars]) => jsvars !== 0)
    .sort(([, one], [, other]) => other - one);
}
