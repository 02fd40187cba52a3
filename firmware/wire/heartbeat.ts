// SPDX-License-Identifier: MIT
// The heartbeat: its shape, and where its token sits. The signature covers bytes, not a parsed
// object, so both functions work on the serialised text: in firmware a string is bytes, on a host
// pass the payload decoded as latin1.

import type { Telemetry } from "./metrics.ts";

/** How far `timestamp` can be believed. */
export type ClockQuality = "synced" | "plausible" | "none";

/** A heartbeat without its token, as the device serialises it. */
export interface HeartbeatBody {
  device_id: string;
  /** ISO 8601 UTC with milliseconds and `Z`: wall clock when the beat was made. */
  timestamp: string;
  status: (typeof STATES)[number];
  /** Starts of this device, +1 per start. */
  boot: number;
  /** Connections within this boot, +1 per connection; 0 before the first. */
  session: number;
  /** Heartbeats within this boot, +1 per heartbeat. */
  seq: number;
  /** Milliseconds since boot, monotonic. */
  uptime_ms: number;
  /** Seconds until the next one is due. */
  interval_s: number;
  clock: ClockQuality;
  /** Ticks skipped since the previous beat. */
  missed: number;
  /** Worst lateness of a tick since the previous beat, ms. */
  max_late_ms: number;
  telemetry?: Telemetry;
  /** With `stopping`: when the next beat is expected at the latest, as `timestamp`; absent: unknown. */
  until?: string;
  /** Made from a record in flash: of telemetry only `rssi` is left, and nothing of the application. */
  compact?: true;
}

// Numbers that make up a beat, all of them whole, in this order: its first members can be made again
// from them.
export const SEQ = 0;
export const SESSION = 1;
/** Monotonic ms since boot. */
export const UPTIME = 2;
/** Epoch ms at uptime 0. */
export const OFFSET = 3;
export const MISSED = 4;
export const LATE = 5;
/** -RSSI in dBm * 16 (0: unknown) + clock * 4 + status, as places in CLOCKS and STATES. */
export const STATE = 6;
/** Interval, ms. */
export const INTERVAL = 7;
export const BOOT = 8;

/** Values of `clock`; the first is the weakest. */
export const CLOCKS: readonly ClockQuality[] = ["none", "plausible", "synced"];

/** Values of `status`. */
export const STATES = ["alive", "degraded", "stopping"] as const;

/**
 * Words of services in a failed state, for which a beat says `degraded`; a word in capital letters is
 * one, too: with it a time server has refused.
 */
export const FAILED = "down joining none unfit disagree stage-1 stage-2 waiting full";

/**
 * Serialises what every beat has, byte for byte the same from the same numbers. Further members
 * (`,"name":value`) and the closing brace are the caller's.
 */
export function encodeHeartbeat(deviceId: string, values: readonly number[]): string {
  const state = values[STATE] as number;
  const wallMs = (values[OFFSET] as number) + (values[UPTIME] as number);
  const time = new Date(wallMs).toISOString();
  // A template: the interpreter takes a third less for it than for `+`.
  return `{"device_id":"${deviceId}","timestamp":"${time}","status":"${STATES[state & 3]}","boot":${values[BOOT]},"session":${values[SESSION]},"seq":${values[SEQ]},"uptime_ms":${values[UPTIME]},"interval_s":${(values[INTERVAL] as number) / 1000},"clock":"${CLOCKS[(state >> 2) & 3]}","missed":${values[MISSED]},"max_late_ms":${values[LATE]}`;
}

const JWT_MEMBER = ',"jwt":"';

/** Puts a token into a serialised body as its last member. `body` ends with `}`. */
export function attachToken(body: string, token: string): string {
  return body.slice(0, -1) + JWT_MEMBER + token + '"}';
}

/**
 * Takes the token out again (host side). Removes exactly the last member, so the remaining bytes
 * are those that were hashed.
 * @returns body and token, or undefined when the last member is not a `jwt` string.
 */
export function detachToken(payload: string): { body: string; token: string } | undefined {
  const at = payload.lastIndexOf(JWT_MEMBER);
  if (at < 0 || !payload.endsWith('"}')) return undefined;
  const token = payload.slice(at + JWT_MEMBER.length, -2);
  if (/[^A-Za-z0-9_.-]/.test(token)) return undefined;
  return { body: payload.slice(0, at) + "}", token };
}
