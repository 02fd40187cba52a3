// SPDX-License-Identifier: MIT
// Builds heartbeats at multiples of the interval from the start and hands them over. Missed ticks
// are skipped and counted, never sent in a burst:
//
//   due     |----1----|----2----|----3----|----4----|----5
//   fires        1         2 (blocked . . . . .)4'  5
//   sent         beat      beat                 beat beat     missed=1 late on the one at 4'
//
// One that wants a clock is tried every ten seconds, and the multiples count from it.
import { CLOCKS } from "../wire/heartbeat.ts";
import { quoted } from "../core/runtime.ts";
import type { Failure, Runtime } from "../core/runtime.ts";
import type { Published } from "../core/message.ts";
import type { Identity } from "../auth/identity.ts";

/** With fewer JsVars free no beat is built. */
export const VARS_MIN = 800;

/** Below this many free JsVars it is worth while to look for garbage. */
const VARS_FEW = 2000;

/** A beat that wants a clock is tried again as often, ms. */
export const CLOCK_WAIT_MS = 10000;

/** How long `stop` waits for beats in hand, ms. */
export const STOP_WAIT_MS = 1000;

/** What a heartbeat service is made of. */
export interface HeartbeatOptions {
  intervalSec: number;
  /** Send one at once at the start instead of after one interval. */
  isImmediate: boolean;
  /**
   * Takes a beat; `done` comes exactly once.
   * @param values its numbers, see wire/heartbeat.ts
   * @param rest its other members with the closing brace: `,"name":value}`
   */
  submit(values: number[], rest: string, done: Published): void;
  /** Whether beats are taken that have no time yet. */
  takesBlind?: boolean;
  /** Serialised telemetry object of the beat with this number and JsVars in use; absent: none. */
  telemetry?(seq: number, vars: number): string;
  /** Whether a service is in a failed state. */
  isDegraded?(): boolean;
  /** The application's own members. */
  members?(): object;
}

/** The service. */
export interface Heartbeat {
  /** `on` or `off`. */
  status: string;
  /** When the last beat was built or the interval set, ms. */
  beatMs: number;
  intervalMs: number;
  /** Changes the interval, s; a beat that says so goes out at once. */
  setPeriod(intervalSec: number): void;
  /** Makes a beat now, and the next one an interval later. */
  beatSoon(): void;
  /**
   * Sends a last beat that says so, waits for those in hand, then calls `done`.
   * @param untilMs when the next beat is expected, epoch ms, if that is known
   */
  stop(done: () => void, untilMs?: number): void;
}

