// SPDX-License-Identifier: MIT
// Lets go of what a bundle needs only while it starts. What stands at the top of a script is global
// on a board and stays for ever; but the factories of services, and what only they use, are done once
// the last statement has run. A function costs five JsVars and one for each parameter.
//
//   function main(){create()} function create(){setInterval(tick,9)} function tick(){} main();
//   =>  ... main();"main create".split(" ").forEach(e=>delete global[e]);
//
// A name is only of the start when every use of it is, and a use is
//   of the start    at the top of the script, or in the body of a function that is itself only called,
//                   and only by the start; functions that are called where they stand count as their
//                   surroundings
//   not             in a function inside a function, which may be called at any time; where a function
//                   is not called but handed on
import { parseSync, traverse } from "@babel/core";
import type { NodePath, types } from "@babel/core";

/** How a name of the top of a script is used at one place. */
interface Use {
  /** The function of the top of the script that it is in; undefined at the top itself. */
  within: string | undefined;
  /** In a function that may be called at any time. */
  isLater: boolean;
  isCall: boolean;
}

/** Name of a function of the top of a script: declared, or the first and only value of a variable. */
function nameOf(found: NodePath): string | undefined {
  const { node, parent, parentPath } = found;
  if (node.type === "FunctionDeclaration")
    return parent.type === "Program" ? node.id?.name : undefined;
  if (parent.type !== "VariableDeclarator" || parent.id.type !== "Identifier") return undefined;
  const binding = parentPath?.scope.getBinding(parent.id.name);
  // A variable of a function that is called where it stands is none of the top.
  const isOfTop = binding?.constant && binding.scope.path.isProgram();
  return isOfTop && binding.path.node === parent ? parent.id.name : undefined;
}

function useOf(place: NodePath): Use {
  const { parent, node } = place;
  const around: NodePath<types.Function>[] = [];
  for (let up = place.getFunctionParent(); up; up = up.getFunctionParent()) {
    // One with a name may hand itself on; the minifier drops names that are not used.
    const hasName = up.node.type === "FunctionExpression" && !!up.node.id;
    const isCalledHere =
      up.parent.type === "CallExpression" && up.parent.callee === up.node && !hasName;
    if (!isCalledHere) around.push(up);
  }
  const outer = around.at(-1);
  const within = outer && nameOf(outer);
  return {
    within,
    isLater: around.length > 1 || (outer !== undefined && within === undefined),
    isCall: parent.type === "CallExpression" && parent.callee === node,
  };
}

/** Lists the names at the top of a script that nothing needs once it has run, in their order. */
export function findBootOnly(code: string): string[] {
  const ast = parseSync(code, { configFile: false, babelrc: false, browserslistConfigFile: false });
  const usesOf = new Map<string, Use[]>();
  const functions = new Set<string>();
  if (ast)
    traverse(ast, {
      Program(program) {
        for (const [name, binding] of Object.entries(program.scope.bindings)) {
          const places = [...binding.referencePaths, ...binding.constantViolations];
          usesOf.set(name, places.map(useOf));
          const init: NodePath | undefined = binding.path.isVariableDeclarator()
            ? (binding.path.get("init") as NodePath)
            : binding.path;
          if (init.isFunction() && nameOf(init) === name) functions.add(name);
        }
        program.stop();
      },
    });
  const later = new Set<string>();
  const isLater = (name: string, uses: readonly Use[]): boolean =>
    uses.some(
      (use) =>
        use.isLater ||
        (use.within !== undefined && later.has(use.within)) ||
        (functions.has(name) && !use.isCall),
    );
  for (let before = -1; before !== later.size;) {
    before = later.size;
    for (const [name, uses] of usesOf) if (isLater(name, uses)) later.add(name);
  }
  return [...usesOf.keys()].filter((name) => !later.has(name));
}

/** So many names are worth the statement that drops them, some fifty bytes. */
const WORTH_NAMES = 8;

/** Adds a last statement to a minified script, by which it lets go of what only its start needed. */
export function dropBootOnly(code: string): string {
  const names = findBootOnly(code);
  if (names.length < WORTH_NAMES) return code;
  const isShort = names.every((name) => name.length === 1);
  const list = names.join(isShort ? "" : " ");
  const end = code.endsWith(";") || code.endsWith("}") ? "" : ";";
  return `${code}${end}"${list}".split("${isShort ? "" : " "}").forEach(e=>delete global[e]);`;
}
