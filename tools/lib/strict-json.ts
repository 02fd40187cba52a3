// SPDX-License-Identifier: MIT
// JSON from a device, taken strictly: valid UTF-8, one object, no member twice in any object
// (RFC 8259 section 4 leaves the meaning of duplicates open, and two readers that pick differently
// would see two different beats under one signature).

/** A parsed JSON object. */
export type JsonObject = { [member: string]: unknown };

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Parses bytes as one JSON object.
 * @returns the object, or a word for what is wrong: `utf8`, `json`, `object`, `duplicate`.
 */
export function parseStrictObject(
  bytes: Buffer,
): { ok: true; value: JsonObject } | { ok: false; problem: string } {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    return { ok: false, problem: "utf8" };
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { ok: false, problem: "json" };
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return { ok: false, problem: "object" };
  if (hasDuplicateMember(text)) return { ok: false, problem: "duplicate" };
  return { ok: true, value: value as JsonObject };
}

/** Tells whether some object in a text that is known to be valid JSON names a member twice. */
function hasDuplicateMember(text: string): boolean {
  // One entry per open bracket: the names seen so far, or undefined for an array.
  const open: (Set<string> | undefined)[] = [];
  let at = 0;
  while (at < text.length) {
    const char = text[at];
    if (char === "{") open.push(new Set());
    else if (char === "[") open.push(undefined);
    else if (char === "}" || char === "]") open.pop();
    else if (char === '"') {
      const end = endOfString(text, at);
      if (isMemberName(text, end)) {
        // Parsed, so that an escaped name equals the plain one.
        const name = JSON.parse(text.slice(at, end)) as string;
        const names = open.at(-1);
        if (names?.has(name)) return true;
        names?.add(name);
      }
      at = end;
      continue;
    }
    at++;
  }
  return false;
}

/** Index after the closing quote of the string that opens at `at`. */
function endOfString(text: string, at: number): number {
  let i = at + 1;
  while (text[i] !== '"') i += text[i] === "\\" ? 2 : 1;
  return i + 1;
}

/** Only a member's name is followed by a colon. */
function isMemberName(text: string, end: number): boolean {
  let i = end;
  while (text[i] === " " || text[i] === "\n" || text[i] === "\r" || text[i] === "\t") i++;
  return text[i] === ":";
}
