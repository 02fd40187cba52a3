// SPDX-License-Identifier: MIT
// What the interpreter's idle loop is made of and what it offers: to modules, to the board, to who
// looks on.
// Not for: the loop itself (board-loop.ts).
import type { SimClock } from "../clock/clock.ts";
import type { Abort } from "./abort.ts";
import { BoardLoop } from "./board-loop.ts";
import type { BugSwitches } from "./bugs.ts";

/** What a module holds, for the count of the board's memory. */
export interface ModuleCounts {
  sockets: number;
  /** Bytes that wait for the network or for the script. */
  bufferedBytes: number;
}

/** What a module does in each pass. */
export interface LoopModule {
  /** Takes what came in from outside, in front of the timers of a pass. */
  input?(): void;
  /** Does it in the middle of a pass; returns true when another pass would find more to do. */
  idle?(): boolean;
  /** True while something may still come from it. */
  isOpen(): boolean;
  counts?(): ModuleCounts;
  /** Number of listeners of its objects. */
  listeners?(): number;
}

/** A timer, as it is reported. */
export interface TimerInfo {
  id: number;
  /** Null for a timeout. */
  periodMs: number | null;
  /** What the script gave: a function or text. */
  callback: unknown;
}

/** Does what a timer is for. */
export type TimerFunction = (callback: unknown, args: readonly unknown[]) => void;

/** Callbacks came faster than any board can run them. */
export interface CallStorm {
  /** What the last of them was. */
  kind: "timer" | "event" | "module";
  /** Of kind `timer` only. */
  timer: TimerInfo | null;
  /** Callbacks within `withinMs` of the board's time. */
  calls: number;
  withinMs: number;
}

/** The loop of one board. */
export interface Loop {
  /**
   * Arms a timer; returns its id, the one behind the last of the list.
   *
   * @param fn is called with `callback`, what the script gave, and `args`, none unless given
   */
  setTimer(
    fn: TimerFunction,
    delayMs: number,
    options: { repeats: boolean; callback?: unknown; args?: readonly unknown[] },
  ): number;
  /** Disarms a timer; an unknown id is no error. */
  clearTimer(id: number): void;
  clearAllTimers(): void;
  /** Makes a timer repeat with this period from now on; false for an unknown id. */
  changeInterval(id: number, periodMs: number): boolean;
  /** Runs a job at the end of this pass, behind the report of errors. */
  atEnd(job: () => void): void;
  /** Appends to the queue of events and reactions. */
  enqueue(job: () => void): void;
  addModule(module: LoopModule): void;
  /** Sum of what the modules hold. */
  counts(): ModuleCounts;
  /** Listeners of the modules' objects. */
  listeners(): number;
  /** Asks for a pass soon. */
  wake(): void;
  /** The board's own time, ms: ahead of the clock's while the board is blocked. */
  now(): number;
  /**
   * The running callback has taken this long, by a call that blocks: what follows in it sees the
   * later time, and nothing else of the board runs before.
   */
  block(ms: number): void;
  /** Keeps an error for the end of the pass; an {@link Abort} marks the pass as cut off. */
  raise(error: unknown): void;
  /** True when nothing is armed, queued or open. */
  isDone(): boolean;
  /**
   * The script has set the clock, which timers follow, to this time: they go on from where they were
   * at the beginning of the pass.
   */
  clockSet(systemMs: number): void;
  /** Number of armed timers. */
  timerCount(): number;
  /** Ends everything; nothing of the board runs afterwards. */
  stop(): void;
}

/** The time that timers follow, as the system clock of the board has it. */
export interface LoopTime {
  at(worldMs: number): number;
  worldMsFor(ms: number): number;
}

/** Looks on while callbacks run. */
export interface CallWatch {
  began(timer: TimerInfo | null): void;
  ended(): void;
}

/** What the loop needs from its board. */
export interface LoopHost {
  clock: SimClock;
  /** The clock's time unless given. */
  time?: LoopTime;
  /** All of them unless given. */
  bugs?: Pick<BugSwitches, "replayed-ticks" | "interval-deleted-by-abort">;
  /** Runs a pass as code of the board. */
  enter(pass: () => void): void;
  /** Reports an error that nobody caught; may run handlers of the script. */
  report(error: unknown): void;
  /** The error that an abort leaves to report, null when it leaves none. */
  errorOf?(abort: Abort): object | null;
  /** Tells that the board stands still until then; may throw an Abort when it does not get there. */
  blocking?(untilMs: number): void;
  /** Tells of callbacks without end; has to stop the loop. Unbounded without it. */
  storm?(storm: CallStorm): void;
  /** Most callbacks in a second of the board's time; 200,000 unless given. */
  maxCallsInSec?: number;
  /** Is told around each callback, for whoever looks on from another thread. */
  watch?: CallWatch | undefined;
  /** Tells that an interval was deleted, or that a pass with a callback cut off is over. */
  cutOff?(what: "interval" | "pass"): void;
}

/** Creates the loop of one board; it waits for its first {@link Loop.wake}. */
export function createLoop(host: LoopHost): Loop {
  return new BoardLoop(host);
}
