// SPDX-License-Identifier: MIT
// The interpreter's idle loop. One pass is: timers that are due, in order of creation; then what
// the modules have to do (sockets); then the queue of events and promise reactions until it is
// empty; then the report of the last error of the pass. Measured on the interpreter:
//
//   pass:  [timer 1][timer 3]  [sockets]  [event][event][reaction]  [Uncaught ...]
//
// - An interval keeps its phase: after a block it fires once a pass until it has caught up.
// - Adding or removing a timer starts the walk over the timers anew.
// - An error replaces an earlier one of the same pass; only the last is reported.
// - A callback that is cut off (out of memory) marks its pass: it and every interval that is due
//   behind it in this pass are deleted, timeouts and events run on as usual.
// Not for: what the callbacks are (globals.ts) and what time means (clock/).
import { alarmOf } from "../clock/clock.ts";
import type { SimClock } from "../clock/clock.ts";
import { Abort, endAbort, passingAbort } from "./abort.ts";
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

interface BoardTimer extends TimerInfo {
  /** In the time that timers follow. */
  dueMs: number;
  fn: TimerFunction;
  args: readonly unknown[];
}

/** Times of one board, ms. Members of an object and not variables: there a number that changes
 * takes no new memory, and ten thousand boards change theirs all the time. */
interface LoopTimes {
  /** The board is blocked until then. */
  busyUntil: number;
  /** Beginning of the pass, in the time that timers follow. */
  pass: number;
  /** When the alarm for the next timer goes off; Infinity when it is not set. */
  alarm: number;
  /** When the counting of callbacks began. */
  countedFrom: number;
}

const NO_ARGS: readonly unknown[] = [];

/** The interpreter's shortest delay. */
const MIN_DELAY_MS = 0.1;
/** Callbacks of one turn of the host's event loop; a storm beyond it lets other boards run. */
const MAX_CALLS_IN_TURN = 1000;

/** Callbacks within a second of the board's time: a hundred times what the ESP32 can run. */
const MAX_CALLS_IN_SEC = 200_000;
const SEC_MS = 1000;

/** Shortest wait for a timer, ms: the interpreter counts microseconds. */
const TICK_MS = 0.001;

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

const WORLD_TIME: LoopTime = { at: (worldMs) => worldMs, worldMsFor: (ms) => ms };

