// SPDX-License-Identifier: MIT
// Writes functions as arrows in variables: five to twenty bytes less each, and for the interpreter
// the same, because it hoists neither, and keeps `this` with an arrow only when the arrow uses it
// (Espruino 2v29; measured, no JsVar more). A step in front of the minifier.
//
//   function f(x){return g(x)}   =>   var f=(x)=>{return g(x)}   =>   f=x=>g(x), by the minifier
import { transformSync, types as t } from "@babel/core";
import type { NodePath, PluginObj, TransformOptions } from "@babel/core";

/** Whether a function has a `this` or `arguments` of its own. */
function hasOwnNames(found: NodePath<t.Function>): boolean {
  let hasOwn = false;
  found.traverse({
    ThisExpression: () => void (hasOwn = true),
    Identifier: ({ node }) => void (hasOwn ||= node.name === "arguments"),
    Function: (inner) => {
      if (!inner.isArrowFunctionExpression()) inner.skip();
    },
  });
  return hasOwn;
}

const toArrows: PluginObj = {
  name: "lubdub-to-arrows",
  visitor: {
    FunctionDeclaration(found) {
      const { node } = found;
      if (!node.id || node.async || node.generator || hasOwnNames(found)) return;
      const arrow = t.arrowFunctionExpression(node.params, node.body);
      arrow.loc = node.loc ?? null;
      const variable = t.variableDeclaration("var", [t.variableDeclarator(node.id, arrow)]);
      variable.loc = node.loc ?? null;
      found.replaceWith(variable);
    },
  },
};

/**
 * Writes the function declarations of a script as arrows.
 * @param map source map of `code`; the result's leads through it.
 */
export function functionsToArrows(code: string, map: string): { code: string; map: string } {
  const result = transformSync(code, {
    configFile: false,
    babelrc: false,
    browserslistConfigFile: false,
    plugins: [toArrows],
    inputSourceMap: JSON.parse(map) as NonNullable<TransformOptions["inputSourceMap"]>,
    sourceMaps: true,
    compact: false,
  });
  if (typeof result?.code !== "string") throw new Error("Babel returned no code");
  return { code: result.code, map: JSON.stringify(result.map) };
}
