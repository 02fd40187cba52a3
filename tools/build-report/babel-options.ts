// SPDX-License-Identifier: MIT
// What Babel lowers and what it leaves alone: exactly the constructs that the interpreter lacks or
// runs wrongly, nothing else. Arrow functions, classes, template strings, `for..of`, `??` and
// optional catch run natively and stay. Not for checking: `syntax-gate.ts` looks at the result.
import type { TransformOptions } from "@babel/core";
import path from "node:path";
import { fileURLToPath } from "node:url";

/** Lowered constructs, as Babel plugins. `object-rest-spread` uses the interpreter's own assign. */
const PLUGINS: NonNullable<TransformOptions["plugins"]> = [
  "@babel/plugin-transform-parameters",
  "@babel/plugin-transform-destructuring",
  "@babel/plugin-transform-spread",
  "@babel/plugin-transform-computed-properties",
  ["@babel/plugin-transform-object-rest-spread", { useBuiltIns: true }],
  "@babel/plugin-transform-class-properties",
  "@babel/plugin-transform-exponentiation-operator",
  "@babel/plugin-transform-optional-chaining",
  "@babel/plugin-transform-logical-assignment-operators",
  // Only for closures over a loop variable, which all see its last value on the interpreter.
  "@babel/plugin-transform-block-scoping",
];

/**
 * Without these the helpers ask for Symbol and Array.from, which the interpreter does not have.
 * The price of `iterableIsArray`: spread and destructuring work on arrays only, see arrays.ts.
 */
const ASSUMPTIONS: NonNullable<TransformOptions["assumptions"]> = {
  iterableIsArray: true,
  arrayLikeIsIterable: true,
  setSpreadProperties: true,
  objectRestNoSymbols: true,
  noDocumentAll: true,
  setPublicClassFields: true,
  setComputedProperties: true,
  ignoreFunctionLength: true,
  pureGetters: true,
};

/** Babel's options for firmware sources, without any configuration file of the machine. */
export const BABEL_OPTIONS: TransformOptions = {
  // Where plugins are looked up, so that sources may lie anywhere.
  cwd: path.dirname(fileURLToPath(import.meta.url)),
  configFile: false,
  babelrc: false,
  browserslistConfigFile: false,
  // Presets run last to first: types go before the lowering, so that class fields declared without
  // a value vanish, as under TypeScript's ES2015 target, and do not become assignments.
  presets: [
    (): { plugins: typeof PLUGINS } => ({ plugins: PLUGINS }),
    ["@babel/preset-typescript", { onlyRemoveTypeImports: true, optimizeConstEnums: true }],
  ],
  assumptions: ASSUMPTIONS,
};
