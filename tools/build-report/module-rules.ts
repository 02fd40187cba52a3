// SPDX-License-Identifier: MIT
// Which modules firmware may name: its own files by relative path with `import`, and the modules
// built into the interpreter with `require`. A Babel plugin, because only there the source is seen
// as it was written. Not for who-may-import-whom inside the firmware; lint does that.
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

function problemAt(
  node: types.Node,
  file: string,
  construct: string,
  message: string,
): BuildProblem {
  const start = node.loc?.start;
  return { file, line: start?.line ?? 1, column: (start?.column ?? 0) + 1, construct, message };
}

/**
 * Makes the Babel plugin that reports each module that would not exist on a board.
 * @param report gets one problem per place, with the file's absolute path.
 */
export function createModuleRules(report: (problem: BuildProblem) => void): PluginObj {
  function check(node: types.Node, source: string, file: string): void {
    if (source.startsWith("./") || source.startsWith("../")) return;
    const hint = BOARD_MODULES.includes(source)
      ? `use require("${source}") for the module built into the board`
      : "a board has no such module";
    report(problemAt(node, file, "import", `of "${source}": ${hint}`));
  }

  type State = { filename?: string | undefined };
  const visitor = {
    ImportDeclaration(path: NodePath<types.ImportDeclaration>, state: State) {
      if (path.node.importKind === "type") return;
      check(path.node.source, path.node.source.value, state.filename ?? "");
    },
    ExportNamedDeclaration(path: NodePath<types.ExportNamedDeclaration>, state: State) {
      if (path.node.exportKind === "type" || !path.node.source) return;
      check(path.node.source, path.node.source.value, state.filename ?? "");
    },
    ExportAllDeclaration(path: NodePath<types.ExportAllDeclaration>, state: State) {
      if (path.node.exportKind === "type") return;
      check(path.node.source, path.node.source.value, state.filename ?? "");
    },
    TSImportEqualsDeclaration(path: NodePath<types.TSImportEqualsDeclaration>, state: State) {
      report(problemAt(path.node, state.filename ?? "", "import =", "is not an ES module import"));
    },
    CallExpression(path: NodePath<types.CallExpression>, state: State) {
      const file = state.filename ?? "";
      const { callee, arguments: args } = path.node;
      if (callee.type === "Import") {
        report(problemAt(path.node, file, "import()", "a board loads no modules at run time"));
        return;
      }
      if (callee.type !== "Identifier" || callee.name !== "require") return;
      if (path.scope.hasBinding("require", true)) return;
      const name = args[0];
      if (args.length !== 1 || name?.type !== "StringLiteral") {
        report(problemAt(path.node, file, "require", "takes the name of one module as a literal"));
      } else if (!BOARD_MODULES.includes(name.value)) {
        const message = `of "${name.value}": not a module built into the board`;
        report(problemAt(path.node, file, "require", message));
      }
    },
  };
  return { name: "lubdub-module-rules", visitor };
}
