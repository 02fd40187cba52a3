// SPDX-License-Identifier: MIT
// When the console runs what was typed: once all brackets are closed, and no comment or template
// is open. A string that is not closed at the end of its line is run, and refused.

const CLOSING = ")]}";
const OPENING = "([{";

/** What stands before a slash that divides; before any other it begins a regular expression. */
const BEFORE_DIVISION = /[\w$)\]}"'`]\s*$/;

/** True when text can be run; more lines are wanted otherwise. */
export function isComplete(text: string): boolean {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text[i] as string;
    if (OPENING.includes(c)) depth++;
    else if (CLOSING.includes(c)) depth--;
    else if (c === "/" && text[i + 1] === "/") {
      const end = text.indexOf("\n", i);
      if (end < 0) break;
      i = end;
    } else if (c === "/" && text[i + 1] === "*") {
      const end = text.indexOf("*/", i + 2);
      if (end < 0) return false;
      i = end + 1;
    } else if (c === "`") {
      const end = endOf(text, i);
      if (end < 0) return false;
      i = end;
    } else if (c === '"' || c === "'" || (c === "/" && !BEFORE_DIVISION.test(text.slice(0, i)))) {
      const end = endOf(text, i);
      if (end < 0) return true;
      i = end;
    }
    // Refused as it is: nothing that follows could mend it.
    if (depth < 0) return true;
  }
  return depth <= 0;
}

/** Where what begins here with a quote or slash ends; -1 when it does not, on its line. */
function endOf(text: string, start: number): number {
  const quote = text[start];
  for (let i = start + 1; i < text.length; i++) {
    if (text[i] === "\\") i++;
    else if (text[i] === quote) return i;
    else if (text[i] === "\n" && quote !== "`") return -1;
  }
  return -1;
}
