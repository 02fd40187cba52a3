// SPDX-License-Identifier: MIT
// Finds in an author's source the searches that the interpreter answers wrongly: for a text of several
// characters, which it also finds where the END of the other text is the beginning of it
// ("abc".indexOf("cx") is 2). For the firmware lint does that, by types, which JavaScript has not.
import type { NodePath, types } from "@babel/core";
import { isArray } from "./arrays.ts";

const INSTEAD: Readonly<Record<string, string>> = {
  indexOf: 'indexIn(text, part, 0) of "lubdub/firmware" is right',
  includes: 'indexIn(text, part, 0) >= 0 of "lubdub/firmware" is right',
  match: "a regular expression is right",
  replace: "a regular expression is right",
  replaceAll: "replace with a regular expression is right",
};

/**
 * What to do instead, when a call may be such a search; undefined when it is none. Only what is
 * searched for as literal text is seen, and arrays that are none for certain may be meant.
 */
export function wrongSearch(call: NodePath<types.CallExpression>): string | undefined {
  const callee = call.get("callee");
  if (!callee.isMemberExpression() || callee.node.computed) return undefined;
  const { property } = callee.node;
  const instead = property.type === "Identifier" ? INSTEAD[property.name] : undefined;
  const [part] = call.node.arguments;
  if (!instead || part?.type !== "StringLiteral" || part.value.length < 2) return undefined;
  return isArray(callee.get("object")) ? undefined : instead;
}
