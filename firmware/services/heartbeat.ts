// SPDX-License-Identifier: MIT
// Builds and sends heartbeats at multiples of the interval from `start`. Missed ticks are skipped
// and counted, never sent in a burst:
//
//   due     |----1----|----2----|----3----|----4----|----5
//   fires        1         2 (blocked . . . . .)4'  5
//   sent         beat      beat                 beat beat     missed=1 late on the one at 4'
import type { HeartbeatBody, Telemetry } from "../wire/heartbeat.ts";
import { fail } from "../core/fail.ts";
import type { Failure } from "../core/fail.ts";
import { quoted } from "../core/logger.ts";
import type { Logger } from "../core/logger.ts";
import type { Clock, Timer } from "../platform/platform.ts";
import type { Identity } from "../auth/identity.ts";
import type { JwtManager } from "../auth/jwt.ts";
import type { Done, OutMessage } from "../mqtt/in-flight.ts";

/** With fewer JsVars free no beat is built. */
export const VARS_MIN = 800;

/** How long `stop` waits for a publish in hand, ms. */
export const STOP_WAIT_MS = 1000;

/** What a heartbeat service is made of. */
export interface HeartbeatOptions {
  topic: string;
  intervalSec: number;
  /** 0 or 1. */
  qos: number;
  /** Send one at once at `start` instead of after one interval. */
  immediate: boolean;
  /** MQTT client. */
  publish(message: OutMessage, done: Done): void;
  identity: Identity;
  jwt: JwtManager;
  clock: Clock;
  log: Logger;
  /** Radio and memory figures; the service adds its own. */
  telemetry(): Telemetry;
  /** JsVars free, after a collection where that is needed to tell. */
  varsFree(): number;
}

/** The service. */
export interface Heartbeat {
  /** Starts the loop; refused with a log line when it runs. */
  start(): void;
  /** Ends the loop, waits up to `STOP_WAIT_MS` for publishes in hand, then calls `done`. */
  stop(done: () => void): void;
  isRunning(): boolean;
  /** Goes on when an out-of-memory has ended the chain of beats. */
  check(): void;
}

/** Creates the service, stopped. */
export function createHeartbeat(options: HeartbeatOptions): Heartbeat {
  const { clock, log, identity } = options;
  // Whole, or rounding (4.007 * 1000 is not 4007) would move the ticks across their multiples.
  const intervalMs = Math.round(options.intervalSec * 1000);
  let timer: Timer | undefined;
  let isRunning = false;
  let dueMs = 0;
  // Since the previous beat.
  let missed = 0;
  let maxLateMs = 0;
  let dropped = 0;
  // No beats for want of a clock, said once.
  let isClockMissed = false;
  let rttMs: number | undefined;
  // Publishes that have not been answered, and who waits for them.
  let inHand = 0;
  let stopDone: (() => void) | undefined;

  function failed(failure: Failure, seq: number): void {
    dropped++;
    log.error("heartbeat", "failed", "seq=" + seq + " code=" + failure.code + " " + failure.text);
  }

  function finishStop(): void {
    if (!stopDone || (inHand && timer !== undefined)) return;
    if (timer !== undefined) clock.cancel(timer);
    timer = undefined;
    const done = stopDone;
    stopDone = undefined;
    // The hop keeps the calls shallow: this may stand at the end of what a PUBACK began.
    clock.after(0, done);
    log.info("heartbeat", "stopped", inHand ? "unanswered=" + inHand : undefined);
  }

  function build(): string {
    const telemetry = options.telemetry();
    if (rttMs !== undefined) telemetry.rtt_ms = rttMs;
    if (dropped) telemetry.dropped = dropped;
    const body: HeartbeatBody = {
      device_id: identity.id,
      timestamp: new Date(clock.wallMs()).toISOString(),
      status: "alive",
      boot: identity.boot,
      session: identity.session,
      seq: identity.seq,
      uptime_ms: clock.nowMs(),
      interval_s: options.intervalSec,
      clock: clock.quality(),
      missed,
      max_late_ms: maxLateMs,
      telemetry,
    };
    return JSON.stringify(body);
  }

  function beat(): void {
    const hasClock = clock.quality() !== "none" && identity.ensureBoot();
    if (!hasClock && !isClockMissed) log.warn("heartbeat", "no-beats", "code=E_CLOCK_NONE");
    isClockMissed = !hasClock;
    if (!hasClock) return undefined;
    identity.seq++;
    const seq = identity.seq;
    // The interpreter's JSON.stringify crashes when the memory ends in it; measured on 2v29.
    const free = options.varsFree();
    if (free < VARS_MIN) return failed(fail("E_MEMORY", "free=" + free), seq);
    let body: string;
    try {
      body = build();
    } catch (error) {
      return failed(fail("E_JSON", "text=" + quoted("" + error)), seq);
    }
    missed = maxLateMs = 0;
    inHand++;
    const { topic, qos } = options;
    const message = { topic, body, qos, retain: false, seq, seal: options.jwt.seal };
    options.publish(message, (failure, tookMs) => {
      inHand--;
      if (failure) failed(failure, seq);
      else {
        // QoS 0 has no answer, so there is nothing to measure.
        if (tookMs !== undefined) rttMs = tookMs;
        const rtt = tookMs === undefined ? "" : " rtt_ms=" + tookMs;
        if (log.verbose()) log.debug("heartbeat", "sent", "seq=" + seq + rtt);
      }
      if (!inHand) finishStop();
    });
    return undefined;
  }

  function tick(): void {
    // Tells `check` that the chain is broken, until it has been armed anew.
    timer = undefined;
    const now = clock.nowMs();
    // Well before its time: the clock went back. Waiting for the old time would leave a hole.
    if (now < dueMs - intervalMs / 10) dueMs = now;
    const lateMs = now - dueMs;
    const skipped = Math.max(0, Math.floor(lateMs / intervalMs));
    dueMs += (skipped + 1) * intervalMs;
    // First, so that an out-of-memory in what follows cannot end the loop.
    timer = clock.after(dueMs - now, tick);
    missed += skipped;
    maxLateMs = Math.max(maxLateMs, Math.floor(lateMs));
    beat();
  }

  return {
    start: () => {
      if (isRunning) return log.warn("heartbeat", "already-started");
      if (stopDone) return log.warn("heartbeat", "still-stopping");
      isRunning = true;
      dueMs = clock.nowMs() + intervalMs;
      timer = clock.after(intervalMs, tick);
      log.info("heartbeat", "started", "interval_s=" + options.intervalSec + " qos=" + options.qos);
      if (options.immediate) beat();
      return undefined;
    },
    stop: (done) => {
      if (!isRunning) {
        log.warn("heartbeat", "not-running");
        return done();
      }
      isRunning = false;
      if (timer !== undefined) clock.cancel(timer);
      timer = clock.after(STOP_WAIT_MS, () => {
        timer = undefined;
        finishStop();
      });
      // Only now: an out-of-memory in arming must not leave a stop that never ends.
      stopDone = done;
      if (!inHand) finishStop();
      return undefined;
    },
    isRunning: () => isRunning,
    check: () => {
      if (isRunning && timer === undefined) timer = clock.after(0, tick);
    },
  };
}
