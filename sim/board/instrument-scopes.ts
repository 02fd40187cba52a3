// SPDX-License-Identifier: MIT
// Which names of a script need help, because the interpreter declares a name when it gets to the
// declaration and not before: what is used above (or without) its declaration, what is declared
// twice, and loops whose variable is captured by a closure.
// Not for: the text of the help (instrument-names.ts).
import type { AnyNode, Identifier, Program } from "acorn";
import { mayBeUndeclared } from "./syntax-rules.ts";
import { childrenOf, resolveNames } from "./syntax-scopes.ts";
import type { Binding, Reference } from "./syntax-scopes.ts";

/** What instrumentation asks about names. */
export interface Names {
  /** The declaration that a use of a name means; null for a global of another script. */
  bindingOf(use: Identifier): Binding | null;
  /** The declaration that a declaring name belongs to. */
  declaredBy(id: Identifier): Binding | undefined;
  /** True for names in the program's own scope: they become fields of the global object. */
  isTop(binding: Binding): boolean;
  /** True when this use may come before the declaration has run. */
  isEarly(use: Identifier): boolean;
  /** Declared at the start of its block as "not yet", the declaration itself only assigns. */
  isHoisted(binding: Binding): boolean;
  /** Names to declare at the start of a block (of a function: of its body), with their kind. */
  hoistedIn(node: AnyNode): { name: string; keyword: "var" | "let" }[];
  /** True for a loop whose own variable a closure captures. */
  isCaptured(loop: AnyNode): boolean;
}

const isVarLike = (binding: Binding): boolean =>
  binding.kind === "var" || binding.kind === "function";
const canBeEarly = ({ kind }: Binding): boolean => /^(?:var|function|let|const|class)$/.test(kind);

/** The function between a use and the function of the declaration, outermost one; or null. */
function capturingFunction({ scope }: Reference, binding: Binding): AnyNode | null {
  let found: AnyNode | null = null;
  for (let s = scope.fn; s !== binding.scope.fn;) {
    found = s.node;
    if (!s.parent) break;
    s = s.parent.fn;
  }
  return found;
}

/** True when a use may run while the declaration has not. */
function isUsedEarly(
  reference: Reference,
  binding: Binding,
  parents: Map<AnyNode, AnyNode>,
): boolean {
  const user = capturingFunction(reference, binding) ?? reference.node;
  if (user.start < binding.declaredAt) return true;
  if (!isVarLike(binding)) return false;
  return mayBeUndeclared({ ...reference, node: user as Identifier }, binding, parents);
}

/** Adds the other names of each declaration that has one of these. */
function addNeighbours(
  hoisted: Set<Binding>,
  declarations: readonly (readonly Binding[])[],
  canHoist: (binding: Binding) => boolean,
): void {
  for (let size = -1; size !== hoisted.size;) {
    size = hoisted.size;
    for (const bindings of declarations) {
      if (!bindings.some((binding) => hoisted.has(binding))) continue;
      for (const binding of bindings) if (canHoist(binding)) hoisted.add(binding);
    }
  }
}

/** Reads the names of a program. */
export function readNames(program: Program): Names {
  const bindings = new Map<Identifier, Binding | null>();
  const declaredBy = new Map<Identifier, Binding>();
  const references = resolveNames(program, (binding, id) => declaredBy.set(id, binding));
  const parents = new Map<AnyNode, AnyNode>();
  const statements: AnyNode[] = [];
  const index = (node: AnyNode): void => {
    if (/^(?:Variable|Class)Declaration$/.test(node.type)) statements.push(node);
    for (const child of childrenOf(node)) {
      parents.set(child, node);
      index(child);
    }
  };
  index(program);
  const isInSwitch = (node: AnyNode): boolean => parents.get(node)?.type === "SwitchCase";

  const isTop = (binding: Binding): boolean => binding.scope.parent === null;
  const canHoist = (binding: Binding): boolean =>
    !isTop(binding) &&
    canBeEarly(binding) &&
    (isVarLike(binding) ||
      binding.scope === binding.scope.fn ||
      binding.scope.node.type === "BlockStatement");
  const hoisted = new Set<Binding>();
  const early = new Set<Identifier>();
  const captured = new Set<AnyNode>();
  for (const reference of references) {
    const { node, binding } = reference;
    bindings.set(node, binding);
    if (!binding) continue;
    if (binding.perIteration && capturingFunction(reference, binding)) {
      captured.add(binding.scope.node);
    }
    const isLate = isInSwitch(parents.get(binding.node) ?? binding.node);
    if (canHoist(binding) && (isLate || isUsedEarly(reference, binding, parents))) {
      early.add(node);
      hoisted.add(binding);
    }
  }
  for (const binding of declaredBy.values()) {
    const isTwice = binding.declarations.length > 1 && !isVarLike(binding);
    if (isTwice && canHoist(binding)) hoisted.add(binding);
  }
  // A switch is no scope on the interpreter.
  const idsOf = (node: AnyNode): Identifier[] => {
    if (node.type === "ClassDeclaration") return node.id ? [node.id] : [];
    return node.type === "VariableDeclaration"
      ? node.declarations.map(({ id }) => id as Identifier)
      : [];
  };
  for (const id of statements.flatMap((node) => (isInSwitch(node) ? idsOf(node) : []))) {
    const binding = declaredBy.get(id);
    if (binding && canHoist(binding)) hoisted.add(binding);
  }
  const namesOf = (node: AnyNode): Binding[] =>
    idsOf(node).flatMap((id) => declaredBy.get(id) ?? []);
  addNeighbours(hoisted, statements.map(namesOf), canHoist);
  const hoistedIn = new Map<AnyNode, { name: string; keyword: "var" | "let" }[]>();
  for (const binding of hoisted) {
    const isVar = isVarLike(binding);
    const { node } = isVar ? binding.scope.fn : binding.scope;
    const names = hoistedIn.get(node) ?? [];
    names.push({ name: binding.name, keyword: isVar ? "var" : "let" });
    hoistedIn.set(node, names);
  }

  return {
    bindingOf: (use) => bindings.get(use) ?? null,
    declaredBy: (id) => declaredBy.get(id),
    isTop,
    isEarly: (use) => early.has(use),
    isHoisted: (binding) => hoisted.has(binding),
    hoistedIn: (node) => hoistedIn.get(node) ?? [],
    isCaptured: (loop) => captured.has(loop),
  };
}
