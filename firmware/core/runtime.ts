// SPDX-License-Identifier: MIT
// What every service works with: the board, the log, one scheduler for all timers, the wall clock.
//
// The scheduler holds the one timer of the interpreter that services use. A service owns a slot of
// it. Before a slot's function is called, the slot is armed again with the same function, and taken
// back when the function has returned: a call that an out-of-memory cuts short (nobody can catch
// that) is made again after RECOVER_MS. The interpreter's timer itself may not even get armed then;
// a second, independent chain sees that it is overdue and arms it. A slot that was late fires once.
//
//   slot due   |---------x                  x = cut short by an out-of-memory
//   called              x.....RECOVER_MS.....again
import type { Board, Timer } from "../platform/board.ts";
import type { ClockQuality } from "../wire/heartbeat.ts";
import type { CountName } from "../wire/metrics.ts";

/** Log levels: debug, info, warning, error. */
export type Level = "D" | "I" | "W" | "E";

/** Number of a timer of a service. */
export type Slot = number;

/** What went wrong: a code of wire/codes.ts and `key=value` pairs. Undefined is success. */
export type Failure = string;

/** Called once with the outcome. */
export type Done = (failure?: Failure) => void;

/** When a call is made again that was cut short, ms. */
export const RECOVER_MS = 60000;

/** How often the second chain looks after the first, and the longest sleep of the first, ms. */
export const GUARD_MS = 30000;

/** A block of the interpreter longer than this is a stall, ms. */
export const STALL_MS = 100;

/** Longest log line, bytes. */
export const LINE_MAX_BYTES = 160;

/** Epoch ms of 2026-01-01: a clock that shows less has not been told the time since power-up. */
export const CLOCK_FLOOR_MS = 1767225600000;

/** The board with what the firmware adds to it. */
export interface Runtime extends Board {
  /** Lowest level that is written; set it at any time. */
  logLevel: Level;
  /** Writes `<nowMs> <level> <scope> <event> <detail>`; `detail` is `key=value` pairs. */
  log(level: Level, scope: string, event: string, detail?: string): void;
  /** Takes a slot. */
  newSlot(): Slot;
  /** Disarms all slots from this one on: their owners have ended. */
  freeSlots(from: Slot): void;
  /** Calls `fn` once after at least `delayMs`; an armed slot is armed anew. */
  arm(slot: Slot, delayMs: number, fn: () => void): void;
  /** Disarms a slot; one that is not armed is no error. */
  disarm(slot: Slot): void;
  /** Whether a slot is armed. */
  isArmed(slot: Slot): boolean;
  /** Epoch ms as the firmware knows it: monotonic clock and own offset. Believe it by `quality`. */
  wallMs(): number;
  /** How far `wallMs` can be believed. */
  quality: ClockQuality;
  /** What has been counted since boot, by name of telemetry member. */
  counts: { [name: string]: number };
  /** Adds to a counter: 1 unless told. */
  count(name: CountName, more?: number): void;
  /** Round trip of the last acknowledged heartbeat, ms. */
  rttMs?: number;
  /** The broker has refused a subscription in this connection. */
  isDeaf?: boolean;
  /** Tells the time; timers do not move. */
  setWall(wallMs: number, quality: ClockQuality): void;
}

