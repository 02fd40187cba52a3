// SPDX-License-Identifier: MIT
// Tells which expressions of a source are arrays for certain. The lowering of `...` is right for those
// only: "abc" would become one element, and so would a Uint8Array. Looks at the source as it was
// written, types among it. Not for what an author may mean: whatever is not sure is no array here.
import type { NodePath, types } from "@babel/core";

/** Methods that give arrays, whatever they are called on; and of arrays, which give arrays again. */
const GIVES = new Set(["map", "filter", "split", "splice"]);
const GIVES_AGAIN = new Set(["concat", "fill", "reverse", "slice", "sort"]);
const STATICS = new Set(["entries", "getOwnPropertyNames", "keys", "values"]);

function isArrayType(annotation: types.Node | null | undefined): boolean {
  if (annotation?.type === "TSTypeAnnotation") return isArrayType(annotation.typeAnnotation);
  if (annotation?.type === "TSTypeOperator" || annotation?.type === "TSParenthesizedType")
    return isArrayType(annotation.typeAnnotation);
  if (annotation?.type === "TSTypeReference")
    return (
      annotation.typeName.type === "Identifier" &&
      /^(Readonly)?Array$/.test(annotation.typeName.name)
    );
  return annotation?.type === "TSArrayType" || annotation?.type === "TSTupleType";
}

function isArrayName(path: NodePath<types.Identifier>): boolean {
  const binding = path.scope.getBinding(path.node.name);
  if (!binding) return false;
  const { identifier } = binding;
  if (isArrayType(identifier.typeAnnotation)) return true;
  if (!binding.constant) return false;
  const { path: declared } = binding;
  if (declared.isRestElement()) return true;
  // The rest of a list of parameters is its own path there.
  if (declared.isFunction())
    return declared.node.params.some(
      (param) => param.type === "RestElement" && param.argument === identifier,
    );
  return (
    declared.isVariableDeclarator() &&
    declared.node.id === identifier &&
    isArray(declared.get("init"))
  );
}

/** Tells whether an expression is an array for certain. */
export function isArray(path: NodePath<types.Node | null | undefined>): boolean {
  if (path.isArrayExpression()) return true;
  if (path.isIdentifier()) return isArrayName(path);
  if (path.isTSAsExpression() || path.isTSSatisfiesExpression() || path.isTSNonNullExpression()) {
    const type = "typeAnnotation" in path.node ? path.node.typeAnnotation : undefined;
    return isArrayType(type) || isArray(path.get("expression") as NodePath);
  }
  if (path.isConditionalExpression())
    return isArray(path.get("consequent")) && isArray(path.get("alternate"));
  if (!path.isCallExpression() && !path.isNewExpression()) return false;
  const callee = path.get("callee") as NodePath;
  if (callee.isIdentifier({ name: "Array" })) return true;
  if (!callee.isMemberExpression() || callee.node.computed) return false;
  const { object, property } = callee.node;
  if (property.type !== "Identifier") return false;
  if (object.type === "Identifier" && object.name === "Object") return STATICS.has(property.name);
  return (
    GIVES.has(property.name) || (GIVES_AGAIN.has(property.name) && isArray(callee.get("object")))
  );
}
