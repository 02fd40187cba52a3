// SPDX-License-Identifier: MIT
// Looks at the order in which an author's file adds the parts of lubdub/firmware, where a wrong one
// starts and then lacks something without a word. What a part needs is in docs/reference/authoring.md;
// that there is an uplink is the types' to tell.
import type { NodePath, types } from "@babel/core";

/** Parts that stand before others, and why. */
const BEFORE: readonly (readonly [part: string, others: readonly string[], why: string])[] = [
  ["subscribe", ["mqtt", "websocket"], "the carrier subscribes to what it finds when it is added"],
  ["commands", ["mqtt", "websocket"], "the carrier subscribes to what it finds when it is added"],
  ["update", ["commands"], "the command is unknown otherwise"],
  ["outbox", ["heartbeat"], "the heartbeat goes past it otherwise"],
];

/** Calls of the library's functions in a file, in the order of the text. */
function callsOf(
  program: NodePath<types.Program>,
  library: string,
): { name: string; node: types.Node }[] {
  const calls: { name: string; node: types.Node }[] = [];
  program.traverse({
    CallExpression(path) {
      const { callee } = path.node;
      if (callee.type !== "Identifier") return;
      const binding = path.scope.getBinding(callee.name)?.path;
      if (!binding?.isImportSpecifier()) return;
      const { parent, node } = binding;
      if (parent.type !== "ImportDeclaration" || parent.source.value !== library) return;
      const { imported } = node;
      calls.push({
        name: imported.type === "Identifier" ? imported.name : imported.value,
        node: path.node,
      });
    },
  });
  return calls;
}

/**
 * Reports the parts of a file that stand in the wrong place. The interpreter hoists nothing, so what
 * stands behind runs behind.
 * @param library what the file imports the parts from
 */
export function checkPartOrder(
  program: NodePath<types.Program>,
  library: string,
  tell: (node: types.Node, construct: string, message: string) => void,
): void {
  const calls = callsOf(program, library);
  const names = calls.map((call) => call.name);
  for (const [part, others, why] of BEFORE)
    calls.forEach(({ name, node }, i) => {
      const other = name === part && others.find((one) => names.slice(0, i).includes(one));
      if (other) tell(node, `${part}() behind ${other}()`, why);
    });
  const update = calls.find((call) => call.name === "update");
  // An application of several files may have it in another one; the entry is where it belongs.
  if (update && names.includes("boot") && !names.includes("supervisor"))
    tell(
      update.node,
      "update() without supervisor()",
      "the watchdog that guards a new bundle is fed by nobody",
    );
}
