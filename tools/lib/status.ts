// SPDX-License-Identifier: MIT
// The host's reading of status messages, and which of them still count. A will is written by the
// broker some time after a connection died, possibly when the device is back already: the boot and
// session in it tell which connection it speaks of.
import type { StatusMessage } from "../../firmware/wire/status.ts";
import { isDeviceId } from "../../firmware/wire/topics.ts";
import { parseStrictObject } from "./strict-json.ts";

/** Decodes a status payload; undefined when it is not one. */
export function decodeStatus(payload: Buffer): StatusMessage | undefined {
  if (payload.length > 1024) return undefined;
  const parsed = parseStrictObject(payload);
  if (!parsed.ok) return undefined;
  const { device_id, status, reason, boot, session } = parsed.value;
  const expected = { birth: "online", shutdown: "offline", will: "offline" }[String(reason)];
  if (expected === undefined || status !== expected) return undefined;
  if (typeof device_id !== "string" || !isDeviceId(device_id)) return undefined;
  if (!Number.isSafeInteger(boot) || !Number.isSafeInteger(session)) return undefined;
  return parsed.value as unknown as StatusMessage;
}

/** One connection of a device: `boot`, then `session` within it. */
export interface ConnectionNumber {
  boot: number;
  session: number;
}

/** Negative when `a` is the older connection, 0 when they are the same, positive when newer. */
export function compareConnections(a: ConnectionNumber, b: ConnectionNumber): number {
  return a.boot - b.boot || a.session - b.session;
}
