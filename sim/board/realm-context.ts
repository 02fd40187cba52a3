// SPDX-License-Identifier: MIT
// A board's realm in a vm context of its own: nothing that its script changes, prototypes of the
// language included, is seen by another board. Costs about 160 KB a board.
// Not for: fleets (realm-shared.ts).
import { Script, runInContext } from "node:vm";
import { consoleText } from "./format.ts";
import { installLanguage } from "./language.ts";
import type { LanguageHost, Realm } from "./realm.ts";
import { checkSyntax } from "./syntax.ts";
import type { SyntaxProblem } from "./syntax.ts";
import { classNameOf, createIntrinsics } from "./intrinsics.ts";

interface Compiled {
  script: Script | null;
  refused: SyntaxProblem | undefined;
}

// Fleets run one bundle on many boards: it is checked and compiled once.
const compiledScripts = new Map<string, Compiled>();
const MAX_COMPILED = 32;

function compile(source: string, fileName: string): Compiled {
  const key = `${fileName}\n${source}`;
  let compiled = compiledScripts.get(key);
  if (!compiled) {
    const refused = checkSyntax(source, fileName).find((p) => p.kind === "refused");
    const script = refused ? null : new Script(source, { filename: fileName });
    compiled = { script, refused };
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
      const { script, refused } = compile(source, fileName);
      intrinsics.addFile(fileName);
      if (refused || !script) return intrinsics.refuse(refused as SyntaxProblem);
      return script.runInContext(global);
    },
    attach: (host: LanguageHost) => installLanguage(intrinsics, () => host),
    enter: (fn) => fn(),
  };
  return realm;
}
