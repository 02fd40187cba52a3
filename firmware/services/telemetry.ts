// SPDX-License-Identifier: MIT
// Makes the `telemetry` text of a heartbeat from the runtime's counters and the board's gauges, and
// watches for stalls: how long the interpreter did nothing else, and why. Counters are those since
// the beat before; every tenth beat has totals instead, so a lost beat loses nothing for long.
import { TELEMETRY_MAX_BYTES, TOTALS_EVERY } from "../wire/metrics.ts";
import { STALL_MS } from "../core/runtime.ts";
import type { Runtime } from "../core/runtime.ts";

/** Beats that carry the reset reason. */
export const RESET_BEATS = 3;

/** What telemetry needs from the rest. */
export interface TelemetryOptions {
  /** Why the board started. */
  reset: string;
  /** How long there has been a connection since the start, ms. */
  connectedMs(): number;
}

/**
 * Starts counting.
 * @returns what makes the serialised telemetry of a beat from its number and the JsVars in use; call
 *   it once for each.
 */
export function createTelemetry(
  rt: Runtime,
  options: TelemetryOptions,
): (seq: number, vars: number) => string {
  // Counters as they were at the beat before.
  const told: { [name: string]: number } = {};
  let stallMs = 0;
  let stall = "";

  rt.onStall = function (ms, cause) {
    if (ms <= STALL_MS) return;
    rt.count("stalls");
    if (ms <= stallMs) return;
    stallMs = ms;
    stall = cause;
  };

  return function (seq, vars) {
    const hasTotals = !(seq % TOTALS_EVERY);
    const { counts, radio, rttMs } = rt;
    counts["due_s"] = Math.round(rt.nowMs() / 1000);
    counts["on_s"] = Math.round(options.connectedMs() / 1000);
    const rssi = radio && radio.rssiDbm();
    let text = '{"vars":' + vars;
    // Before the counters, which leave no room when they have many digits; then not in all of them.
    if (seq % (2 * TOTALS_EVERY) === TOTALS_EVERY) text += ',"vars_total":' + rt.varsTotal;
    if (rssi) text += ',"rssi":' + rssi;
    if (rttMs !== undefined) text += ',"rtt_ms":' + rttMs;
    for (const name in counts) {
      const count = counts[name] as number;
      const more = hasTotals ? count : count - (told[name] || 0);
      const member = ',"' + name + '":' + more;
      // What has no room is in the next beat. Behind it comes `,"totals":1}`.
      if (more && text.length + member.length <= TELEMETRY_MAX_BYTES - 12) {
        text += member;
        told[name] = count;
      }
    }
    if (hasTotals) text += ',"totals":1';
    // What can be done without, or is told by a later beat.
    let rest = "";
    // Those made in an outage are kept without it, but for the newest.
    if (seq <= RESET_BEATS || !counts["acked"]) rest = ',"reset":"' + options.reset + '"';
    if (stallMs) rest += ',"stall_ms":' + stallMs + ',"stall":"' + stall + '"';
    if (text.length + rest.length < TELEMETRY_MAX_BYTES) {
      text += rest;
      stallMs = 0;
    }
    return text + "}";
  };
}
