// SPDX-License-Identifier: MIT
// What a page may name as evidence: the titles of a file's tests, and the rows that one runs for. Read
// from the source, because a text found anywhere in a file is no test. Not for names that a test makes
// when it runs: `%s` and `${name}` stay as they are written.
import { readFileSync } from "node:fs";
import { parseSync, types } from "@babel/core";

const CALLS = ["describe", "it", "test"];

/** Name of the function that a call is of, behind `it.each(rows)` and the like. */
function rootOf(node: types.Node): string {
  if (types.isIdentifier(node)) return node.name;
  if (types.isMemberExpression(node)) return rootOf(node.object);
  return types.isCallExpression(node) ? rootOf(node.callee) : "";
}

/**
 * Lists the names of the tests in a file.
 *
 * @returns titles of tests and groups; of the rows of `each` the first text, `name` where it is an
 *   object, and the source, with single spaces
 */
function testNames(file: URL): Set<string> {
  const text = readFileSync(file, "utf8");
  const names = new Set<string>();
  const tree = parseSync(text, {
    filename: file.pathname,
    babelrc: false,
    configFile: false,
    parserOpts: { plugins: ["typescript"] },
  });
  const values = new Map<string, types.Node | null | undefined>();
  const source = (node: types.Node): string => text.slice(node.start ?? 0, node.end ?? 0);

  function add(node: types.Node | null | undefined): void {
    if (types.isStringLiteral(node)) names.add(node.value);
    else if (types.isTemplateLiteral(node)) names.add(source(node).slice(1, -1));
  }

  function addRows(rows: types.Node | null | undefined): void {
    if (types.isIdentifier(rows)) addRows(values.get(rows.name));
    if (!rows || types.isIdentifier(rows)) return;
    types.traverseFast(rows, (node) => {
      if (types.isArrayExpression(node)) {
        add(node.elements[0]);
        names.add(source(node).replace(/\s+/g, " "));
      } else if (types.isObjectProperty(node) && types.isIdentifier(node.key, { name: "name" }))
        add(node.value);
    });
  }

  if (!tree) throw new Error(`nothing in ${file.pathname}`);
  types.traverseFast(tree, (node) => {
    if (types.isVariableDeclarator(node) && types.isIdentifier(node.id))
      values.set(node.id.name, node.init);
  });
  types.traverseFast(tree, (node) => {
    if (!types.isCallExpression(node) || !CALLS.includes(rootOf(node.callee))) return;
    const { callee } = node;
    add(node.arguments[0]);
    if (types.isMemberExpression(callee) && types.isIdentifier(callee.property, { name: "each" }))
      addRows(node.arguments[0]);
  });
  return names;
}

/**
 * The evidence that a page names: rows like `| client | `test/x.test.ts` |` say which file is meant, and
 * `client: `a name`` is a test of it.
 *
 * @returns how many are named, and those that are not there as `client: a name`
 */
export function checkEvidence(page: string): { named: number; missing: string[] } {
  const files = new Map(
    [...page.matchAll(/^\| (\w+) +\| `(test\/\S+)` +\|$/gm)].map((match) => [
      match[1] as string,
      testNames(new URL(`../../${match[2]}`, import.meta.url)),
    ]),
  );
  const named = [...page.matchAll(/(\w+): `([^`]+)`/g)];
  const missing = named
    .filter(([, file = "", name = ""]) => !files.get(file)?.has(name))
    .map(([, file, name]) => `${file}: ${name}`);
  return { named: named.length, missing };
}
