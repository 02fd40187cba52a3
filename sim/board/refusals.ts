// SPDX-License-Identifier: MIT
// What the interpreter throws for a construct that it refuses, word for word where that is one
// message for all forms of it. Some constructs begin with a word that it takes for a name: then it
// is the name that is not defined.
// Not for: finding them (syntax-rules.ts).
import type { ErrorType } from "./realm.ts";
import type { Finding } from "./syntax-rules.ts";

/** An error as the interpreter throws it. */
export interface Refusal {
  type: ErrorType;
  message: string;
}

/** Constructs that are read as a name and then something else. */
const NAMES = new Set(["async function", "await", "label", "with", "import or export", "yield"]);

const MESSAGES: Readonly<Record<string, string>> = {
  "default parameter": "Got '=' expected ','",
  "rest parameter": "Got '.' expected ID",
  spread: "Got '.' expected EOF",
  "optional chaining": "Got '.' expected EOF",
  "exponentiation operator": "Got '*' expected EOF",
  "logical assignment": "Got '=' expected EOF",
  generator: "Got '*' expected ID",
  "computed key": "Got '[' expected ID",
  "#private member": "Got '#' expected '}'",
  "class field without a value": "Got ';' expected '='",
  "static block": "Got '{' expected ID",
  "case behind default": "CASE after DEFAULT unsupported",
  "super in an arrow function": "Calling 'super' outside of class",
  "new.target or import.meta": "Got '.' expected EOF",
};

/** Words that a script cannot ask the type of. */
const KEYWORDS = /^(?:with|import|export|enum|await|yield)$/;

/**
 * The name that the interpreter looks up before it meets the error; null without one.
 *
 * @param statementStart where the refused statement begins
 */
export function leadingName(
  { construct, start }: Finding,
  statementStart: number,
  source: string,
): string | null {
  const from = NAMES.has(construct) ? start : construct === "syntax error" ? statementStart : null;
  if (from === null) return null;
  const word = /^[A-Za-z_$][\w$]*/.exec(source.slice(from))?.[0];
  return word === undefined || STATEMENTS.test(word) ? null : word;
}

/** Words that begin a statement on the interpreter too. */
const STATEMENTS =
  /^(?:if|do|while|for|return|break|continue|function|switch|throw|try|new|delete|typeof|void|var|const|let|class|super|this|null|undefined|true|false|debugger|case|default|else|catch|finally|in|instanceof|extends|static|of)$/;

/** True for a word that the interpreter's grammar has. */
export function isStatementWord(word: string): boolean {
  return STATEMENTS.test(word);
}

/** True for a leading name that is a word of the language. */
export function isKeyword(name: string): boolean {
  return KEYWORDS.test(name);
}

/** The error for a finding. */
export function refusalOf(finding: Finding): Refusal {
  const { construct, message } = finding;
  if (construct === "\\u{…} escape") return { type: "Error", message: "Invalid escape sequence" };
  if (construct === "extends <expression>") {
    return { type: "ReferenceError", message: '"" is not defined' };
  }
  if (construct === "BigInt") return { type: "ReferenceError", message: '"n" is not defined' };
  const known = MESSAGES[construct];
  if (known !== undefined) return { type: "SyntaxError", message: known };
  return {
    type: "SyntaxError",
    message: construct === "syntax error" ? message : `${construct}: ${message}`,
  };
}
