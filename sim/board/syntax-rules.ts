// SPDX-License-Identifier: MIT
// The constructs that the interpreter (2v29) refuses or runs wrongly, one row each: where to look,
// what to call it, what happens. A row is added after running the construct on the interpreter.
// Not for: running rules over a script (syntax.ts) and name resolution (syntax-scopes.ts).
import type {
  AnyNode,
  ArrowFunctionExpression,
  Class,
  FunctionDeclaration,
  FunctionExpression,
  Identifier,
  Property,
  Token,
} from "acorn";
import { MISSING_GLOBALS, MISSING_METHODS, STATICS } from "./builtins.ts";
import { checkRegex } from "./regex-subset.ts";
import { childrenOf, resolveNames } from "./syntax-scopes.ts";
import type { Binding, Reference } from "./syntax-scopes.ts";

type FunctionNode = FunctionDeclaration | FunctionExpression | ArrowFunctionExpression;

/** One construct found at one offset of the source. */
export interface Finding {
  start: number;
  construct: string;
  kind: "refused" | "wrong";
  message: string;
}

/** What a rule may look at besides its node. */
export interface RuleContext {
  source: string;
  tokens: readonly Token[];
  program: AnyNode;
}

/** A place, with what differs from the row it belongs to. */
type Place = { start: number } & Partial<Finding>;

/** One row: `find` answers with true for the node itself, or with places. */
export interface NodeRule {
  construct: string;
  kind: "refused" | "wrong";
  message: string;
  find(node: AnyNode, ancestors: readonly AnyNode[], context: RuleContext): boolean | Place[];
}

const THROWS = "the interpreter cannot parse it";

/** Words that the interpreter's lexer keeps: no method of a class may have such a name. */
const RESERVED = new Set(
  (
    "if else do while for return function break continue switch case default throw try catch " +
    "finally new delete in instanceof typeof void var let const this class extends super static " +
    "null undefined true false debugger of"
  ).split(" "),
);
/** Those of them that JavaScript lets a script use as a name. */
const RESERVED_NAMES = new Set(["let", "static", "of"]);
const MAX_NAME_CHARS = 63;

const ERROR_CLASSES = new Set([
  "Error",
  "TypeError",
  "SyntaxError",
  "ReferenceError",
  "InternalError",
  "RangeError",
  "EvalError",
  "URIError",
]);
const BUILT_IN_CLASSES = new Set([
  "Array",
  "Boolean",
  "Date",
  "Function",
  "Number",
  "Promise",
  "RegExp",
  "String",
  "ArrayBuffer",
  "DataView",
  "Uint8Array",
  "Uint16Array",
  "Uint32Array",
  "Int8Array",
  "Int16Array",
  "Int32Array",
  "Float32Array",
  "Float64Array",
  "Uint8ClampedArray",
]);
/** Methods that the interpreter does show on a built-in prototype. */
const VISIBLE_ON_PROTOTYPE = new Set(["constructor", "toString", "hasOwnProperty", "valueOf"]);

function isIdentifier(node: AnyNode | null | undefined, name?: string): node is Identifier {
  return node?.type === "Identifier" && (name === undefined || node.name === name);
}

function isFunction(node: AnyNode): node is FunctionNode {
  return (
    node.type === "FunctionDeclaration" ||
    node.type === "FunctionExpression" ||
    node.type === "ArrowFunctionExpression"
  );
}

function isString(node: AnyNode | undefined): boolean {
  return (
    node?.type === "TemplateLiteral" || (node?.type === "Literal" && typeof node.value === "string")
  );
}

/** `obj.name(...)` with these arguments, or null. */
function methodCall(node: AnyNode, name: string): readonly AnyNode[] | null {
  if (node.type !== "CallExpression" || node.callee.type !== "MemberExpression") return null;
  const { property, computed } = node.callee;
  return !computed && isIdentifier(property, name) ? node.arguments : null;
}

function staticCall(node: AnyNode, object: string, name: string): readonly AnyNode[] | null {
  const args = methodCall(node, name);
  if (!args || node.type !== "CallExpression" || node.callee.type !== "MemberExpression") {
    return null;
  }
  return isIdentifier(node.callee.object, object) ? args : null;
}

/** The name of a property or method that is written plainly, or null. */
function plainKey(node: AnyNode): string | null {
  if (
    node.type !== "Property" &&
    node.type !== "MethodDefinition" &&
    node.type !== "PropertyDefinition"
  ) {
    return null;
  }
  return !node.computed && node.key.type === "Identifier" ? node.key.name : null;
}