/** Quotes a text as the value of a pair: printable ASCII without quotes, at most 80 characters. */
export function quoted(text: string): string {
  return '"' + text.slice(0, 80).replace(/[^ -~]|"/g, "?") + '"';
}

/**
 * Bounds an opening or an answer: calls `fn` after `boundMs`, and once more so long when that was late. Where the
 * radio had to resolve the name first, connecting has blocked only in between.
 */
export function armBound(rt: Runtime, slot: Slot, boundMs: number, fn: () => void): void {
  const lateMs = rt.nowMs() + boundMs + 1000;
  rt.arm(slot, boundMs, () => {
    if (rt.nowMs() > lateMs) rt.arm(slot, boundMs, fn);
    else fn();
  });
}

/** Adds log, timers and wall clock to a board, in place. */
export function createRuntime(board: Board): Runtime {
  const rt = board as Runtime;
  let fns: ((() => void) | undefined)[] = [];
  // When each slot is due; Infinity: not armed.
  let dues: number[] = [];
  let timer: Timer | undefined;
  let guardTimer: Timer | undefined;
  // When the interpreter's timer is due, and when the second chain was seen last.
  let timerDueMs = 0;
  let guardMs = 0;
  let isTurning = false;
  let offsetMs = rt.systemMs() - rt.nowMs();

  function rest(): void {
    if (timer !== undefined) rt.cancel(timer);
    if (guardTimer !== undefined) rt.cancel(guardTimer);
    timer = guardTimer = undefined;
  }

  function sleep(): void {
    const now = rt.nowMs();
    let next = Math.min.apply(null, dues);
    // Nothing is wanted: a program that has ended leaves no timer.
    if (next === Infinity) return rest();
    next = Math.min(next, now + GUARD_MS);
    // Due soon enough, and not overdue.
    if (timer !== undefined && timerDueMs <= next && timerDueMs > now) return;
    const old = timer;
    timer = rt.after(turn, Math.max(next - now, 0));
    timerDueMs = next;
    if (old !== undefined) rt.cancel(old);
  }

  /** Tells a stall; gives the time. Cause `code`: nothing that is known to block was under way. */
  function watch(sinceMs: number): number {
    const now = rt.nowMs();
    // What is known to have blocked has been told.
    sinceMs = Math.max(sinceMs, rt.blockedMs || 0);
    if (now - sinceMs > STALL_MS && rt.onStall) rt.onStall(now - sinceMs, rt.busy || "code");
    return now;
  }

  function turn(): void {
    const known = timer;
    timer = undefined;
    isTurning = false;
    let now = watch(timerDueMs);
    // Another one is due later: an out-of-memory kept it from cancelling this one.
    if (known !== undefined && now < timerDueMs - 1) rt.cancel(known);
    timerDueMs = now + GUARD_MS;
    timer = rt.after(turn, GUARD_MS);
    if (now - guardMs > 2 * GUARD_MS) guard();
    isTurning = true;
    // As often as there are slots at most, so that one that arms itself lets others have a turn.
    for (let left = dues.length; left; left--) {
      const due = Math.min.apply(null, dues);
      if (due > now) break;
      const slot = dues.indexOf(due);
      // Told from what the function may arm itself by half a millisecond.
      const mark = now + RECOVER_MS + 0.5;
      const fn = fns[slot] as () => void;
      dues[slot] = mark;
      try {
        fn();
      } catch (error) {
        rt.log("E", "app", "fault", "text=" + quoted("" + error));
      }
      if (dues[slot] === mark) dues[slot] = Infinity;
      now = watch(now);
    }
    isTurning = false;
    sleep();
  }

  function guard(): void {
    const now = rt.nowMs();
    // One that was taken for dead had only been blocked: of two chains one ends.
    if (guardTimer !== undefined && now - guardMs < GUARD_MS / 2) return;
    guardMs = now;
    // Fired, and its number may be somebody else's now.
    guardTimer = undefined;
    guardTimer = rt.after(guard, GUARD_MS);
    if (timer === undefined || timerDueMs < guardMs - 1000) {
      isTurning = false;
      sleep();
    }
  }

  rt.logLevel = "I";
  rt.log = function (level, scope, event, detail) {
    // D, I and W are in order as letters, too.
    if (level !== "E" && (rt.logLevel === "E" || level < rt.logLevel)) return;
    const line = rt.nowMs() + " " + level + " " + scope + " " + event;
    rt.print((detail ? line + " " + detail : line).slice(0, LINE_MAX_BYTES));
  };
  rt.counts = {};
  rt.count = function (name, more) {
    rt.counts[name] = (rt.counts[name] || 0) + (more === undefined ? 1 : more);
  };
  rt.newSlot = function () {
    dues.push(Infinity);
    return dues.length - 1;
  };
  rt.freeSlots = function (from) {
    // Kept, for whoever an out-of-memory kept from ending may still arm his.
    dues = dues.map((due, slot) => (slot < from ? due : Infinity));
    fns = fns.slice(0, from);
    if (!isTurning) sleep();
  };
  rt.arm = function (slot, delayMs, fn) {
    fns[slot] = fn;
    dues[slot] = Math.floor(rt.nowMs() + Math.max(delayMs, 0));
    if (guardTimer === undefined) guard();
    if (!isTurning) sleep();
  };
  rt.disarm = function (slot) {
    dues[slot] = Infinity;
    // With all that its closure holds.
    fns[slot] = undefined;
    if (!isTurning) sleep();
  };
  rt.isArmed = function (slot) {
    return (dues[slot] as number) < Infinity;
  };
  rt.wallMs = function () {
    return rt.nowMs() + offsetMs;
  };
  rt.quality = rt.systemMs() < CLOCK_FLOOR_MS ? "none" : "plausible";
  rt.setWall = function (wallMs, quality) {
    offsetMs = wallMs - rt.nowMs();
    rt.quality = quality;
  };
  return rt;
}
