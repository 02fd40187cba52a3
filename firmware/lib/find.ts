// SPDX-License-Identifier: MIT
// Where one text is in another. The interpreter's own `indexOf` and `includes` also answer where the
// END of the text is the beginning of what is looked for: "xab".indexOf("abc") is 1 (2v29). What is
// one character long cannot match that way, and needs no more than they are.

/** Place of the first `part` of two or more characters in `text` from a place on; -1: nowhere. */
export function indexIn(text: string, part: string, from: number): number {
  // oxlint-disable-next-line typescript/no-deprecated -- what this is for
  const at = text.indexOf(part, from);
  return at + part.length > text.length ? -1 : at;
}