/**
 * True when the class stands where the interpreter may have to step over it without running it.
 * It steps over braces of a block correctly, and over those of a class body in an expression not.
 */
function canBeSkipped(ancestors: readonly AnyNode[]): boolean {
  for (let i = ancestors.length - 1; i > 0; i--) {
    const child = ancestors[i] as AnyNode;
    const parent = ancestors[i - 1] as AnyNode;
    switch (parent.type) {
      case "LogicalExpression":
        if (parent.right === child) return true;
        break;
      case "ConditionalExpression":
        if (parent.test !== child) return true;
        break;
      case "ArrowFunctionExpression":
        return parent.body === child && child.type !== "BlockStatement";
      case "IfStatement":
        if (parent.test !== child) return true;
        break;
      case "WhileStatement":
      case "DoWhileStatement":
      case "ForStatement":
      case "ForInStatement":
      case "ForOfStatement":
        if (parent.body === child) return true;
        break;
      case "SwitchCase":
        return true;
      case "BlockStatement":
      case "Program":
      case "ClassBody":
        return false;
    }
  }
  return false;
}

/** Index of the first token that starts at or behind an offset. */
function tokenIndexAt(tokens: readonly Token[], offset: number): number {
  let low = 0;
  let high = tokens.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((tokens[middle] as Token).start < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

function bitsBelow(text: string, pattern: RegExp, start: number): Place[] {
  const places: Place[] = [];
  const scan = /\\(?:u\{[0-9a-fA-F]+\}|u[0-9a-fA-F]{4}|\r?\n|[^])/g;
  for (let m = scan.exec(text); m; m = scan.exec(text)) {
    if (pattern.test(m[0])) places.push({ start: start + m.index });
  }
  return places;
}

/** Rules for the text of a string or template, escapes as written. */
const TEXT_RULES: readonly NodeRule[] = [
  {
    construct: "\\u{…} escape",
    kind: "refused",
    message: "the interpreter throws: Invalid escape sequence",
    find: (n, _a, c) => bitsBelow(c.source.slice(n.start, n.end), /^\\u\{/, n.start),
  },
  {
    construct: "character above \\xFF",
    kind: "wrong",
    message: "strings are bytes: only the low byte of the escape is kept",
    find: (n, _a, c) =>
      bitsBelow(c.source.slice(n.start, n.end), /^\\u(?!00)[0-9a-fA-F]{4}$/, n.start),
  },
];

function classRules(): readonly NodeRule[] {
  return [
    {
      construct: "extends <expression>",
      kind: "refused",
      message: "the interpreter takes a plain name only",
      find: (n, _a, c) => {
        const base = (n as Class).superClass;
        if (!base) return false;
        const isBracketed = /\(\s*$/.test(c.source.slice(n.start, base.start));
        return base.type !== "Identifier" || isBracketed ? [{ start: base.start }] : false;
      },
    },
    {
      construct: "extends Error",
      kind: "wrong",
      message: "super(message) throws, message is undefined and instanceof Error is false",
      find: (n) => {
        const base = (n as Class).superClass;
        return isIdentifier(base) && ERROR_CLASSES.has(base.name) ? [{ start: base.start }] : false;
      },
    },
    {
      construct: "extends a built-in",
      kind: "wrong",
      message: "the instance is a plain object without the built-in's behaviour",
      find: (n) => {
        const base = (n as Class).superClass;
        return isIdentifier(base) && BUILT_IN_CLASSES.has(base.name)
          ? [{ start: base.start }]
          : false;
      },
    },
  ];
}

const functionRules: readonly NodeRule[] = [
  {
    construct: "default parameter",
    kind: "refused",
    message: THROWS,
    find: (n) =>
      (n as FunctionNode).params
        .filter((p) => p.type === "AssignmentPattern")
        .map((p) => ({ start: p.start })),
  },
  {
    construct: "rest parameter",
    kind: "refused",
    message: THROWS,
    find: (n) =>
      (n as FunctionNode).params
        .filter((p) => p.type === "RestElement")
        .map((p) => ({ start: p.start })),
  },
  {
    construct: "generator",
    kind: "refused",
    message: THROWS,
    find: (n) => (n as FunctionNode).generator,
  },
  {
    construct: "async function",
    kind: "refused",
    message: "the interpreter knows no async and reads it as a name",
    find: (n) => (n as FunctionNode).async,
  },
];

const computedKey: NodeRule = {
  construct: "computed key",
  kind: "refused",
  message: THROWS,
  find: (n) => "computed" in n && n.computed,
};

const memberNameRules: readonly NodeRule[] = [
  {
    construct: "reserved word as a method name",
    kind: "refused",
    message: THROWS,
    find: (n) => {
      const name = plainKey(n);
      return name !== null && RESERVED.has(name);
    },
  },
  {
    construct: "quoted or numeric member name of a class",
    kind: "refused",
    message: THROWS,
    find: (n) => "computed" in n && !n.computed && "key" in n && n.key.type === "Literal",
  },
  {
    construct: "#private member",
    kind: "refused",
    message: THROWS,
    find: (n) => "key" in n && n.key?.type === "PrivateIdentifier",
  },
];

const longName: NodeRule = {
  construct: "name longer than 63 characters",
  kind: "wrong",
  message: "the interpreter cuts it: two such names can become one",
  find: (n) => {
    const name = isIdentifier(n)
      ? n
      : n.type === "MemberExpression" && !n.computed && isIdentifier(n.property)
        ? n.property
        : plainKey(n) !== null
          ? ((n as Property).key as Identifier)
          : null;
    return name && name.name.length > MAX_NAME_CHARS ? [{ start: name.start }] : false;
  },
};

const destructuring: NodeRule = {
  construct: "destructuring",
  kind: "refused",
  message: "the interpreter reads the pattern as an array or object literal",
  find: () => true,
};

const spread: NodeRule = {
  construct: "spread",
  kind: "refused",
  message: THROWS,
  find: () => true,
};

const logicalAssignment: NodeRule = {
  construct: "logical assignment",
  kind: "refused",
  message: THROWS,
  find: (n) => n.type === "AssignmentExpression" && /^(\?\?|\|\||&&)=$/.test(n.operator),
};

const exponentiation: NodeRule = {
  construct: "exponentiation operator",
  kind: "refused",
  message: THROWS,
  find: (n) => "operator" in n && (n.operator === "**" || n.operator === "**="),
};

const moduleSyntax: NodeRule = {
  construct: "import or export",
  kind: "refused",
  message: "the interpreter has no modules and reads the word as a name",
  find: () => true,
};

const awaitRule: NodeRule = {
  construct: "await",
  kind: "refused",
  message: "the interpreter knows no await and reads it as a name",
  find: (n) => n.type !== "ForOfStatement" || n.await,
};

const skippedClass: NodeRule = {
  construct: "class expression that may be skipped",
  kind: "refused",
  message:
    "when the interpreter steps over it without running it, everything behind is parsed wrongly",
  find: (n, ancestors) => (n as Class).body.body.length > 0 && canBeSkipped(ancestors),
};

const callRules: readonly NodeRule[] = [
  {
    construct: "replace of a string by a function",
    kind: "wrong",
    message: "the interpreter inserts the function's source text",
    find: (n) => {
      const args = methodCall(n, "replace");
      return Boolean(args && isString(args[0]) && args[1] && isFunction(args[1]));
    },
  },
  {
    construct: "$& or $$ in a replacement",
    kind: "wrong",
    message: "the interpreter knows $1 to $9 only, and those with a regular expression",
    find: (n) => {
      const text = methodCall(n, "replace")?.[1];
      return (
        text?.type === "Literal" && typeof text.value === "string" && /\$[&$`'<]/.test(text.value)
      );
    },
  },
  {
    construct: "split with a limit",
    kind: "wrong",
    message: "the limit is ignored",
    find: (n) => (methodCall(n, "split")?.length ?? 0) > 1,
  },
  {
    construct: "split by a group",
    kind: "wrong",
    message: "captured text is not part of the result",
    find: (n) => {
      const by = methodCall(n, "split")?.[0];
      return Boolean(
        by?.type === "Literal" && by.regex && /(^|[^\\])\((?!\?)/.test(by.regex.pattern),
      );
    },
  },
  {
    construct: "JSON.stringify with a replacer",
    kind: "wrong",
    message: "the replacer is ignored",
    find: (n) => {
      const replacer = staticCall(n, "JSON", "stringify")?.[1];
      return Boolean(replacer && (isFunction(replacer) || replacer.type === "ArrayExpression"));
    },
  },
  {
    construct: "JSON.parse with a reviver",
    kind: "wrong",
    message: "the reviver is ignored",
    find: (n) => (staticCall(n, "JSON", "parse")?.length ?? 0) > 1,
  },
  {
    construct: "callback over array holes",
    kind: "wrong",
    message: "holes are skipped and dropped: fill the array first",
    find: (n) => {
      if (n.type !== "CallExpression" || n.callee.type !== "MemberExpression") return false;
      const { object } = n.callee;
      return (
        methodCall(n, "map") !== null &&
        (object.type === "NewExpression" || object.type === "CallExpression") &&
        isIdentifier(object.callee, "Array") &&
        object.arguments.length === 1
      );
    },
  },
  {
    construct: "clearing an undefined timer",
    kind: "wrong",
    message: "clearTimeout(undefined) and clearInterval(undefined) throw",
    find: (n) =>
      n.type === "CallExpression" &&
      (isIdentifier(n.callee, "clearTimeout") || isIdentifier(n.callee, "clearInterval")) &&
      n.arguments.length > 0 &&
      (isIdentifier(n.arguments[0], "undefined") ||
        (n.arguments[0]?.type === "UnaryExpression" && n.arguments[0].operator === "void")),
  },
];

function regexPlaces(pattern: string, flags: string, start: number): Place[] {
  return checkRegex(pattern, flags).map((f) => ({
    start: start + f.offset,
    construct: f.construct,
    kind: f.kind,
    message: f.message,
  }));
}

const builtRegex: NodeRule = {
  construct: "regular expression",
  kind: "wrong",
  message: "",
  find: (n) => {
    if (n.type !== "NewExpression" && n.type !== "CallExpression") return false;
    const [pattern, flags] = n.arguments;
    if (!isIdentifier(n.callee, "RegExp") || pattern?.type !== "Literal") return false;
    if (typeof pattern.value !== "string") return false;
    const f = flags?.type === "Literal" && typeof flags.value === "string" ? flags.value : "";
    return regexPlaces(pattern.value, f, pattern.start + 1)
      .filter((place) => place.construct !== "unescaped / in a character class")
      .map((place) => ({ ...place, start: pattern.start }));
  },
};

/** The rows that one node shows, by the type of the node. */
export const NODE_RULES: Readonly<Record<string, readonly NodeRule[] | undefined>> = {
  FunctionDeclaration: functionRules,
  FunctionExpression: functionRules,
  ArrowFunctionExpression: functionRules,
  ObjectPattern: [destructuring],
  ArrayPattern: [destructuring],
  SpreadElement: [spread],
  Property: [computedKey, longName],
  MethodDefinition: [computedKey, longName, ...memberNameRules],
  PropertyDefinition: [
    computedKey,
    longName,
    ...memberNameRules,
    {
      construct: "class field without a value",
      kind: "refused",
      message: THROWS,
      find: (n) => "value" in n && n.value === null,
    },
    {
      construct: "class field",
      kind: "wrong",
      message:
        "its value is made once and shared by all instances, without this, before any constructor",
      find: (n) =>
        n.type === "PropertyDefinition" && !n.static && n.value !== null && n.value !== undefined,
    },
  ],
  BinaryExpression: [exponentiation],
  AssignmentExpression: [
    exponentiation,
    logicalAssignment,
    {
      construct: "assignment to length",
      kind: "wrong",
      message: "the interpreter throws: Assignment to a constant; use splice",
      find: (n) =>
        n.type === "AssignmentExpression" &&
        n.left.type === "MemberExpression" &&
        !n.left.computed &&
        isIdentifier(n.left.property, "length"),
    },
  ],
  ChainExpression: [
    {
      construct: "optional chaining",
      kind: "refused",
      message: THROWS,
      find: () => true,
    },
  ],
  LabeledStatement: [
    {
      construct: "label",
      kind: "refused",
      message: "the interpreter reads the label as a name",
      find: () => true,
    },
  ],
  YieldExpression: [{ construct: "yield", kind: "refused", message: THROWS, find: () => true }],
  AwaitExpression: [awaitRule],
  ForOfStatement: [awaitRule],
  ImportDeclaration: [moduleSyntax],
  ImportExpression: [moduleSyntax],
  ExportNamedDeclaration: [moduleSyntax],
  ExportDefaultDeclaration: [moduleSyntax],
  ExportAllDeclaration: [moduleSyntax],
  MetaProperty: [
    {
      construct: "new.target or import.meta",
      kind: "refused",
      message: THROWS,
      find: () => true,
    },
  ],
  TaggedTemplateExpression: [
    {
      construct: "tagged template",
      kind: "refused",
      message: THROWS,
      find: () => true,
    },
  ],
  TemplateLiteral: [
    {
      construct: "brace in a text in a template's ${…}",
      kind: "refused",
      message: "the interpreter counts braces to its end, those in strings as well",
      find: (n, _a, c) =>
        n.type === "TemplateLiteral" &&
        n.expressions.flatMap((expression, i) => {
          // What the text before it ends with is `${`.
          const start = (n.quasis[i] as AnyNode).end + 2;
          const end = c.source.indexOf("}", expression.end);
          let depth = 0;
          for (let at = start; at < end; at++) {
            if (c.source[at] === "{") depth++;
            if (c.source[at] === "}" && --depth < 0) return [{ start: expression.start }];
          }
          return depth > 0 ? [{ start: expression.start }] : [];
        }),
    },
  ],
  StaticBlock: [
    {
      construct: "static block",
      kind: "refused",
      message: THROWS,
      find: () => true,
    },
  ],
  WithStatement: [
    {
      construct: "with",
      kind: "refused",
      message: "the interpreter reads the word as a name",
      find: () => true,
    },
  ],
  DebuggerStatement: [
    {
      construct: "debugger",
      kind: "wrong",
      message: "the interpreter stops in its debugger and waits at the console",
      find: () => true,
    },
  ],
  SwitchStatement: [
    {
      construct: "case behind default",
      kind: "refused",
      message: "the interpreter throws: CASE after DEFAULT unsupported",
      find: (n) => {
        if (n.type !== "SwitchStatement") return false;
        const index = n.cases.findIndex((c) => !c.test);
        const next = index < 0 ? undefined : n.cases[index + 1];
        return next ? [{ start: next.start }] : false;
      },
    },
  ],
  ClassDeclaration: classRules(),
  ClassExpression: [...classRules(), skippedClass],
  Super: [
    {
      construct: "super in an arrow function",
      kind: "refused",
      message: "the interpreter throws: Calling 'super' outside of class",
      find: (_n, ancestors) => {
        for (let i = ancestors.length - 1; i >= 0; i--) {
          const a = ancestors[i] as AnyNode;
          if (a.type === "ArrowFunctionExpression") return true;
          if (isFunction(a)) return false;
        }
        return false;
      },
    },
  ],
  Identifier: [
    longName,
    {
      construct: "non-ASCII identifier",
      kind: "refused",
      message: "names are ASCII only: other bytes are read as keywords",
      find: (n) => isIdentifier(n) && /[^\x00-\x7f]/.test(n.name),
    },
    {
      construct: "escape in an identifier",
      kind: "refused",
      message: THROWS,
      find: (n, _a, c) => c.source.slice(n.start, n.end).includes("\\"),
    },
    {
      construct: "reserved word as a name",
      kind: "refused",
      message: "the interpreter's lexer keeps let, static and of for itself",
      find: (n) => isIdentifier(n) && RESERVED_NAMES.has(n.name),
    },
  ],
  TemplateElement: TEXT_RULES,
  Literal: [
    {
      construct: "regular expression",
      kind: "wrong",
      message: "",
      find: (n) =>
        n.type === "Literal" && n.regex
          ? regexPlaces(n.regex.pattern, n.regex.flags, n.start + 1)
          : false,
    },
    {
      construct: "BigInt",
      kind: "refused",
      message: THROWS,
      find: (n) => n.type === "Literal" && typeof n.bigint === "string",
    },
    {
      construct: "integer of 2^63 or more",
      kind: "wrong",
      message: "it wraps to a negative number",
      find: (n) =>
        n.type === "Literal" &&
        typeof n.value === "number" &&
        n.value >= 2 ** 63 &&
        /^(0[xob][0-9a-f_]+|[\d_]+)$/i.test(n.raw ?? ""),
    },
    {
      construct: "line continuation in a string",
      kind: "wrong",
      message: "the line break stays in the string",
      find: (n, _a, c) =>
        isString(n) ? bitsBelow(c.source.slice(n.start, n.end), /^\\\r?\n$/, n.start) : false,
    },
    ...TEXT_RULES.map((rule) => ({
      ...rule,
      find: (n: AnyNode, a: readonly AnyNode[], c: RuleContext) =>
        isString(n) ? rule.find(n, a, c) : false,
    })),
  ],
  MemberExpression: [
    longName,
    {
      construct: "#private member",
      kind: "refused",
      message: THROWS,
      find: (n) => n.type === "MemberExpression" && n.property.type === "PrivateIdentifier",
    },
    {
      construct: "index outside a string",
      kind: "wrong",
      message: "the interpreter throws for an index below 0 or an unknown field of a string",
      find: (n) => {
        if (n.type !== "MemberExpression" || !n.computed || !isString(n.object)) return false;
        const index = n.property as AnyNode;
        return index.type === "UnaryExpression"
          ? index.operator === "-"
          : index.type === "Literal" &&
              typeof index.value === "string" &&
              !(index.value in Object(""));
      },
    },
  ],
  ExpressionStatement: [
    {
      construct: "getter as a statement",
      kind: "wrong",
      message: "the interpreter does not read the field, so a getter does not run",
      find: (n) => n.type === "ExpressionStatement" && n.expression.type === "MemberExpression",
    },
    {
      construct: "line starting with ++ or --",
      kind: "wrong",
      message: "without a semicolon before it the interpreter joins it to the line above",
      find: (n, _a, c) => {
        if (n.type !== "ExpressionStatement" || n.expression.type !== "UpdateExpression") {
          return false;
        }
        if (!n.expression.prefix) return false;
        const before = c.tokens[tokenIndexAt(c.tokens, n.start) - 1];
        const text = before ? c.source.slice(before.start, before.end) : ";";
        return /^[\w$)\]]+$/.test(text) && !RESERVED.has(text);
      },
    },
  ],
  ReturnStatement: [
    {
      construct: "line break behind return",
      kind: "wrong",
      message: "the interpreter returns the value of the next line",
      find: (n, _a, c) => {
        if (n.type !== "ReturnStatement" || n.argument || c.source[n.end - 1] === ";") return false;
        const next = c.tokens[tokenIndexAt(c.tokens, n.end)];
        if (!next || next.start >= c.source.length) return false;
        return !/^[};]/.test(c.source.slice(next.start, next.end));
      },
    },
  ],
  ForInStatement: [
    {
      construct: "deleting in for…in",
      kind: "wrong",
      message: "deleting the current key ends the loop early: collect the keys first",
      find: (n) => {
        if (n.type !== "ForInStatement") return false;
        const left = n.left.type === "VariableDeclaration" ? n.left.declarations[0]?.id : n.left;
        if (!isIdentifier(left) || !isIdentifier(n.right)) return false;
        const key = left.name;
        const places: Place[] = [];
        const scan = (node: AnyNode): void => {
          if (
            node.type === "UnaryExpression" &&
            node.operator === "delete" &&
            node.argument.type === "MemberExpression" &&
            isIdentifier(node.argument.object, (n.right as Identifier).name) &&
            isIdentifier(node.argument.property, key)
          ) {
            places.push({ start: node.start });
          }
          for (const child of childrenOf(node)) scan(child);
        };
        scan(n.body);
        return places;
      },
    },
  ],
  CallExpression: [...callRules, builtRegex],
  NewExpression: [builtRegex],
};

/** Finds HTML-like comments, which only browsers' engines take for comments. */
export function COMMENT_RULES(start: number, context: RuleContext): Finding[] {
  if (!/^(<!--|-->)/.test(context.source.slice(start, start + 4))) return [];
  return [{ start, construct: "HTML comment", kind: "refused", message: THROWS }];
}

/** The class that a name stands for, if the script shows it. */
function classOf(binding: Binding | null): Class | null {
  const node = binding?.node;
  if (node?.type === "ClassDeclaration" || node?.type === "ClassExpression") return node;
  if (node?.type === "VariableDeclarator" && node.init?.type === "ClassExpression") {
    return node.init;
  }
  return null;
}

function hasMember(node: Class, name: string, isStatic: boolean): boolean {
  return node.body.body.some(
    (m) => m.type !== "StaticBlock" && m.static === isStatic && plainKey(m) === name,
  );
}

/** Offsets of `super.name` in a class's own methods, arrow functions aside. */
function superUses(node: AnyNode, found: { name: string; start: number }[] = []): typeof found {
  if (
    node.type === "MemberExpression" &&
    node.object.type === "Super" &&
    isIdentifier(node.property) &&
    !node.computed
  ) {
    found.push({ name: node.property.name, start: node.start });
  }
  for (const child of childrenOf(node)) {
    if (child.type !== "ClassDeclaration" && child.type !== "ClassExpression") {
      superUses(child, found);
    }
  }
  return found;
}

/** True for the loop that lowered rest parameters become, where a too large length does no harm. */
function isRestLoop(reference: Reference, ancestors: readonly AnyNode[], params: number): boolean {
  const declaration = ancestors.find((a) => a.type === "VariableDeclaration");
  if (declaration?.type !== "VariableDeclaration") return false;
  return declaration.declarations.some(
    (d) =>
      d.init?.type === "Literal" &&
      typeof d.init.value === "number" &&
      d.init.value >= params &&
      d.start > reference.node.start,
  );
}

function argumentsAreSafe(reference: Reference, parents: Map<AnyNode, AnyNode>): boolean {
  const fn = reference.scope.fn.node;
  if (!isFunction(fn) || fn.type === "ArrowFunctionExpression") return false;
  if (fn.params.length === 0) return true;
  const member = reference.parent;
  if (member.type !== "MemberExpression" || member.object !== reference.node) return false;
  if (member.computed) return true;
  const use = parents.get(member);
  if (
    use?.type === "BinaryExpression" &&
    use.left === member &&
    (use.operator === ">" || use.operator === "-") &&
    use.right.type === "Literal" &&
    Number(use.right.value) >= fn.params.length
  ) {
    return true;
  }
  const above: AnyNode[] = [];
  for (let n: AnyNode | undefined = member; n && n !== fn; n = parents.get(n)) above.push(n);
  return isRestLoop(reference, above, fn.params.length);
}

/** The statement that may not run in which a node stands, innermost first, within its function. */
function* branchesOf(node: AnyNode, parents: Map<AnyNode, AnyNode>): Generator<AnyNode> {
  let child = node;
  for (let p = parents.get(child); p && !isFunction(p); child = p, p = parents.get(p)) {
    const isBranch =
      (p.type === "IfStatement" && p.test !== child) ||
      ((p.type === "WhileStatement" ||
        p.type === "ForStatement" ||
        p.type === "ForInStatement" ||
        p.type === "ForOfStatement") &&
        p.body === child) ||
      p.type === "SwitchCase" ||
      child.type === "CatchClause";
    if (isBranch) yield child;
  }
}

/**
 * True when a `var` may be used without its declaration having run: no declaration stands in a
 * statement that holds the use as well or that always runs.
 */
export function mayBeUndeclared(
  reference: Reference,
  binding: Binding,
  parents: Map<AnyNode, AnyNode>,
): boolean {
  const { start } = reference.node;
  const open: AnyNode[] = [];
  for (const declaration of binding.declarations) {
    const branch = [...branchesOf(declaration, parents)].find(
      (b) => start < b.start || start >= b.end,
    );
    if (!branch) return false;
    open.push(branch);
  }
  // Declared on both sides of an if.
  return !open.some((branch) => {
    const parent = parents.get(branch);
    return (
      parent?.type === "IfStatement" &&
      open.includes(parent.consequent) &&
      parent.alternate !== null &&
      parent.alternate !== undefined &&
      open.includes(parent.alternate)
    );
  });
}

/** True for `Math.trunc`: the engine has it and the interpreter has not. */
function isMissingStatic(object: string, name: string): boolean {
  const known = STATICS[object];
  const host = (globalThis as Record<string, unknown>)[object];
  return (
    known !== undefined &&
    !known.includes(name) &&
    name !== "prototype" &&
    Object.getOwnPropertyNames(host).includes(name)
  );
}

/** The name that a node gives a member: of an object, of a class, or by an assignment. */
function definedMember(node: AnyNode): string | null {
  if (node.type === "Property" && node.key.type === "Literal") return String(node.key.value);
  if (node.type !== "AssignmentExpression") return plainKey(node);
  const { left } = node;
  return left.type === "MemberExpression" && !left.computed && isIdentifier(left.property)
    ? left.property.name
    : null;
}

/** Runs the rules that need to know which declaration a name means. */
export function runNameRules(context: RuleContext): Finding[] {
  const found: Finding[] = [];
  const add = (start: number, construct: string, message: string): void => {
    found.push({ start, construct, kind: "wrong", message });
  };
  const references = resolveNames(context.program);
  const parents = new Map<AnyNode, AnyNode>();
  const classes: Class[] = [];
  const members = new Set<string | null>();
  const calls: Identifier[] = [];
  const index = (node: AnyNode): void => {
    if (node.type === "ClassDeclaration" || node.type === "ClassExpression") classes.push(node);
    members.add(definedMember(node));
    if (node.type === "CallExpression" && node.callee.type === "MemberExpression") {
      const { object, property, computed } = node.callee;
      const isStatic = isIdentifier(object) && STATICS[object.name];
      if (!computed && !isStatic && isIdentifier(property)) calls.push(property);
    }
    for (const child of childrenOf(node)) {
      parents.set(child, node);
      index(child);
    }
  };
  index(context.program);
  const bindingOf = new Map(references.map((r) => [r.node as AnyNode, r.binding]));
  const baseOf = (node: Class): Class | null =>
    node.superClass ? classOf(bindingOf.get(node.superClass) ?? null) : null;
  const extended = new Set(classes.map(baseOf));

  for (const { name, start } of calls) {
    // An object of the script's own may have a method of that name.
    if (MISSING_METHODS.has(name) && !members.has(name))
      add(start, "missing method", `no value of the interpreter has ${name}()`);
  }

  for (const reference of references) {
    const { node, binding, parent } = reference;
    const isTypeof = parent.type === "UnaryExpression" && parent.operator === "typeof";
    if (!binding) {
      if (node.name === "arguments") {
        if (!argumentsAreSafe(reference, parents)) {
          add(
            node.start,
            "arguments",
            "its length is never below the number of parameters, and arrow functions do not see it",
          );
        }
      } else if (MISSING_GLOBALS.has(node.name) && !isTypeof) {
        add(node.start, "missing global", `the interpreter has no ${node.name}`);
      } else if (parent.type === "MemberExpression" && parent.object === node && !parent.computed) {
        const name = (parent.property as Identifier).name;
        if (isMissingStatic(node.name, name)) {
          add(node.start, "missing method", `the interpreter has no ${node.name}.${name}`);
        } else if (name === "prototype") {
          const use = parents.get(parent);
          const outer = use && parents.get(use);
          const host = (globalThis as Record<string, unknown>)[node.name];
          if (
            use?.type === "MemberExpression" &&
            use.object === parent &&
            !use.computed &&
            typeof host === "function" &&
            !(outer?.type === "AssignmentExpression" && outer.left === use) &&
            !VISIBLE_ON_PROTOTYPE.has((use.property as Identifier).name) &&
            (use.property as Identifier).name in (host.prototype as object)
          ) {
            add(
              use.start,
              "method of a built-in prototype",
              "it is undefined there: only instances show it, as in [].slice.call(x)",
            );
          }
        }
      }
      continue;
    }
    const sameFunction = reference.scope.fn === binding.scope.fn;
    if (binding.perIteration && !sameFunction) {
      let fn: AnyNode = reference.scope.fn.node;
      for (let s = reference.scope.fn; s !== binding.scope.fn; s = (s.parent ?? s).fn) fn = s.node;
      const user = parents.get(fn);
      if (!(user?.type === "CallExpression" && user.callee === fn)) {
        add(
          node.start,
          "closure over a loop variable",
          "every closure sees the last value: copy it to a const in the loop's body",
        );
      }
    }
    if (sameFunction && node.start < binding.declaredAt && !isTypeof) {
      if (binding.kind === "function") {
        add(
          node.start,
          "function used above its declaration",
          "function declarations are not hoisted: the name is not defined yet",
        );
      } else if (binding.kind === "var") {
        add(
          node.start,
          "var used above its declaration",
          "a read throws or finds an outer name, a write makes a global",
        );
      }
    } else if (
      sameFunction &&
      binding.kind === "var" &&
      !isTypeof &&
      mayBeUndeclared(reference, binding, parents)
    ) {
      add(
        node.start,
        "var declared in a branch",
        "when the branch was not taken, a read throws or finds an outer name: declare it above",
      );
    }
    const asClass = classOf(binding);
    if (asClass && parent.type === "CallExpression" && parent.callee === node) {
      add(node.start, "class called without new", "the interpreter runs it and does not throw");
    }
    if (
      asClass &&
      parent.type === "MemberExpression" &&
      parent.object === node &&
      !parent.computed &&
      isIdentifier(parent.property)
    ) {
      const name = parent.property.name;
      if (!hasMember(asClass, name, true)) {
        let base = baseOf(asClass);
        const seen = new Set<Class>([asClass]);
        while (base && !seen.has(base) && !hasMember(base, name, true)) {
          seen.add(base);
          base = baseOf(base);
        }
        if (base && !seen.has(base)) {
          add(
            parent.start,
            "inherited static member",
            "static members are not inherited: name the class that has it",
          );
        }
      }
    }
  }

  for (const node of classes) {
    if (!extended.has(node)) continue;
    for (const use of superUses(node.body)) {
      if (!hasMember(node, use.name, false)) continue;
      add(
        use.start,
        "super in a class that is extended",
        `in an instance of a derived class it means this class's own ${use.name}: endless recursion`,
      );
    }
  }
  return found;
}
