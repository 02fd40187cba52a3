// SPDX-License-Identifier: MIT
// Makes the `telemetry` text of a heartbeat from the runtime's counters and the board's gauges, and
// watches for stalls: how long the interpreter did nothing else, and why. Counters are those since
// the beat before; every tenth beat has totals instead, so a lost beat loses nothing for long.
import { TELEMETRY_MAX_BYTES, TOTALS_EVERY } from "../wire/metrics.ts";
import type { CountName, Telemetry } from "../wire/metrics.ts";
import { STALL_MS } from "../core/runtime.ts";
import type { Runtime } from "../core/runtime.ts";

/** Beats that carry the reset reason. */
export const RESET_BEATS = 3;

/** What telemetry needs from the rest. */
export interface TelemetryOptions {
  /** Why the board started. */
  reset: string;
  isOnline(): boolean;
}

/**
 * Starts counting.
 * @returns what makes the serialised telemetry of the beat with a sequence number; call it once for
 *   each.
 */
export function createTelemetry(rt: Runtime, options: TelemetryOptions): (seq: number) => string {
  const totals: { [name: string]: number } = {};
  let countedMs = rt.nowMs();
  let stallMs = 0;
  let stall = "";

  rt.onStall = function (ms, cause) {
    if (ms <= STALL_MS) return;
    rt.count("stalls");
    if (ms <= stallMs) return;
    stallMs = ms;
    stall = cause;
  };

  return function (seq) {
    const hasTotals = !(seq % TOTALS_EVERY);
    const telemetry: Telemetry = {};
    const rssi = rt.radio && rt.radio.rssiDbm();
    if (rssi) telemetry.rssi = rssi;
    telemetry.vars = rt.varsInUse();
    if (hasTotals) telemetry.vars_total = rt.varsTotal();
    if (rt.rttMs !== undefined) telemetry.rtt_ms = rt.rttMs;
    const now = rt.nowMs();
    const sec = Math.round((now - countedMs) / 1000);
    countedMs += sec * 1000;
    rt.count("due_s", sec);
    if (options.isOnline()) rt.count("on_s", sec);
    for (const name in rt.counts) totals[name] = (totals[name] || 0) + (rt.counts[name] as number);
    const counts = hasTotals ? totals : rt.counts;
    for (const name in counts) telemetry[name as CountName] = counts[name] as number;
    rt.counts = {};
    if (stallMs) {
      telemetry.stall_ms = stallMs;
      telemetry.stall = stall;
      stallMs = 0;
    }
    if (seq <= RESET_BEATS) telemetry.reset = options.reset;
    if (hasTotals) telemetry.totals = 1;
    let text = JSON.stringify(telemetry);
    if (text.length > TELEMETRY_MAX_BYTES) {
      // What can be done without, or comes again.
      delete telemetry.stall_ms;
      delete telemetry.stall;
      delete telemetry.reset;
      delete telemetry.vars_total;
      text = JSON.stringify(telemetry);
    }
    return text;
  };
}
