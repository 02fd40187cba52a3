// SPDX-License-Identifier: MIT
// Which property names the minifier leaves alone: those of the interpreter, of the language, of the
// wire and of the console. All others are the firmware's own business and get short names. Read from
// the declarations themselves, so that a new one is known without being listed here.
import { parseSync } from "@babel/core";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

/**
 * Names that people type on the console, and members of what they get back: nothing but the
 * console's own code uses them, so no declaration tells that they are public.
 */
const CONSOLE_NAMES = "lubdub start stop status id boot session seq uplink wifi beating".split(" ");

/** The libraries of firmware/tsconfig.json without iterators, which the interpreter lacks. */
const LANGUAGE_LIBS = ["es5", "es2016.array.include", "es2017.object"];

const require = createRequire(import.meta.url);

/** Nodes that declare a name which is a property of the global object or of a namespace. */
const DECLARATIONS = new Set([
  "TSDeclareFunction",
  "VariableDeclarator",
  "ClassDeclaration",
  "TSModuleDeclaration",
]);

interface Node {
  type: string;
  [field: string]: unknown;
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "type" in value;
}

function nameOf(value: unknown): string | undefined {
  if (!isNode(value)) return undefined;
  if (value.type === "Identifier") return value["name"] as string;
  return value.type === "StringLiteral" ? (value["value"] as string) : undefined;
}

/**
 * Collects the names of a TypeScript file that are or may be property names: keys of types, classes
 * and objects; of declaration files also what is declared, of other files also every string.
 */
export function propertyNamesOf(text: string, fileName: string): Set<string> {
  const names = new Set<string>();
  const isDeclaration = fileName.endsWith(".d.ts");
  const add = (name: string | undefined): void => {
    if (name !== undefined) names.add(name);
  };
  function walk(node: Node): void {
    // There are no dates and texts for people on a board.
    if (node.type === "TSModuleDeclaration" && nameOf(node["id"]) === "Intl") return;
    if (!node["computed"]) add(nameOf(node["key"]));
    if (isDeclaration && DECLARATIONS.has(node.type)) add(nameOf(node["id"]));
    if (!isDeclaration && node.type === "StringLiteral") add(nameOf(node));
    for (const value of Object.values(node)) {
      if (Array.isArray(value)) value.filter(isNode).forEach(walk);
      else if (isNode(value)) walk(value);
    }
  }
  const ast = parseSync(text, {
    filename: fileName,
    configFile: false,
    babelrc: false,
    browserslistConfigFile: false,
    parserOpts: { plugins: [["typescript", { dts: isDeclaration }]] },
  });
  if (ast) walk(ast.program as unknown as Node);
  return names;
}

function languageFiles(): string[] {
  // The compiler comes as a package per platform; its libraries are the same in each.
  const compiler = createRequire(require.resolve("typescript/package.json"));
  const platform = `@typescript/typescript-${process.platform}-${process.arch}/package.json`;
  const folder = path.join(path.dirname(compiler.resolve(platform)), "lib");
  return LANGUAGE_LIBS.map((lib) => path.join(folder, `lib.${lib}.d.ts`));
}

/** The names that do not depend on the firmware being built; read once. */
let platformNames: Set<string> | undefined;

function namesOfPlatform(): Set<string> {
  if (platformNames) return platformNames;
  const files = [
    fileURLToPath(new URL("../../firmware/espruino.d.ts", import.meta.url)),
    require.resolve("@types/espruino/index.d.ts"),
    ...languageFiles(),
  ];
  platformNames = new Set(CONSOLE_NAMES);
  for (const file of files)
    for (const name of propertyNamesOf(readFileSync(file, "utf8"), file)) platformNames.add(name);
  return platformNames;
}

/**
 * Lists the property names that keep their spelling, sorted.
 * @param root absolute project folder whose `firmware/wire` is part of the bundle.
 */
export function reservedNames(root: string): string[] {
  const names = new Set(namesOfPlatform());
  const wire = path.join(root, "firmware/wire");
  for (const file of existsSync(wire) ? readdirSync(wire) : []) {
    if (!file.endsWith(".ts")) continue;
    const filePath = path.join(wire, file);
    for (const name of propertyNamesOf(readFileSync(filePath, "utf8"), filePath)) names.add(name);
  }
  return [...names].sort();
}
