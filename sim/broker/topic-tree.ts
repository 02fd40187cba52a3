// SPDX-License-Identifier: MIT
// Topic filters to whoever asked for them: a tree with one node a level, so that a message visits
// only the branches that can match its topic.

interface Node<T> {
  children: Map<string, Node<T>>;
  /** Subscribers whose filter ends here, with what belongs to the subscription. */
  entries: Map<T, number>;
}

/** Subscribers by topic filter; each has one number per filter, the QoS it asked for. */
export interface TopicTree<T> {
  /** Adds a subscriber or replaces its number [MQTT-3.8.4-3]; the filter is valid. */
  add(filter: string, subscriber: T, qos: number): void;
  /** Takes a subscriber away; unknown ones are no error. */
  remove(filter: string, subscriber: T): void;
  /** Calls `visit` for each subscription that matches a topic name, in a repeatable order. */
  match(topic: string, visit: (subscriber: T, qos: number) => void): void;
  clear(): void;
}

function createNode<T>(): Node<T> {
  return { children: new Map(), entries: new Map() };
}

/** Creates an empty tree. */
export function createTopicTree<T>(): TopicTree<T> {
  let root = createNode<T>();

  const tell = (node: Node<T>, visit: (subscriber: T, qos: number) => void): void => {
    for (const [subscriber, qos] of node.entries) visit(subscriber, qos);
  };

  const walk = (
    node: Node<T>,
    levels: readonly string[],
    at: number,
    visit: (subscriber: T, qos: number) => void,
  ): void => {
    // A leading wildcard does not match a topic that begins with $ [MQTT-4.7.2-1].
    const hasWildcards = at > 0 || !levels[0]?.startsWith("$");
    // "a/#" matches "a" too (section 4.7.1.2).
    const rest = hasWildcards ? node.children.get("#") : undefined;
    if (rest) tell(rest, visit);
    if (at === levels.length) return tell(node, visit);
    const exact = node.children.get(levels[at] as string);
    if (exact) walk(exact, levels, at + 1, visit);
    const any = hasWildcards ? node.children.get("+") : undefined;
    if (any) walk(any, levels, at + 1, visit);
    return undefined;
  };

  return {
    add: (filter, subscriber, qos) => {
      let node = root;
      for (const level of filter.split("/")) {
        let child = node.children.get(level);
        if (!child) node.children.set(level, (child = createNode()));
        node = child;
      }
      node.entries.set(subscriber, qos);
    },
    remove: (filter, subscriber) => {
      const levels = filter.split("/");
      const path = [root];
      for (const level of levels) {
        const child = path.at(-1)?.children.get(level);
        if (!child) return;
        path.push(child);
      }
      path.at(-1)?.entries.delete(subscriber);
      for (let i = levels.length; i > 0; i--) {
        const node = path[i] as Node<T>;
        if (node.entries.size > 0 || node.children.size > 0) break;
        path[i - 1]?.children.delete(levels[i - 1] as string);
      }
    },
    match: (topic, visit) => walk(root, topic.split("/"), 0, visit),
    clear: () => {
      root = createNode();
    },
  };
}
