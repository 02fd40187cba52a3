// SPDX-License-Identifier: MIT
// How the interpreter writes values: on the console (print), as JSON, and as the relaxed notation
// of E.toJS and Storage.writeJSON. Spaces and line breaks are the interpreter's own.
// Not for: reading them back (json.ts).
import { types } from "node:util";
import { parseExpressionAt } from "acorn";
import { numberText } from "./numbers.ts";
import { PLAIN_TEXT, plainJson } from "./plain-json.ts";

/** What the format needs to know of the realm that a value comes from. */
export interface FormatRealm {
  /** Prototype of plain objects. */
  readonly objectPrototype: object;
  /** Name of a global class whose instance this is, null for plain objects and others. */
  className(value: object): string | null;
  /** True when the class has a toString of its own. */
  hasOwnText(value: object): boolean;
  /** Text as `String(value)` gives it on the board. */
  text(value: unknown): string;
  /** Text of a pin, null for anything else. */
  pinName(value: unknown): string | null;
  /** Own enumerable keys in the order in which they are shown. */
  keysOf(object: object): string[];
  /** Source text of a script's function, as the script has it. */
  sourceOf(fn: object): string;
}

interface Style {
  /** Console layout: spaces, class names, functions. */
  isConsole: boolean;
  /** `some`: around members that are not plain numbers; `all`: around every member. */
  breaks: "none" | "some" | "all";
  isPretty: boolean;
  indent: string;
  hasFunctions: boolean;
  /** Escapes as \u00XX only, and null for what JSON does not know. */
  isJson: boolean;
  quoteNames: boolean;
  nullForNaN: boolean;
  /** Shows the ends of what is long, and no code. */
  isLimited: boolean;
}

const CONSOLE: Style = {
  isConsole: true,
  breaks: "some",
  isPretty: true,
  indent: "  ",
  hasFunctions: true,
  isJson: false,
  quoteNames: true,
  nullForNaN: false,
  isLimited: false,
};
/** Results on the console. */
const RESULT: Style = { ...CONSOLE, quoteNames: false, isLimited: true };
const JSON_STYLE: Style = {
  isConsole: false,
  breaks: "none",
  isPretty: false,
  indent: "",
  hasFunctions: false,
  isJson: true,
  quoteNames: true,
  nullForNaN: true,
  isLimited: false,
};
const RELAXED: Style = { ...JSON_STYLE, isJson: false, quoteNames: false };

/** What is longer is shown by its ends where results are limited, and what then is left of it. */
const LIMITS = { items: 15, itemsLeft: 5, chars: 60, charsLeft: 27 };
const GAP = " ... ";

/** Members of an object on one line before the console starts a new one. */
const MEMBERS_ON_LINE = 4;

const SHORT_ESCAPES: Readonly<Record<string, string>> = {
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  '"': '\\"',
  "\\": "\\\\",
};

function hex(code: number, width: number): string {
  return code.toString(16).toUpperCase().padStart(width, "0");
}

function quoted(text: string, isJson: boolean): string {
  if (PLAIN_TEXT.test(text)) return `"${text}"`;
  let out = '"';
  for (let i = 0; i < text.length; i++) {
    const c = text[i] as string;
    const code = text.charCodeAt(i) & 255;
    const short = SHORT_ESCAPES[c];
    if (short) out += short;
    else if (code >= 32 && code < 127) out += c;
    else if (isJson) out += `\\u${hex(code, 4)}`;
    else if (c === "\v") out += "\\v";
    else if (code < 8 && !/^[0-7]/.test(text.slice(i + 1, i + 2))) out += `\\${code}`;
    else out += `\\x${hex(code, 2)}`;
  }
  return `${out}"`;
}

const natives = new WeakSet<object>();

/** Remembers that a function is the interpreter's own, so that its source is not shown. */
export function markNative(fn: object): void {
  natives.add(fn);
}

/** True for the interpreter's own functions. */
export function isNative(fn: object): boolean {
  return (
    natives.has(fn) ||
    (typeof fn === "function" && Function.prototype.toString.call(fn).endsWith("{ [native code] }"))
  );
}

