// SPDX-License-Identifier: MIT
// The property names in an author's own files. They keep their spelling: the build cannot know which
// of them are members of JSON, and a device whose heartbeat says `{"a":"4.2"}` would be found out
// late. Not for the firmware's own files, whose names outside are declared (reserved-names.ts).

/** A node of a syntax tree, ESTree. */
interface Node {
  type: string;
  [field: string]: unknown;
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "type" in value;
}

/** Collects keys of objects and classes, and what stands behind a dot. */
export function authorNames(program: unknown): Set<string> {
  const names = new Set<string>();
  function add(name: unknown): void {
    if (isNode(name) && name.type === "Identifier") names.add(name["name"] as string);
  }
  function walk(node: Node): void {
    if (!node["computed"]) add(node.type === "MemberExpression" ? node["property"] : node["key"]);
    for (const value of Object.values(node)) {
      if (Array.isArray(value)) value.filter(isNode).forEach(walk);
      else if (isNode(value)) walk(value);
    }
  }
  if (isNode(program)) walk(program);
  return names;
}
