// SPDX-License-Identifier: MIT
// A board's realm in a vm context of its own: nothing that its script changes, prototypes of the
// language included, is seen by another board. Costs about 160 KB a board. Variables of a script can
// be deleted from the global object, as on the interpreter; what `function` declares there cannot.
// Not for: fleets (realm-shared.ts).
import { Script, runInContext } from "node:vm";
import { parse } from "acorn";
import { consoleText } from "./format.ts";
import { installLanguage } from "./language.ts";
import type { LanguageHost, Realm } from "./realm.ts";
import { declarationsOf } from "./shared-script.ts";
import { checkSyntax } from "./syntax.ts";
import type { SyntaxProblem } from "./syntax.ts";
import { classNameOf, createIntrinsics } from "./intrinsics.ts";

interface Compiled {
  script: Script | null;
  /** Names that the script declares with `var` in global scope. */
  variables: readonly string[];
  refused: SyntaxProblem | undefined;
}

// Fleets run one bundle on many boards: it is checked and compiled once.
const compiledScripts = new Map<string, Compiled>();
const MAX_COMPILED = 32;

function variablesOf(source: string): string[] {
  const program = parse(source, { ecmaVersion: "latest", allowHashBang: true });
  return declarationsOf(program)
    .variables.filter(({ kind }) => kind === "var")
    .flatMap(({ declarations }) => declarations)
    .flatMap(({ id }) => (id.type === "Identifier" ? [id.name] : []));
}

function compile(source: string, fileName: string): Compiled {
  const key = `${fileName}\n${source}`;
  let compiled = compiledScripts.get(key);
  if (!compiled) {
    const refused = checkSyntax(source, fileName).find((p) => p.kind === "refused");
    const script = refused ? null : new Script(source, { filename: fileName });
    const variables = script ? variablesOf(source) : [];
    compiled = { script, variables, refused };
    if (compiledScripts.size >= MAX_COMPILED) {
      compiledScripts.delete(compiledScripts.keys().next().value as string);
    }
    compiledScripts.set(key, compiled);
  }
  return compiled;
}

/** Creates a realm for one board. */
export function createContextRealm(): Realm {
  const intrinsics = createIntrinsics();
  const { global, objectPrototype } = intrinsics;
  // Classes of a script are names in global scope without being members of the global object.
  const find = (name: string): unknown =>
    Object.hasOwn(global, name)
      ? global[name]
      : runInContext(`typeof ${name} === "undefined" ? 0 : ${name}`, global);
  const realm: Realm = {
    ...intrinsics,
    className: (value) => classNameOf(value, objectPrototype, find),
    show: (value) => consoleText(value, realm),
    run: (source, fileName) => {
      const { script, variables, refused } = compile(source, fileName);
      intrinsics.addFile(fileName);
      if (refused || !script) return intrinsics.refuse(refused as SyntaxProblem);
      // The engine's own variables cannot be deleted; one that is there already, it takes as it is.
      for (const name of variables) if (!Object.hasOwn(global, name)) global[name] = undefined;
      return script.runInContext(global);
    },
    attach: (host: LanguageHost) => installLanguage(intrinsics, () => host),
    enter: (fn) => fn(),
  };
  return realm;
}