/** Parameters and body of a function, as `toString` and `print` show them. */
export function functionText(fn: object, realm: Pick<FormatRealm, "sourceOf">): string {
  const source = realm.sourceOf(fn);
  if (natives.has(fn) || source.endsWith("{ [native code] }"))
    return "function () { [native code] }";
  // A method is a function expression only with the word in front.
  for (const text of [`(${source})`, `({${source}})`, `(function ${source})`]) {
    try {
      const node = parseExpressionAt(text, 0, { ecmaVersion: "latest" });
      const inner =
        node.type === "ObjectExpression" && node.properties[0]?.type === "Property"
          ? node.properties[0].value
          : node;
      if (inner.type !== "FunctionExpression" && inner.type !== "ArrowFunctionExpression") break;
      const params = inner.params.map((p) => text.slice(p.start, p.end)).join(",");
      const { body } = inner;
      if (body.type !== "BlockStatement") {
        return `function (${params}) {return ${text.slice(body.start, body.end)}}`;
      }
      const code = text.slice(body.start + 1, body.end - 1).trimStart();
      return code.includes("\n")
        ? `function (${params}) {\n  ${code}\n}`
        : `function (${params}) {${code}}`;
    } catch {
      continue;
    }
  }
  return "function () {}";
}

interface Writer {
  style: Style;
  realm: FormatRealm;
  active: Set<object>;
}

function lineBreak(style: Style, depth: number): string {
  return `\n${style.indent.repeat(depth)}`;
}

/** True for members around which the console breaks the line. */
function isBulky(w: Writer, value: unknown): boolean {
  return !(
    value === undefined ||
    value === null ||
    typeof value === "number" ||
    typeof value === "boolean" ||
    w.realm.pinName(value) !== null
  );
}

function writeArray(w: Writer, array: readonly unknown[], depth: number): string {
  const { style } = w;
  let out = style.isPretty ? "[ " : "[";
  let breakNext = false;
  const isLong = style.isLimited && array.length > LIMITS.items;
  const gapEnd = isLong ? array.length - LIMITS.itemsLeft : 0;
  for (let i = 0; i < array.length; i++) {
    if (i >= LIMITS.itemsLeft && i < gapEnd) continue;
    if (i > 0) out += style.isPretty ? ", " : ",";
    if (isLong && i === gapEnd) out += GAP;
    // A hole is laid out as the item behind it.
    const next = i in array ? i : array.findIndex((_, at) => at > i && at in array);
    const bulky = style.breaks === "all" || (style.breaks === "some" && isBulky(w, array[next]));
    if (bulky || breakNext) out += lineBreak(style, depth + 1);
    out += write(w, array[i], depth + 1, String(i));
    breakNext = bulky;
  }
  if (style.isConsole) {
    const names = Object.keys(array).filter((name) => !/^\d+$/.test(name));
    out += writeMembers(w, array, names, depth, array.length === 0).text;
  }
  return `${out}${breakNext ? lineBreak(style, depth) : ""}${style.isPretty ? " ]" : "]"}`;
}

function isBareName(name: string): boolean {
  return /^([A-Za-z_$][\w$]*|\d+)$/.test(name) && name.length < 63;
}

function writeMembers(
  w: Writer,
  object: object,
  names: readonly string[],
  depth: number,
  isFirst: boolean,
): { text: string; needsBreak: boolean } {
  const { style } = w;
  let out = "";
  let breakNext = false;
  let onLine = 0;
  for (const name of names) {
    const member = Object.getOwnPropertyDescriptor(object, name);
    if (!member || member.get || member.set) continue;
    const { value } = member as { value: unknown };
    if (!style.isConsole && value === undefined) continue;
    if (typeof value === "function" && !style.hasFunctions) continue;
    // The result of a match has this member in the host's engine only.
    if (name === "groups" && value === undefined && Array.isArray(object)) continue;
    onLine++;
    if (!isFirst) out += style.isPretty ? ", " : ",";
    isFirst = false;
    const bulky = style.breaks === "all" || (style.breaks === "some" && isBulky(w, value));
    const isFull = style.breaks === "some" && onLine > MEMBERS_ON_LINE;
    if (bulky || breakNext || isFull) {
      out += lineBreak(style, depth + 1);
      onLine = 0;
    }
    out += style.quoteNames || !isBareName(name) ? quoted(name, style.isJson) : name;
    out += style.isPretty ? ": " : ":";
    out += write(w, value, depth + 1, name);
    breakNext = bulky;
  }
  return { text: out, needsBreak: breakNext };
}

function writeBuffer(w: Writer, value: ArrayBufferView | ArrayBuffer): string {
  const isView = ArrayBuffer.isView(value);
  const elements = isView ? (value as Uint8Array) : new Uint8Array(value);
  const all = Array.from(elements, (element) => numberText(element));
  const isLong = w.style.isLimited && all.length > LIMITS.items;
  const items = isLong ? all.slice(0, LIMITS.itemsLeft) : all;
  if (isLong) {
    const [first, ...others] = all.slice(-LIMITS.itemsLeft);
    items.push(`${GAP}${first}`, ...others);
  }
  if (!w.style.isConsole) return `[${items.join(w.style.isPretty ? ", " : ",")}]`;
  const name = isView ? (value.constructor as { name: string }).name : "ArrayBuffer";
  if (elements.every((element) => element === 0)) return `new ${name}(${elements.length})`;
  return isView
    ? `new ${name}([${items.join(", ")}])`
    : `new Uint8Array([${items.join(", ")}]).buffer`;
}

