// SPDX-License-Identifier: MIT
// Which texts are topic names and topic filters (section 4.7), and what a shared subscription's
// filter means. Who subscribes to what is topic-tree.ts.

/** Most levels of a topic: trees are walked by recursion, and no stack is endless. */
const MAX_LEVELS = 200;

function hasFewLevels(text: string): boolean {
  let count = 1;
  for (let at = text.indexOf("/"); at >= 0; at = text.indexOf("/", at + 1)) count++;
  return count <= MAX_LEVELS;
}

/** Tells whether a message may be published under this name. */
export function isTopicName(topic: string): boolean {
  if (topic === "") return false; // [MQTT-4.7.3-1]
  if (topic.includes("\0")) return false; // [MQTT-4.7.3-2]
  if (topic.includes("+") || topic.includes("#")) return false; // [MQTT-3.3.2-2], [MQTT-4.7.1-1]
  return hasFewLevels(topic);
}

/** Tells whether this is a topic filter; `$share/...` is looked at by `parseShare`. */
export function isTopicFilter(filter: string): boolean {
  if (filter === "" || filter.includes("\0")) return false; // [MQTT-4.7.3-1], [MQTT-4.7.3-2]
  if (!hasFewLevels(filter)) return false;
  const levels = filter.split("/");
  return levels.every((level, i) => {
    if (level === "#") return i === levels.length - 1; // [MQTT-4.7.1-2]
    return level === "+" || !/[+#]/.test(level); // [MQTT-4.7.1-2], [MQTT-4.7.1-3]
  });
}

/** A filter as subscribed to: the one that topics are matched with, and the group that shares it. */
export interface ParsedFilter {
  filter: string;
  /** Null for a subscription of one client's own. */
  group: string | null;
}

/**
 * Takes `$share/group/filter` apart (MQTT 5 section 4.8.2, which brokers offer for 3.1.1 too).
 *
 * @returns null when it begins like one and is none
 */
export function parseShare(filter: string): ParsedFilter | null {
  if (!filter.startsWith("$share/")) return { filter, group: null };
  const slash = filter.indexOf("/", 7);
  if (slash < 0) return null;
  const group = filter.slice(7, slash);
  const rest = filter.slice(slash + 1);
  if (group === "" || /[+#]/.test(group) || !isTopicFilter(rest)) return null;
  return { filter: rest, group };
}
