// SPDX-License-Identifier: MIT
// JSON.parse as the interpreter does it: with its own tokens, so it takes single quotes, hex
// numbers, comments, trailing commas and anything behind the first value, keeps the first of two
// equal keys, and says in its own words what it did not expect.
// Not for: writing JSON (format.ts).

import { parseDecimal } from "./numbers.ts";

/** Makes the objects of the realm that gets the result. */
export interface JsonRealm {
  object(): Record<string, unknown>;
  array(): unknown[];
  syntaxError(message: string): unknown;
  /** Called before a key is set. */
  noteKey(object: object, key: string): void;
}

type TokenKind = "string" | "unfinished" | "number" | "word" | "sign" | "end";
interface JsonToken {
  kind: TokenKind;
  /** Value of a string or number, the text of everything else. */
  text: string;
  number: number;
}

const ESCAPES: Readonly<Record<string, string>> = {
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  a: "\x07",
};
const KEYWORDS = new Set(["true", "false", "null", "undefined"]);
const MAX_DEPTH = 200;
const GAP = /(?:[\s\0]|\/\/[^\n]*|\/\*[^]*?\*\/)+/y;

/** Integers of the interpreter have 64 bits and wrap. */
function integer(text: string): number {
  const value = Number(text);
  return Math.abs(value) < 2 ** 53 ? value : Number(BigInt.asIntN(64, BigInt(text)));
}

/**
 * Reads the first value of a text.
 *
 * @param options `relaxed` takes names without quotes, as readJSON does
 * @throws what `realm.syntaxError` makes
 */
export function parseJson(
  source: string,
  realm: JsonRealm,
  options: { relaxed: boolean } = { relaxed: false },
): unknown {
  let at = 0;

  const readString = (quote: string): JsonToken => {
    let text = "";
    for (at++; at < source.length; at++) {
      const c = source[at] as string;
      if (c === quote) {
        at++;
        return { kind: "string", text, number: 0 };
      }
      if (c === "\n") break;
      if (c !== "\\") {
        text += String.fromCharCode(c.charCodeAt(0) & 255);
        continue;
      }
      const escape = source[++at] ?? "";
      const wide = /^(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2}))/.exec(source.slice(at, at + 5));
      const octal = /^[0-7]{1,3}/.exec(source.slice(at, at + 3));
      if (wide) {
        // Strings are bytes: only the low byte is kept.
        text += String.fromCharCode(parseInt((wide[1] ?? wide[2]) as string, 16) & 255);
        at += wide[0].length - 1;
      } else if (octal) {
        text += String.fromCharCode(parseInt(octal[0], 8) & 255);
        at += octal[0].length - 1;
      } else {
        text += ESCAPES[escape] ?? escape;
      }
    }
    return { kind: "unfinished", text: "UNFINISHED STRING", number: 0 };
  };

  const read = (): JsonToken => {
    GAP.lastIndex = at;
    const gap = GAP.exec(source);
    if (gap) at += gap[0].length;
    const c = source[at];
    if (c === undefined) return { kind: "end", text: "EOF", number: 0 };
    if (c === '"' || c === "'") return readString(c);
    const rest = source.slice(at, at + 400);
    const match =
      /^(?:0[xX][0-9a-fA-F]+|\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)/.exec(rest);
    if (match) {
      at += match[0].length;
      const isInteger = /^(?:\d+|0[xX].*)$/.test(match[0]);
      const number = isInteger ? integer(match[0]) : parseDecimal(match[0]);
      return { kind: "number", text: isInteger ? "INT" : "FLOAT", number };
    }
    const word = /^[A-Za-z_$][\w$]*/.exec(rest);
    if (word) {
      at += word[0].length;
      return { kind: "word", text: word[0], number: 0 };
    }
    const sign = rest.startsWith("--") ? "--" : c;
    at += sign.length;
    return { kind: "sign", text: sign, number: 0 };
  };

  let token = read();
  const advance = (): void => {
    token = read();
  };
  const isSign = (text: string): boolean => token.kind === "sign" && token.text === text;
  const name = (): string => {
    if (token.kind === "sign" && token.text.length === 1) return `'${token.text}'`;
    if (token.kind === "word" && !KEYWORDS.has(token.text)) return `ID:${token.text}`;
    return token.kind === "string" ? `String:"${token.text}"` : token.text;
  };
  const expect = (text: string): void => {
    if (!isSign(text)) throw realm.syntaxError(`Got ${name()} expected '${text}'`);
    advance();
  };

  const readValue = (depth: number): unknown => {
    const { kind, text, number } = token;
    if (kind === "string") {
      advance();
      return text;
    }
    if (kind === "number") {
      advance();
      return number;
    }
    if (kind === "word" && (text === "true" || text === "false" || text === "null")) {
      advance();
      return text === "null" ? null : text === "true";
    }
    if (isSign("-")) {
      advance();
      const value = token.number;
      if (token.kind !== "number") throw realm.syntaxError(`Got ${name()} expected INT`);
      advance();
      return -value;
    }
    if (depth > MAX_DEPTH) {
      throw realm.syntaxError("Too much recursion - the stack is about to overflow");
    }
    if (isSign("[")) {
      advance();
      const array = realm.array();
      while (!isSign("]")) {
        array[array.length] = readValue(depth + 1);
        if (!isSign("]")) expect(",");
      }
      advance();
      return array;
    }
    if (isSign("{")) {
      advance();
      const object = realm.object();
      while (!isSign("}")) {
        if (token.kind === "end") throw realm.syntaxError("Got EOF expected '}'");
        const isBare = options.relaxed && (token.kind === "word" || token.kind === "number");
        if (token.kind !== "string" && !isBare) {
          throw realm.syntaxError(`Got ${name()} expected STRING`);
        }
        const key = token.kind === "number" ? String(token.number) : token.text;
        advance();
        expect(":");
        const value = readValue(depth + 1);
        if (key === "__proto__") {
          if (typeof value === "object") Object.setPrototypeOf(object, value);
        } else if (!Object.hasOwn(object, key)) {
          realm.noteKey(object, key);
          object[key] = value;
        }
        if (!isSign("}")) expect(",");
      }
      advance();
      return object;
    }
    const got = kind === "word" && !KEYWORDS.has(text) ? "ID" : name();
    throw realm.syntaxError(`Expecting valid value, got ${got}`);
  };

  return readValue(0);
}
