// SPDX-License-Identifier: MIT
// Which name means which declaration. The syntax check needs it for the faults that no single
// node shows: a closure over a loop variable, a use above a declaration, a class called as a
// function, a static member expected from a base class.
// Not for: JavaScript's full scoping rules; hoisting is exactly what the interpreter lacks, so a
// binding carries the place of its first declaration instead.
import type { AnyNode, Identifier, Node } from "acorn";

/** How a name came to be. `self` is the own name of a function expression. */
export type BindingKind =
  "var" | "let" | "const" | "class" | "function" | "param" | "catch" | "self" | "import";

/** One declared name. */
export interface Binding {
  name: string;
  kind: BindingKind;
  scope: Scope;
  /** Offset of the first declaration. */
  declaredAt: number;
  /** All declaring names, for `var` more than one. */
  declarations: Identifier[];
  /** The declaring node: function, class, declarator or the name itself. */
  node: AnyNode;
  /** Declared in the head of a loop with let or const: JavaScript makes one per pass. */
  perIteration: boolean;
}

/** A function, a block, a loop or a catch clause. */
export interface Scope {
  parent: Scope | null;
  /** The nearest function (or the program); itself for a function. */
  fn: Scope;
  node: AnyNode;
  bindings: Map<string, Binding>;
}

/** One use of a name. */
export interface Reference {
  node: Identifier;
  scope: Scope;
  parent: AnyNode;
  /** Null for a global of the interpreter. */
  binding: Binding | null;
}

function isNode(value: unknown): value is AnyNode {
  return typeof value === "object" && value !== null && typeof (value as Node).type === "string";
}

/** Yields the direct children of a node in source order. */
export function* childrenOf(node: AnyNode): Generator<AnyNode> {
  for (const [key, value] of Object.entries(node)) {
    if (key === "loc" || key === "range") continue;
    if (Array.isArray(value)) {
      for (const item of value) if (isNode(item)) yield item;
    } else if (isNode(value)) {
      yield value;
    }
  }
}

/**
 * Resolves every name of a program.
 *
 * @param onDeclare gets each declaring name with its declaration
 * @returns the uses in source order, each with its declaration or null
 */
export function resolveNames(
  program: AnyNode,
  onDeclare?: (binding: Binding, id: Identifier) => void,
): Reference[] {
  const references: Reference[] = [];

  const newScope = (node: AnyNode, parent: Scope | null, isFunction: boolean): Scope => {
    const scope: Scope = {
      parent,
      fn: null as unknown as Scope,
      node,
      bindings: new Map(),
    };
    scope.fn = isFunction || parent === null ? scope : parent.fn;
    return scope;
  };
  const declare = (
    scope: Scope,
    id: Identifier,
    kind: BindingKind,
    node: AnyNode,
    perIteration = false,
  ): void => {
    let binding = scope.bindings.get(id.name);
    if (binding) {
      binding.declarations.push(id);
    } else {
      binding = {
        name: id.name,
        kind,
        scope,
        declaredAt: id.start,
        declarations: [id],
        node,
        perIteration,
      };
      scope.bindings.set(id.name, binding);
    }
    onDeclare?.(binding, id);
  };

  /** Declares the names of a pattern and visits its default values. */
  const declarePattern = (
    pattern: AnyNode,
    scope: Scope,
    kind: BindingKind,
    node: AnyNode,
    perIteration: boolean,
    useScope: Scope,
  ): void => {
    const again = (p: AnyNode): void =>
      declarePattern(p, scope, kind, node, perIteration, useScope);
    switch (pattern.type) {
      case "Identifier":
        declare(scope, pattern, kind, node, perIteration);
        break;
      case "ObjectPattern":
        for (const p of pattern.properties) {
          if (p.type === "RestElement") again(p.argument);
          else {
            if (p.computed) visit(p.key, useScope, p);
            again(p.value);
          }
        }
        break;
      case "ArrayPattern":
        for (const p of pattern.elements) if (p) again(p);
        break;
      case "AssignmentPattern":
        again(pattern.left);
        visit(pattern.right, useScope, pattern);
        break;
      case "RestElement":
        again(pattern.argument);
        break;
    }
  };

  const visitAll = (node: AnyNode, scope: Scope): void => {
    for (const child of childrenOf(node)) visit(child, scope, node);
  };

  function visit(node: AnyNode, scope: Scope, parent: AnyNode): void {
    switch (node.type) {
      case "Identifier":
        references.push({ node, scope, parent, binding: null });
        return;
      case "FunctionDeclaration":
      case "FunctionExpression":
      case "ArrowFunctionExpression": {
        const inner = newScope(node, scope, true);
        if (node.type === "FunctionDeclaration" && node.id) {
          // Visible behind its block too, as a var is.
          declare(scope.fn, node.id, "function", node);
        } else if (node.type === "FunctionExpression" && node.id) {
          declare(inner, node.id, "self", node);
        }
        for (const p of node.params) declarePattern(p, inner, "param", node, false, inner);
        if (node.body.type === "BlockStatement") visitAll(node.body, inner);
        else visit(node.body, inner, node);
        return;
      }
      case "ClassDeclaration":
      case "ClassExpression":
        if (node.id) {
          const target = node.type === "ClassDeclaration" ? scope : newScope(node, scope, false);
          declare(target, node.id, "class", node);
          if (target !== scope) scope = target;
        }
        if (node.superClass) visit(node.superClass, scope, node);
        visitAll(node.body, scope);
        return;
      case "MethodDefinition":
      case "PropertyDefinition":
      case "Property":
        if (node.computed) visit(node.key, scope, node);
        if (node.value) visit(node.value, scope, node);
        return;
      case "MemberExpression":
        visit(node.object, scope, node);
        if (node.computed) visit(node.property, scope, node);
        return;
      case "VariableDeclaration": {
        const isVar = node.kind === "var";
        const isHead =
          !isVar &&
          ((parent.type === "ForStatement" && parent.init === node) ||
            ((parent.type === "ForInStatement" || parent.type === "ForOfStatement") &&
              parent.left === node));
        for (const d of node.declarations) {
          const kind = node.kind === "var" || node.kind === "let" ? node.kind : "const";
          declarePattern(d.id, isVar ? scope.fn : scope, kind, d, isHead, scope);
          if (d.init) visit(d.init, scope, d);
        }
        return;
      }
      case "ForStatement":
      case "ForInStatement":
      case "ForOfStatement":
      case "BlockStatement":
      case "StaticBlock":
        visitAll(node, newScope(node, scope, false));
        return;
      case "CatchClause": {
        const inner = newScope(node, scope, false);
        if (node.param) declarePattern(node.param, inner, "catch", node, false, inner);
        visitAll(node.body, inner);
        return;
      }
      case "LabeledStatement":
        visit(node.body, scope, node);
        return;
      case "BreakStatement":
      case "ContinueStatement":
      case "MetaProperty":
        return;
      case "ImportDeclaration":
        for (const s of node.specifiers) declare(scope, s.local, "import", s);
        return;
      case "ExportSpecifier":
      case "ExportAllDeclaration":
        return;
      default:
        visitAll(node, scope);
    }
  }

  visitAll(program, newScope(program, null, true));
  for (const reference of references) {
    for (let s: Scope | null = reference.scope; s; s = s.parent) {
      const binding = s.bindings.get(reference.node.name);
      if (binding) {
        reference.binding = binding;
        break;
      }
    }
  }
  return references.sort((a, b) => a.node.start - b.node.start);
}
