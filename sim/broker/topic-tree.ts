// SPDX-License-Identifier: MIT
// Topic filters to whoever asked for them: a tree with one node a level, so that a message visits
// only the branches that can match its topic.

/** Most nodes are leaves or branches, not both: each map is made when it is needed. */
interface Node<T> {
  children: Map<string, Node<T>> | null;
  /** Subscribers whose filter ends here, with what belongs to the subscription. */
  entries: Map<T, number> | null;
}

/** Subscribers by topic filter; each has one number per filter, the QoS it asked for. */
export interface TopicTree<T> {
  /** Adds a subscriber or replaces its number [MQTT-3.8.4-3]; the filter is valid. */
  add(filter: string, subscriber: T, qos: number): void;
  /** Takes a subscriber away; unknown ones are no error. */
  remove(filter: string, subscriber: T): void;
  /** Calls `visit` for each subscription that matches a topic's levels, in a repeatable order. */
  match(levels: readonly string[], visit: (subscriber: T, qos: number) => void): void;
}

function createNode<T>(): Node<T> {
  return { children: null, entries: null };
}

/** Creates an empty tree. */
export function createTopicTree<T>(): TopicTree<T> {
  const root = createNode<T>();

  const tell = (node: Node<T>, visit: (subscriber: T, qos: number) => void): void => {
    if (node.entries) for (const [subscriber, qos] of node.entries) visit(subscriber, qos);
  };

  const walk = (
    node: Node<T>,
    levels: readonly string[],
    at: number,
    visit: (subscriber: T, qos: number) => void,
  ): void => {
    if (at === levels.length) tell(node, visit);
    const { children } = node;
    if (!children) return;
    const exact = at < levels.length ? children.get(levels[at] as string) : undefined;
    if (exact) walk(exact, levels, at + 1, visit);
    // A leading wildcard does not match a topic that begins with $ [MQTT-4.7.2-1].
    if (at === 0 && levels[0]?.startsWith("$")) return;
    const any = at < levels.length ? children.get("+") : undefined;
    if (any) walk(any, levels, at + 1, visit);
    // "a/#" matches "a" too (section 4.7.1.2).
    const rest = children.get("#");
    if (rest) tell(rest, visit);
  };

  return {
    add: (filter, subscriber, qos) => {
      let node = root;
      for (const level of filter.split("/")) {
        node.children ??= new Map();
        let child = node.children.get(level);
        if (!child) node.children.set(level, (child = createNode()));
        node = child;
      }
      (node.entries ??= new Map()).set(subscriber, qos);
    },
    remove: (filter, subscriber) => {
      const levels = filter.split("/");
      const path = [root];
      for (const level of levels) {
        const child = path.at(-1)?.children?.get(level);
        if (!child) return;
        path.push(child);
      }
      path.at(-1)?.entries?.delete(subscriber);
      for (let i = levels.length; i > 0; i--) {
        const node = path[i] as Node<T>;
        if (node.entries?.size || node.children?.size) break;
        path[i - 1]?.children?.delete(levels[i - 1] as string);
      }
    },
    match: (levels, visit) => walk(root, levels, 0, visit),
  };
}
