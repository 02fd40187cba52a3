// SPDX-License-Identifier: MIT
// The host's own decoding of a heartbeat's body, stricter than what a device needs to know: every
// required member present and of its type, `wire/heartbeat.ts` being the shape. Members it does not
// know are the device's own and are kept as they are.
import type { HeartbeatBody } from "../../firmware/wire/heartbeat.ts";
import { isDeviceId } from "../../firmware/wire/topics.ts";
import { parseStrictObject } from "./strict-json.ts";
import type { JsonObject } from "./strict-json.ts";

/** A heartbeat as received: the members of the contract and the device's own. */
export type Beat = HeartbeatBody & JsonObject;

/** The telemetry object is bounded on the wire, bytes of its JSON text. */
export const TELEMETRY_MAX_BYTES = 200;

const TIMESTAMP = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;

type Check = (value: unknown) => boolean;

const isCount: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const isOneOf =
  (...words: string[]): Check =>
  (value) =>
    words.includes(value as string);

/** `toISOString` gives the same text back only for dates that exist. */
const isTimestamp: Check = (value) => {
  if (typeof value !== "string" || !TIMESTAMP.test(value)) return false;
  const date = new Date(value);
  return !Number.isNaN(date.getTime()) && date.toISOString() === value;
};

const isTelemetry: Check = (value) =>
  typeof value === "object" &&
  value !== null &&
  !Array.isArray(value) &&
  JSON.stringify(value).length <= TELEMETRY_MAX_BYTES &&
  ["rssi", "rtt_ms", "vars", "reconnects", "dropped"].every((name) => {
    const figure = (value as JsonObject)[name];
    return figure === undefined || typeof figure === "number";
  });

const REQUIRED: [member: string, isRight: Check][] = [
  ["device_id", (value) => typeof value === "string" && isDeviceId(value)],
  ["timestamp", isTimestamp],
  ["status", isOneOf("alive", "degraded", "stopping")],
  ["boot", isCount],
  ["session", isCount],
  ["seq", isCount],
  ["uptime_ms", isCount],
  ["interval_s", (value) => typeof value === "number" && value > 0 && value <= 86_400],
  ["clock", isOneOf("synced", "plausible", "none")],
  ["missed", isCount],
  ["max_late_ms", isCount],
];

/** Decodes a body (the payload without its token). `problem` names the member that is wrong. */
export function decodeBeat(
  body: Buffer,
): { ok: true; beat: Beat } | { ok: false; problem: string } {
  const parsed = parseStrictObject(body);
  if (!parsed.ok) return { ok: false, problem: parsed.problem };
  const { value } = parsed;
  for (const [member, isRight] of REQUIRED)
    if (!Object.hasOwn(value, member) || !isRight(value[member]))
      return { ok: false, problem: member };
  if (value["telemetry"] !== undefined && !isTelemetry(value["telemetry"]))
    return { ok: false, problem: "telemetry" };
  // Two tokens in one payload: the verified one is the last, a careless reader may find the other.
  if (Object.hasOwn(value, "jwt")) return { ok: false, problem: "jwt" };
  return { ok: true, beat: value as Beat };
}
