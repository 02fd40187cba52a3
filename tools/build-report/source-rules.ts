// SPDX-License-Identifier: MIT
// What can only be seen in the source as it was written, before anything is lowered: which modules
// firmware names, and text that is not bytes. Firmware imports its own files by relative path and
// gets the modules built into the interpreter with `require`. A Babel plugin. Not for who may import
// whom inside the firmware; lint does that.
import type { NodePath, PluginObj, Visitor, types } from "@babel/core";
import { isArray } from "./arrays.ts";
import { checkPartOrder } from "./part-order.ts";
import type { BuildProblem } from "./problem.ts";
import { wrongSearch } from "./text-search.ts";

/**
 * Modules that the interpreter has built in, on an ESP32 or on Linux: `process.env.MODULES` of
 * Espruino 2v29. `ESP32` is a global there, not a module.
 */
export const BOARD_MODULES: readonly string[] = [
  "Flash",
  "NetworkJS",
  "Storage",
  "TelnetServer",
  "Wifi",
  "crypto",
  "dgram",
  "fs",
  "heatshrink",
  "http",
  "neopixel",
  "net",
  "timer",
  "tls",
];

/** What an author's files import the firmware as. */
export const LIBRARY = "lubdub/firmware";

const NOT_ASCII = /[^\x00-\x7f]/;
const NOT_A_BYTE = /[^\x00-\xff]/;

type Report = (problem: BuildProblem) => void;
type State = { filename?: string | undefined };

const THROWS = "the interpreter cannot parse it";
const NO_AWAIT = "the interpreter knows no await and reads it as a name";
const WRONG_SEARCH = "finds too much where the text ends, unless this is an array";
const ARRAYS_ONLY =
  "is right for arrays only, and this may be none: a list takes concat, slice or apply, a text split";

/**
 * Makes the Babel plugin that reports modules a board does not have, text that is not bytes, and what
 * the lowering would run wrongly or report in helpers of its own.
 * @param report gets one problem per place, with the file's absolute path.
 * @param warn gets what is wrong in most cases, in an author's files; given where {@link LIBRARY} can be
 *   imported.
 */
export function createSourceRules(report: Report, warn?: Report): PluginObj {
  function problem(
    node: types.Node,
    state: State,
    construct: string,
    message: string,
  ): BuildProblem {
    const start = node.loc?.start;
    const line = start?.line ?? 1;
    const column = (start?.column ?? 0) + 1;
    return { file: state.filename ?? "", line, column, construct, message };
  }
  function tell(node: types.Node, state: State, construct: string, message: string): void {
    report(problem(node, state, construct, message));
  }

  function checkImport(source: types.StringLiteral, state: State): void {
    const name = source.value;
    // The last kind is the build's own: Babel's helpers.
    if (name.startsWith("./") || name.startsWith("../") || name.startsWith("\0")) return;
    if (warn && name === LIBRARY) return;
    const hint = BOARD_MODULES.includes(name)
      ? `the board's own module comes with require("${name}")`
      : "a board has no such module";
    tell(source, state, `import of "${name}"`, hint);
  }

  function checkText(node: types.Node, state: State, raw: string, value: string): void {
    if (NOT_ASCII.test(raw) || NOT_A_BYTE.test(value))
      tell(node, state, "non-ASCII text", "a string holds bytes there: write each as \\xNN");
  }

  /** The rest of an array pattern is a slice of what the pattern takes apart. */
  function checkRest(path: NodePath<types.RestElement>, state: State): void {
    const pattern = path.parentPath;
    if (!pattern.isArrayPattern()) return;
    const user = pattern.parentPath;
    const from = user.isVariableDeclarator() ? user.get("init") : undefined;
    const value = user.isAssignmentExpression() ? user.get("right") : from;
    if (!value || !isArray(value)) tell(path.node, state, "rest of a pattern", ARRAYS_ONLY);
  }

  /** Seen before the lowering touches any of it. */
  const whole: Visitor<State> = {
    SpreadElement(path, state) {
      if (path.parent.type !== "ObjectExpression" && !isArray(path.get("argument")))
        tell(path.node, state, "spread", ARRAYS_ONLY);
    },
    RestElement: checkRest,
    CallExpression(path, state) {
      const instead = warn && wrongSearch(path);
      const { callee } = path.node;
      if (instead && callee.type === "MemberExpression")
        warn(problem(callee.property, state, "search of a text", `${WRONG_SEARCH}: ${instead}`));
    },
    PrivateName(path, state) {
      tell(path.node, state, "#private member", THROWS);
    },
    StaticBlock(path, state) {
      tell(path.node, state, "static block", THROWS);
    },
    // Those in functions have a second reason, `async`, and are told with it.
    AwaitExpression(path, state) {
      if (!path.getFunctionParent()) tell(path.node, state, "await", NO_AWAIT);
    },
    ForOfStatement(path, state) {
      if (path.node.await && !path.getFunctionParent()) tell(path.node, state, "await", NO_AWAIT);
    },
    VariableDeclaration(path, state) {
      if (path.node.kind.endsWith("using")) tell(path.node, state, path.node.kind, THROWS);
    },
    MetaProperty(path, state) {
      tell(path.node, state, "new.target or import.meta", THROWS);
    },
  };

  const visitor = {
    Program(path: NodePath<types.Program>, state: State) {
      const { interpreter } = path.node;
      if (interpreter) tell(interpreter, state, "#! line", THROWS);
      path.traverse(whole, state);
      if (warn)
        checkPartOrder(path, LIBRARY, (node, construct, message) =>
          tell(node, state, construct, message),
        );
    },
    ImportDeclaration(path: NodePath<types.ImportDeclaration>, state: State) {
      if (path.node.importKind !== "type") checkImport(path.node.source, state);
    },
    ExportNamedDeclaration(path: NodePath<types.ExportNamedDeclaration>, state: State) {
      const { source, exportKind } = path.node;
      if (source && exportKind !== "type") checkImport(source, state);
    },
    ExportAllDeclaration(path: NodePath<types.ExportAllDeclaration>, state: State) {
      if (path.node.exportKind !== "type") checkImport(path.node.source, state);
    },
    TSImportEqualsDeclaration(path: NodePath<types.TSImportEqualsDeclaration>, state: State) {
      tell(path.node, state, "import =", "is not an ES module import");
    },
    CallExpression(path: NodePath<types.CallExpression>, state: State) {
      const { callee, arguments: args } = path.node;
      if (callee.type === "Import") {
        tell(path.node, state, "import()", "a board loads no modules of ours at run time");
        return;
      }
      if (callee.type !== "Identifier" || callee.name !== "require") return;
      // `declare function require` is a binding of types only, so every `require` is the board's.
      const name = args[0];
      if (args.length !== 1 || name?.type !== "StringLiteral")
        tell(path.node, state, "require", "takes the name of one module as a literal");
      else if (!BOARD_MODULES.includes(name.value))
        tell(path.node, state, `require("${name.value}")`, "no module built into the board");
    },
    StringLiteral(path: NodePath<types.StringLiteral>, state: State) {
      const raw = path.node.extra?.["raw"];
      checkText(path.node, state, typeof raw === "string" ? raw : "", path.node.value);
    },
    TemplateElement(path: NodePath<types.TemplateElement>, state: State) {
      const { raw, cooked } = path.node.value;
      checkText(path.node, state, raw, cooked ?? "");
    },
    RegExpLiteral(path: NodePath<types.RegExpLiteral>, state: State) {
      checkText(path.node, state, path.node.pattern, "");
    },
  };
  return { name: "lubdub-source-rules", visitor };
}
