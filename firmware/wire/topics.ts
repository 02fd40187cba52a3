// SPDX-License-Identifier: MIT
// Builds and parses MQTT topic names. `{prefix}/{device_id}/{leaf}`, three levels at the end of the
// topic; the prefix may itself have levels.

/** Longest device id in characters. */
export const DEVICE_ID_MAX_CHARS = 64;

/** Default first level of every topic. */
export const TOPIC_PREFIX = "devices";

/** Last level of a device's topic, by what it carries. */
export type TopicLeaf = "heartbeat" | "status" | "commands" | "replies";

/**
 * Tells whether `id` is a legal device id: `^[A-Za-z0-9_-]{1,64}$`.
 * Written without a quantifier because the interpreter's regex engine has no `{n,m}`.
 */
export function isDeviceId(id: string): boolean {
  return id.length > 0 && id.length <= DEVICE_ID_MAX_CHARS && !/[^A-Za-z0-9_-]/.test(id);
}

/**
 * Builds the topic name of one device, e.g. `devices/kitchen/heartbeat`.
 * @param leaf a {@link TopicLeaf}, or one that an application has for itself
 */
export function topicOf(prefix: string, deviceId: string, leaf: string): string {
  return prefix + "/" + deviceId + "/" + leaf;
}

/**
 * Parses a topic name (host side).
 * @returns the device id and leaf, or undefined when the topic is not one of ours.
 */
export function parseTopic(
  prefix: string,
  topic: string,
): { deviceId: string; leaf: TopicLeaf } | undefined {
  if (!topic.startsWith(prefix + "/")) return undefined;
  const levels = topic.slice(prefix.length + 1).split("/");
  const deviceId = levels[0] as string;
  const leaf = levels[1];
  if (levels.length !== 2 || !isDeviceId(deviceId)) return undefined;
  if (leaf === "heartbeat" || leaf === "status" || leaf === "commands" || leaf === "replies")
    return { deviceId, leaf };
  return undefined;
}