/** Starts the service. */
export function createHeartbeat(
  rt: Runtime,
  identity: Identity,
  options: HeartbeatOptions,
): Heartbeat {
  const slot = rt.newSlot();
  const heartbeat = { status: "on", beatMs: 0 } as Heartbeat;
  let dueMs!: number;
  // Since the previous beat.
  let missed = 0;
  let maxLateMs = 0;
  // No beats for want of a clock, said once.
  let isClockMissed = false;
  // Beats that have not been answered, and who waits for them.
  let inHand = 0;
  let stopDone: (() => void) | undefined;

  function stopped(): void {
    const done = stopDone;
    stopDone = undefined;
    rt.log("I", "heartbeat", "stopped", inHand ? "unanswered=" + inHand : undefined);
    if (done) done();
  }

  function failed(seq: number, failure: Failure): void {
    rt.count("dropped");
    rt.log("E", "heartbeat", "failed", "seq=" + seq + " code=" + failure);
  }

  /** @param status place in STATES */
  function beat(status: number, untilMs?: number): void {
    const clock = CLOCKS.indexOf(rt.quality);
    const isLost = (!identity.boot && !identity.ensureBoot()) || (!clock && !options.takesBlind);
    if (isLost && !isClockMissed) rt.log("W", "heartbeat", "no-beats", "code=E_CLOCK_NONE");
    isClockMissed = isLost;
    if (isLost) {
      // What is on trial has no time to wait for an interval.
      dueMs = Math.min(dueMs, rt.nowMs() + CLOCK_WAIT_MS);
      if (!stopDone) rt.arm(slot, dueMs - rt.nowMs(), tick);
      return;
    }
    const seq = ++identity.seq;
    const now = rt.nowMs();
    let vars = rt.varsInUse();
    if (rt.varsTotal - vars < VARS_FEW) vars = rt.varsTotal - rt.collect();
    const free = rt.varsTotal - vars;
    // The interpreter's JSON.stringify crashes when the memory ends in it; measured on 2v29.
    if (free < VARS_MIN) return failed(seq, "E_MEMORY free=" + free);
    // Memory that is short for good is a fault that a start mends: whoever looks for beats finds none.
    heartbeat.beatMs = now;
    const rssi = (rt.radio && rt.radio.rssiDbm()) || 0;
    const state = -rssi * 16 + clock * 4 + status;
    const { session, boot } = identity;
    const values = [
      seq,
      session,
      now,
      rt.wallMs() - now,
      missed,
      maxLateMs,
      state,
      heartbeat.intervalMs,
      boot,
    ];
    let rest = untilMs && clock ? ',"until":"' + new Date(untilMs).toISOString() + '"}' : "}";
    missed = maxLateMs = 0;
    if (options.telemetry) rest = ',"telemetry":' + options.telemetry(seq, vars) + rest;
    try {
      if (options.members) {
        const members = JSON.stringify(options.members()).slice(1, -1);
        if (members) rest = "," + members + rest;
      }
    } catch (error) {
      // The beat goes without them: a fault of the application is no death of the device.
      rt.log("E", "heartbeat", "no-members", "code=E_JSON text=" + quoted("" + error));
    }
    inHand++;
    rt.count("sent");
    options.submit(values, rest, (failure, rttMs) => {
      inHand--;
      if (failure) failed(seq, failure);
      // What an outbox only keeps has no time.
      else if (!options.takesBlind || rttMs !== undefined) {
        rt.count("acked");
        let detail = "seq=" + seq;
        // QoS 0 has no answer, so there is nothing to measure.
        if (rttMs !== undefined && rttMs >= 0) {
          rt.rttMs = rttMs;
          detail += " rtt_ms=" + rttMs;
        }
        rt.log("D", "heartbeat", "sent", detail);
      }
      // The hop keeps the calls shallow: this may stand at the end of what a PUBACK began.
      if (stopDone && !inHand) rt.arm(slot, 0, stopped);
    });
    return undefined;
  }

  function tick(): void {
    const now = rt.nowMs();
    const lateMs = now - dueMs;
    const skipped = Math.max(0, Math.floor(lateMs / heartbeat.intervalMs));
    dueMs += (skipped + 1) * heartbeat.intervalMs;
    // First, so that an out-of-memory in what follows cannot end the loop.
    rt.arm(slot, dueMs - now, tick);
    missed += skipped;
    maxLateMs = Math.max(maxLateMs, Math.floor(lateMs));
    beat(options.isDegraded && options.isDegraded() ? 1 : 0);
  }

  function beatSoon(): void {
    if (heartbeat.status === "off") return;
    dueMs = rt.nowMs();
    rt.arm(slot, 0, tick);
  }

  function setPeriod(sec: number): void {
    // Whole, or rounding (4.007 * 1000 is not 4007) would move the ticks across their multiples.
    heartbeat.intervalMs = Math.round(sec * 1000);
    // As if one had been built: whoever looks for beats goes by the new interval.
    heartbeat.beatMs = rt.nowMs();
    // The last beat has told of another one, by which the host would miss the next.
    beatSoon();
  }

  function stop(done: () => void, untilMs?: number): void {
    heartbeat.status = "off";
    stopDone = done;
    rt.arm(slot, STOP_WAIT_MS, stopped);
    beat(2, untilMs);
    if (!inHand) rt.arm(slot, 0, stopped);
  }

  heartbeat.setPeriod = setPeriod;
  heartbeat.beatSoon = beatSoon;
  heartbeat.stop = stop;
  setPeriod(options.intervalSec);
  if (!options.isImmediate) rt.arm(slot, (dueMs += heartbeat.intervalMs) - rt.nowMs(), tick);
  rt.log("I", "heartbeat", "started", "interval_s=" + options.intervalSec);
  return heartbeat;
}
