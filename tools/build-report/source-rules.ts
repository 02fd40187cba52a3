// SPDX-License-Identifier: MIT
// What can only be seen in the source as it was written, before anything is lowered: which modules
// firmware names, and text that is not bytes. Firmware imports its own files by relative path and
// gets the modules built into the interpreter with `require`. A Babel plugin. Not for who may import
// whom inside the firmware; lint does that.
import type { NodePath, PluginObj, types } from "@babel/core";
import type { BuildProblem } from "./problem.ts";

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

/**
 * Makes the Babel plugin that reports modules a board does not have and text that is not bytes.
 * @param report gets one problem per place, with the file's absolute path.
 * @param hasLibrary whether {@link LIBRARY} can be imported.
 */
export function createSourceRules(report: Report, hasLibrary = false): PluginObj {
  function tell(node: types.Node, state: State, construct: string, message: string): void {
    const start = node.loc?.start;
    const line = start?.line ?? 1;
    const column = (start?.column ?? 0) + 1;
    report({ file: state.filename ?? "", line, column, construct, message });
  }

  function checkImport(source: types.StringLiteral, state: State): void {
    const name = source.value;
    // The last kind is the build's own: Babel's helpers.
    if (name.startsWith("./") || name.startsWith("../") || name.startsWith("\0")) return;
    if (hasLibrary && name === LIBRARY) return;
    const hint = BOARD_MODULES.includes(name)
      ? `the board's own module comes with require("${name}")`
      : "a board has no such module";
    tell(source, state, `import of "${name}"`, hint);
  }

  function checkText(node: types.Node, state: State, raw: string, value: string): void {
    if (NOT_ASCII.test(raw) || NOT_A_BYTE.test(value))
      tell(node, state, "non-ASCII text", "a string holds bytes there: write each as \\xNN");
  }

  const visitor = {
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
