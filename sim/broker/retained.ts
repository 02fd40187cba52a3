// SPDX-License-Identifier: MIT
// The last retained message of each topic (section 3.3.1.3), found by filter when somebody
// subscribes: a tree by level, so that thousands of devices can each ask for one of thousands.
import type { Message } from "./message.ts";

interface Node {
  children: Map<string, Node>;
  message: Message | null;
}

/** The store. */
export interface Retained {
  /** Keeps a message, replaces the one before, or deletes it when the payload is empty. */
  set(message: Message): void;
  /** Messages whose topic matches a valid filter, in a repeatable order. */
  match(filter: string): Message[];
  clear(): void;
  /** Number of messages kept. */
  readonly size: number;
}

function createNode(): Node {
  return { children: new Map(), message: null };
}

/** Children that a wildcard stands for: at the first level not the $ topics [MQTT-4.7.2-1]. */
function* anyChild(node: Node, isRoot: boolean): Iterable<Node> {
  for (const [name, child] of node.children) if (!isRoot || !name.startsWith("$")) yield child;
}

function collectAll(node: Node, isRoot: boolean, found: Message[]): void {
  if (node.message) found.push(node.message);
  for (const child of anyChild(node, isRoot)) collectAll(child, false, found);
}

function collect(node: Node, levels: readonly string[], at: number, found: Message[]): void {
  const level = levels[at];
  if (level === undefined) {
    if (node.message) found.push(node.message);
  } else if (level === "#") {
    collectAll(node, at === 0, found); // "a/#" matches "a" too (section 4.7.1.2).
  } else if (level === "+") {
    for (const child of anyChild(node, at === 0)) collect(child, levels, at + 1, found);
  } else {
    const child = node.children.get(level);
    if (child) collect(child, levels, at + 1, found);
  }
}

/** Creates an empty store. */
export function createRetained(): Retained {
  let root = createNode();
  let size = 0;

  const remove = (topic: string): void => {
    const levels = topic.split("/");
    const path = [root];
    for (const level of levels) {
      const child = path.at(-1)?.children.get(level);
      if (!child) return;
      path.push(child);
    }
    const last = path.at(-1) as Node;
    if (last.message) size--;
    last.message = null;
    for (let i = levels.length; i > 0; i--) {
      const node = path[i] as Node;
      if (node.message || node.children.size > 0) break;
      path[i - 1]?.children.delete(levels[i - 1] as string);
    }
  };

  return {
    get size() {
      return size;
    },
    set: (message) => {
      // An empty payload deletes and is not kept itself [MQTT-3.3.1-10], [MQTT-3.3.1-11].
      if (message.payload.length === 0) return remove(message.topic);
      let node = root;
      for (const level of message.topic.split("/")) {
        let child = node.children.get(level);
        if (!child) node.children.set(level, (child = createNode()));
        node = child;
      }
      if (!node.message) size++;
      // A copy: the payload may be a small part of a large received chunk. [MQTT-3.3.1-5]
      node.message = { ...message, payload: Buffer.from(message.payload) };
      return undefined;
    },
    match: (filter) => {
      const found: Message[] = [];
      collect(root, filter.split("/"), 0, found);
      return found;
    },
    clear: () => {
      root = createNode();
      size = 0;
    },
  };
}