/** Creates the loop of one board; it waits for its first {@link Loop.wake}. */
export function createLoop(host: LoopHost): Loop {
  const { clock, time = WORLD_TIME, watch, maxCallsInSec = MAX_CALLS_IN_SEC } = host;
  const isReplaying = host.bugs?.["replayed-ticks"] ?? true;
  const isDeleting = host.bugs?.["interval-deleted-by-abort"] ?? true;
  let timers: BoardTimer[] = [];
  let queue: (() => void)[] = [];
  const modules: LoopModule[] = [];
  const inputs: (() => void)[] = [];
  const polls: (() => boolean)[] = [];
  let endJobs: (() => void)[] = [];
  let haveTimersChanged = false;
  let raised: { error: unknown } | null = null;
  let isStopped = false;
  /** A callback of this pass was cut off. */
  let isCutOff = false;
  let isInQueue = false;
  let isInPass = false;
  /** Somebody has asked for a pass; without it, one is due only with a timer. */
  let isAwake = false;
  const times: LoopTimes = {
    busyUntil: -Infinity,
    pass: clock.now(),
    alarm: Infinity,
    countedFrom: clock.now(),
  };
  const now = (): number => Math.max(clock.now(), times.busyUntil);
  const timerNow = (): number => time.at(now());
  times.pass = timerNow();
  let isWakeAlarmSet = false;
  const wakeAlarm = alarmOf(clock, () => {
    isWakeAlarmSet = false;
    fire();
  });
  const timerAlarm = alarmOf(clock, () => {
    times.alarm = Infinity;
    fire();
  });
  const setWakeAlarm = (): void => {
    if (isWakeAlarmSet || isStopped) return;
    isWakeAlarmSet = true;
    wakeAlarm.set(now() - clock.now());
  };
  const wake = (): void => {
    isAwake = true;
    // A pass looks at its end whether another one is needed.
    if (!isInPass) setWakeAlarm();
  };
  // One that turns out to be too early only sets the next: timers that are renewed all the time
  // cost the clock nothing.
  const setTimerAlarm = (dueMs: number): void => {
    if (isInPass || isStopped) return;
    const leftMs = dueMs - timerNow();
    const atMs = now() + (leftMs > 0 ? Math.max(TICK_MS, time.worldMsFor(leftMs)) : 0);
    if (times.alarm <= atMs) return;
    times.alarm = atMs;
    timerAlarm.set(atMs - clock.now());
  };
  // Callbacks change both from within a walk over timers or queue.
  const mustWalkAnew = (): boolean => haveTimersChanged;
  const isOver = (): boolean => isStopped;
  const raise = (error: unknown): void => {
    if (error instanceof Abort) {
      isCutOff = true;
      const left = host.errorOf?.(error);
      if (left) raised = { error: left };
    } else {
      raised = { error };
    }
  };
  // A second that had few callbacks is told only when the next have been counted.
  let callsSince = 0;
  const isStorm = (kind: CallStorm["kind"], timer: BoardTimer | null): boolean => {
    const withinMs = now() - times.countedFrom;
    if (withinMs < SEC_MS && host.storm) {
      host.storm({ kind, timer, calls: callsSince, withinMs });
      return true;
    }
    times.countedFrom = now();
    callsSince = 1;
    return false;
  };
  const begin = (kind: CallStorm["kind"], timer: BoardTimer | null): boolean => {
    if (++callsSince > maxCallsInSec && isStorm(kind, timer)) return false;
    endAbort();
    watch?.began(timer);
    return true;
  };
  const end = (): void => {
    watch?.ended();
    // A script may have caught it.
    const abort = endAbort();
    if (abort) raise(abort);
  };
  const caught = (error: unknown): void => {
    if (!passingAbort()) raise(error);
  };
  const call = <T>(fn: () => T, kind: CallStorm["kind"]): T | undefined => {
    if (!begin(kind, null)) return undefined;
    let result: T | undefined;
    try {
      result = fn();
    } catch (error) {
      caught(error);
    }
    end();
    return result;
  };
  const callTimer = (timer: BoardTimer): void => {
    if (!begin("timer", timer)) return;
    try {
      timer.fn(timer.callback, timer.args);
    } catch (error) {
      caught(error);
    }
    end();
  };

  /** The tick behind one: an interval keeps its phase. */
  const nextDueMs = (dueMs: number, periodMs: number): number =>
    isReplaying || dueMs + periodMs > times.pass
      ? dueMs + periodMs
      : dueMs + (Math.floor((times.pass - dueMs) / periodMs) + 1) * periodMs;
  const runTimers = (): void => {
    times.pass = timerNow();
    let calls = 0;
    do {
      haveTimersChanged = false;
      for (let i = 0; i < timers.length && !mustWalkAnew();) {
        const timer = timers[i] as BoardTimer;
        if (timer.dueMs > times.pass || calls >= MAX_CALLS_IN_TURN) {
          i++;
          continue;
        }
        calls++;
        const lateMs = times.pass - timer.dueMs;
        callTimer(timer);
        if (isStopped) return;
        // The callback may have changed the period, which counts from this tick, and may have
        // cleared the timer.
        if (isCutOff && isDeleting && timer.periodMs !== null) {
          timer.periodMs = null;
          host.cutOff?.("interval");
        }
        const at = timers.indexOf(timer);
        if (timer.periodMs !== null) timer.dueMs = nextDueMs(times.pass - lateMs, timer.periodMs);
        else if (at >= 0) timers.splice(at, 1);
        i = timer.periodMs !== null ? at + 1 : Math.max(at, 0);
      }
    } while (mustWalkAnew() && calls < MAX_CALLS_IN_TURN);
  };

  const runQueue = (): void => {
    for (let calls = 0; queue.length > 0 && calls < MAX_CALLS_IN_TURN && !isOver();) {
      const jobs = queue;
      queue = [];
      for (const job of jobs) {
        call(job, "event");
        calls++;
        if (isStopped) return;
      }
    }
  };

  const finishCutOff = (): void => {
    if (!isCutOff || isStopped) return;
    isCutOff = false;
    host.cutOff?.("pass");
  };

  const runEndJobs = (): void => {
    if (endJobs.length === 0) return;
    const jobs = endJobs;
    endJobs = [];
    for (const job of jobs) if (!isStopped) call(job, "event");
    finishCutOff();
  };

  const earliestDueMs = (): number => {
    let leastMs = Infinity;
    for (const { dueMs } of timers) if (dueMs < leastMs) leastMs = dueMs;
    return leastMs;
  };
  const armNextTimer = (): void => {
    const dueMs = earliestDueMs();
    if (dueMs < Infinity) setTimerAlarm(dueMs);
  };

  function fire(): void {
    // Armed before a call in another callback of this board blocked for longer.
    if (clock.now() < times.busyUntil) return setWakeAlarm();
    if (!isAwake && earliestDueMs() > timerNow()) return armNextTimer();
    isInPass = true;
    try {
      host.enter(pass);
    } finally {
      isInPass = false;
    }
    if (isAwake || queue.length > 0 || endJobs.length > 0 || raised) wake();
    else armNextTimer();
  }
  function pass(): void {
    isAwake = false;
    // A queue that never ends keeps the interpreter from its timers for ever, and this board too.
    if (!isInQueue) {
      for (const input of inputs) if (!isStopped) call(input, "module");
      if (!isStopped) runTimers();
      // Who has asked for a pass by now gets it in this one, but for input.
      if (inputs.length === 0) isAwake = false;
      for (const poll of polls) if (!isStopped && call(poll, "module")) isAwake = true;
      finishCutOff();
    }
    if (!isStopped) runQueue();
    finishCutOff();
    isInQueue = queue.length > 0;
    if (isInQueue || isStopped) return;
    if (raised) {
      const { error } = raised;
      raised = null;
      host.report(error);
      finishCutOff();
    }
    runEndJobs();
  }

  return {
    setTimer: (fn, delayMs, { repeats, callback, args = NO_ARGS }) => {
      const periodMs = delayMs >= MIN_DELAY_MS ? delayMs : MIN_DELAY_MS;
      const id = (timers.at(-1)?.id ?? 0) + 1;
      const dueMs = timerNow() + periodMs;
      timers.push({ id, dueMs, periodMs: repeats ? periodMs : null, fn, callback, args });
      haveTimersChanged = true;
      setTimerAlarm(dueMs);
      return id;
    },
    clearTimer: (id) => {
      const at = timers.findIndex((timer) => timer.id === id);
      if (at >= 0) timers.splice(at, 1);
      haveTimersChanged = true;
    },
    clearAllTimers: () => {
      timers = [];
      haveTimersChanged = true;
    },
    changeInterval: (id, periodMs) => {
      const timer = timers.find((candidate) => candidate.id === id);
      if (!timer) return false;
      timer.periodMs = periodMs >= MIN_DELAY_MS ? periodMs : MIN_DELAY_MS;
      timer.dueMs = timerNow() + timer.periodMs;
      haveTimersChanged = true;
      setTimerAlarm(timer.dueMs);
      return true;
    },
    enqueue: (job) => {
      queue.push(job);
      if (!isInPass) wake();
    },
    atEnd: (job) => {
      endJobs.push(job);
      if (!isInPass) wake();
    },
    addModule: (module) => {
      modules.push(module);
      if (module.input) inputs.push(() => module.input?.());
      if (module.idle) polls.push(() => module.idle?.() ?? false);
    },
    counts: () => {
      const sum = { sockets: 0, bufferedBytes: 0 };
      for (const module of modules) {
        const counts = module.counts?.();
        sum.sockets += counts?.sockets ?? 0;
        sum.bufferedBytes += counts?.bufferedBytes ?? 0;
      }
      return sum;
    },
    listeners: () => modules.reduce((sum, module) => sum + (module.listeners?.() ?? 0), 0),
    wake,
    now,
    block: (ms) => {
      const untilMs = now() + ms;
      host.blocking?.(untilMs);
      times.busyUntil = untilMs;
    },
    clockSet: (systemMs) => {
      for (const timer of timers) timer.dueMs += systemMs - times.pass;
      times.pass = systemMs;
      wake();
    },
    raise,
    isDone: () =>
      timers.length === 0 && queue.length === 0 && !raised && !modules.some((m) => m.isOpen()),
    timerCount: () => timers.length,
    stop: () => {
      isStopped = true;
      timers = [];
      queue = [];
      wakeAlarm.clear();
      timerAlarm.clear();
    },
  };
}