function writeObject(w: Writer, object: object, depth: number, name: string): string {
  const { style, realm } = w;
  if (Array.isArray(object)) return writeArray(w, object, depth);
  if (ArrayBuffer.isView(object) && !types.isDataView(object)) return writeBuffer(w, object);
  if (types.isArrayBuffer(object)) return writeBuffer(w, object);
  let out = "";
  if (style.isConsole) {
    const className = realm.className(object);
    if (className) out = `${className}: `;
    if (types.isRegExp(object)) {
      const { source, flags, lastIndex } = object;
      const plain = flags ? { source, flags, lastIndex } : { source, lastIndex };
      const members = writeMembers(w, plain, Object.keys(plain), depth, true);
      return `RegExp: { ${members.text} }`;
    }
    if (className && realm.hasOwnText(object)) return out + realm.text(object);
  } else {
    const { toJSON } = object as { toJSON?: unknown };
    if (typeof toJSON === "function") {
      const plain: unknown = toJSON.call(object, name);
      if (plain !== object) return write(w, plain, depth, name);
    }
  }
  const members = writeMembers(w, object, realm.keysOf(object), depth, true);
  out += style.isPretty ? "{ " : "{";
  out += members.text;
  if (members.needsBreak) out += lineBreak(style, depth);
  return out + (style.isPretty ? " }" : "}");
}

function write(w: Writer, value: unknown, depth: number, name: string): string {
  const { style } = w;
  switch (typeof value) {
    case "undefined":
      return style.isConsole ? "undefined" : "null";
    case "string":
      if (style.isLimited && value.length > LIMITS.chars) {
        const [head, tail] = [value.slice(0, LIMITS.charsLeft), value.slice(-LIMITS.charsLeft)];
        return quoted(head, false) + GAP + quoted(tail, false);
      }
      return quoted(value, style.isJson);
    case "number":
      return style.nullForNaN && !Number.isFinite(value) ? "null" : numberText(value);
    case "boolean":
      return String(value);
    case "function":
      if (!style.hasFunctions) return "undefined";
      if (!style.isLimited || isNative(value)) return functionText(value, w.realm);
      return functionText(value, w.realm).replace(/\{[^]*$/, "{ ... }");
    case "object": {
      if (value === null) return "null";
      const pin = w.realm.pinName(value);
      if (pin !== null) return style.isJson ? quoted(pin, true) : pin;
      if (w.active.has(value)) return " ... ";
      w.active.add(value);
      const text = writeObject(w, value, depth, name);
      w.active.delete(value);
      return text;
    }
    default:
      return w.realm.text(value);
  }
}

/** Text of one argument of `print`. */
export function consoleText(value: unknown, realm: FormatRealm): string {
  if (typeof value === "string") return value;
  return write({ style: CONSOLE, realm, active: new Set() }, value, 0, "");
}

/** Text of a result on the console. */
export function resultText(value: unknown, realm: FormatRealm): string {
  return write({ style: RESULT, realm, active: new Set() }, value, 0, "");
}

/**
 * Text of `JSON.stringify`.
 *
 * @param space as the third argument of JSON.stringify
 */
export function jsonText(value: unknown, realm: FormatRealm, space?: unknown): string {
  let style = JSON_STYLE;
  const indent =
    typeof space === "number" ? " ".repeat(space) : typeof space === "string" ? space : "";
  const isObject = typeof value === "object" && value !== null;
  if (indent === "" && isObject && realm.keysOf === Object.keys) {
    const text = plainJson(value, realm.objectPrototype);
    if (text !== null) return text;
  }
  if (indent !== "") style = { ...style, isPretty: true, breaks: "all", indent };
  return write({ style, realm, active: new Set() }, value, 0, "");
}

/** Text of Storage.writeJSON (functions dropped) and, with functions, of E.toJS. */
export function relaxedText(
  value: unknown,
  realm: FormatRealm,
  options: { hasFunctions: boolean },
): string {
  const style = { ...RELAXED, ...options, nullForNaN: !options.hasFunctions };
  return write({ style, realm, active: new Set() }, value, 0, "");
}
