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
import type { Alarm } from "../clock/clock.ts";
import { Abort, endAbort, passingAbort } from "./abort.ts";
import type {
  CallStorm,
  CallWatch,
  Loop,
  LoopHost,
  LoopModule,
  LoopTime,
  ModuleCounts,
  TimerFunction,
  TimerInfo,
} from "./loop.ts";

interface BoardTimer extends TimerInfo {
  /** In the time that timers follow. */
  dueMs: number;
  fn: TimerFunction;
  args: readonly unknown[];
}

type Kind = CallStorm["kind"];

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
const WORLD_TIME: LoopTime = { at: (worldMs) => worldMs, worldMsFor: (ms) => ms };

/**
 * The loop of one board. A class, and thrifty: of ten thousand boards none is in the processor's
 * cache when its turn comes, and each object that it touches or makes is waited for.
 */
export class BoardLoop implements Loop {
  readonly #host: LoopHost;
  readonly #time: LoopTime;
  readonly #watch: CallWatch | undefined;
  readonly #wakeAlarm: Alarm;
  readonly #timerAlarm: Alarm;
  readonly #pass = (): void => this.#runPass();
  readonly #isReplaying: boolean;
  readonly #isDeleting: boolean;
  readonly #maxCallsInSec: number;
  readonly #timers: BoardTimer[] = [];
  /** One that is not used any more, for the next. */
  #spareTimer: BoardTimer | null = null;
  #runningTimer: BoardTimer | null = null;
  /** Events and reactions from `#queueAt` to `#queueEnd`; the list keeps its memory. */
  readonly #queue: ((() => void) | null)[] = [];
  #queueAt = 0;
  #queueEnd = 0;
  readonly #modules: LoopModule[] = [];
  #hasInput = false;
  #endJobs: (() => void)[] = [];
  #raised: { error: unknown } | null = null;
  #haveTimersChanged = false;
  #isStopped = false;
  /** A callback of this pass was cut off. */
  #isCutOff = false;
  #isInQueue = false;
  #isInPass = false;
  /** Somebody has asked for a pass; without it, one is due only with a timer. */
  #isAwake = false;
  #isWakeAlarmSet = false;
  /** Callbacks since `#countedFromMs`: a second that had few is told when the next are counted. */
  #calls = 0;
  #countedFromMs: number;
  /** The board is blocked until then. */
  #busyUntilMs = -Infinity;
  /** Beginning of the pass, in the time that timers follow. */
  #passMs: number;
  /** When the alarm for the next timer goes off; Infinity when it is not set. */
  #timerAlarmMs = Infinity;

  constructor(host: LoopHost) {
    const { clock, bugs } = host;
    this.#host = host;
    this.#time = host.time ?? WORLD_TIME;
    this.#watch = host.watch;
    this.#maxCallsInSec = host.maxCallsInSec ?? MAX_CALLS_IN_SEC;
    this.#isReplaying = bugs?.["replayed-ticks"] ?? true;
    this.#isDeleting = bugs?.["interval-deleted-by-abort"] ?? true;
    this.#countedFromMs = clock.now();
    this.#passMs = this.#timerNow();
    this.#wakeAlarm = alarmOf(clock, () => {
      this.#isWakeAlarmSet = false;
      this.#fire();
    });
    this.#timerAlarm = alarmOf(clock, () => {
      this.#timerAlarmMs = Infinity;
      this.#fire();
    });
  }

  setTimer(
    fn: TimerFunction,
    delayMs: number,
    options: { repeats: boolean; callback?: unknown; args?: readonly unknown[] },
  ): number {
    const { repeats, callback, args = NO_ARGS } = options;
    const waitMs = delayMs >= MIN_DELAY_MS ? delayMs : MIN_DELAY_MS;
    const id = (this.#timers.at(-1)?.id ?? 0) + 1;
    const dueMs = this.#timerNow() + waitMs;
    const periodMs = repeats ? waitMs : null;
    const timer = this.#spareTimer;
    if (timer) {
      this.#spareTimer = null;
      timer.id = id;
      timer.dueMs = dueMs;
      timer.periodMs = periodMs;
      timer.fn = fn;
      timer.callback = callback;
      timer.args = args;
    }
    this.#timers.push(timer ?? { id, dueMs, periodMs, fn, callback, args });
    this.#haveTimersChanged = true;
    this.#setTimerAlarm(dueMs);
    return id;
  }

  clearTimer(id: number): void {
    const timers = this.#timers;
    for (let i = 0; i < timers.length; i++) {
      if (timers[i]?.id === id) {
        this.#removeTimer(i);
        break;
      }
    }
    this.#haveTimersChanged = true;
  }

  clearAllTimers(): void {
    this.#timers.length = 0;
    this.#haveTimersChanged = true;
  }

  changeInterval(id: number, periodMs: number): boolean {
    const timer = this.#timers.find((candidate) => candidate.id === id);
    if (!timer) return false;
    timer.periodMs = periodMs >= MIN_DELAY_MS ? periodMs : MIN_DELAY_MS;
    timer.dueMs = this.#timerNow() + timer.periodMs;
    this.#haveTimersChanged = true;
    this.#setTimerAlarm(timer.dueMs);
    return true;
  }

  enqueue(job: () => void): void {
    this.#queue[this.#queueEnd++] = job;
    if (!this.#isInPass) this.wake();
  }

  atEnd(job: () => void): void {
    this.#endJobs.push(job);
    if (!this.#isInPass) this.wake();
  }

  addModule(module: LoopModule): void {
    this.#modules.push(module);
    if (module.input) this.#hasInput = true;
  }

  counts(): ModuleCounts {
    const sum = { sockets: 0, bufferedBytes: 0 };
    for (const module of this.#modules) {
      const counts = module.counts?.();
      sum.sockets += counts?.sockets ?? 0;
      sum.bufferedBytes += counts?.bufferedBytes ?? 0;
    }
    return sum;
  }

  listeners(): number {
    return this.#modules.reduce((sum, module) => sum + (module.listeners?.() ?? 0), 0);
  }

  wake(): void {
    this.#isAwake = true;
    // A pass looks at its end whether another one is needed.
    if (!this.#isInPass) this.#setWakeAlarm();
  }

  now(): number {
    return Math.max(this.#host.clock.now(), this.#busyUntilMs);
  }

  block(ms: number): void {
    const untilMs = this.now() + ms;
    this.#host.blocking?.(untilMs);
    this.#busyUntilMs = untilMs;
  }

  clockSet(systemMs: number): void {
    for (const timer of this.#timers) timer.dueMs += systemMs - this.#passMs;
    this.#passMs = systemMs;
    this.wake();
  }

  raise(error: unknown): void {
    if (error instanceof Abort) {
      this.#isCutOff = true;
      const left = this.#host.errorOf?.(error);
      if (left) this.#raised = { error: left };
    } else {
      this.#raised = { error };
    }
  }

  isDone(): boolean {
    const isIdle = this.#timers.length === 0 && this.#queueAt === this.#queueEnd && !this.#raised;
    return isIdle && !this.#modules.some((module) => module.isOpen());
  }

  timerCount(): number {
    return this.#timers.length;
  }

  stop(): void {
    this.#isStopped = true;
    this.#timers.length = 0;
    this.#queue.length = this.#queueAt = this.#queueEnd = 0;
    this.#wakeAlarm.clear();
    this.#timerAlarm.clear();
  }

  #timerNow(): number {
    return this.#time.at(this.now());
  }

  #setWakeAlarm(): void {
    if (this.#isWakeAlarmSet || this.#isStopped) return;
    this.#isWakeAlarmSet = true;
    this.#wakeAlarm.set(this.now() - this.#host.clock.now());
  }

  // One that turns out to be too early only sets the next: timers that are renewed all the time
  // cost the clock nothing.
  #setTimerAlarm(dueMs: number): void {
    if (this.#isInPass || this.#isStopped) return;
    const leftMs = dueMs - this.#timerNow();
    const atMs = this.now() + (leftMs > 0 ? Math.max(TICK_MS, this.#time.worldMsFor(leftMs)) : 0);
    if (this.#timerAlarmMs <= atMs) return;
    this.#timerAlarmMs = atMs;
    this.#timerAlarm.set(atMs - this.#host.clock.now());
  }

  #earliestDueMs(): number {
    const timers = this.#timers;
    let leastMs = Infinity;
    for (let i = 0; i < timers.length; i++) {
      const { dueMs } = timers[i] as BoardTimer;
      if (dueMs < leastMs) leastMs = dueMs;
    }
    return leastMs;
  }

  #setNextTimerAlarm(): void {
    const dueMs = this.#earliestDueMs();
    if (dueMs < Infinity) this.#setTimerAlarm(dueMs);
  }

  #removeTimer(at: number): void {
    const [timer] = this.#timers.splice(at, 1);
    // Not the one that runs: whoever runs it looks for it when it is over.
    if (timer && timer !== this.#runningTimer) this.#spareTimer = timer;
  }

  // ------------------------------------------------------------------------------ callbacks
  #isStorm(kind: Kind, timer: BoardTimer | null): boolean {
    const withinMs = this.now() - this.#countedFromMs;
    if (withinMs < SEC_MS && this.#host.storm) {
      this.#host.storm({ kind, timer, calls: this.#calls, withinMs });
      return true;
    }
    this.#countedFromMs = this.now();
    this.#calls = 1;
    return false;
  }

  #begin(kind: Kind, timer: BoardTimer | null): boolean {
    if (++this.#calls > this.#maxCallsInSec && this.#isStorm(kind, timer)) return false;
    endAbort();
    this.#watch?.began(timer);
    return true;
  }

  #end(): void {
    this.#watch?.ended();
    // A script may have caught it.
    const abort = endAbort();
    if (abort) this.raise(abort);
  }

  #caught(error: unknown): void {
    if (!passingAbort()) this.raise(error);
  }

  #call(job: () => void): void {
    if (!this.#begin("event", null)) return;
    try {
      job();
    } catch (error) {
      this.#caught(error);
    }
    this.#end();
  }

  #callTimer(timer: BoardTimer): void {
    if (!this.#begin("timer", timer)) return;
    this.#runningTimer = timer;
    try {
      timer.fn(timer.callback, timer.args);
    } catch (error) {
      this.#caught(error);
    }
    this.#runningTimer = null;
    this.#end();
  }

  #callModule(module: LoopModule, what: "input" | "idle"): void {
    if (!this.#begin("module", null)) return;
    try {
      if (what === "input") module.input?.();
      else if (module.idle?.()) this.#isAwake = true;
    } catch (error) {
      this.#caught(error);
    }
    this.#end();
  }

  // ----------------------------------------------------------------------------------- pass
  #fire(): void {
    const { clock, enter } = this.#host;
    // Armed before a call in another callback of this board blocked for longer.
    if (clock.now() < this.#busyUntilMs) return this.#setWakeAlarm();
    if (!this.#isAwake && this.#earliestDueMs() > this.#timerNow())
      return this.#setNextTimerAlarm();
    this.#isInPass = true;
    try {
      enter(this.#pass);
    } finally {
      this.#isInPass = false;
    }
    const hasMore = this.#queueAt < this.#queueEnd || this.#endJobs.length > 0 || this.#raised;
    if (this.#isAwake || hasMore) this.wake();
    else this.#setNextTimerAlarm();
  }

  #runPass(): void {
    this.#isAwake = false;
    // A queue that never ends keeps the interpreter from its timers for ever, and this board too.
    if (!this.#isInQueue) {
      if (this.#hasInput) this.#askModules("input");
      if (!this.#isStopped) this.#runTimers();
      // Who has asked for a pass by now gets it in this one, but for input.
      if (!this.#hasInput) this.#isAwake = false;
      this.#askModules("idle");
      this.#finishCutOff();
    }
    this.#runQueue();
    this.#finishCutOff();
    this.#isInQueue = this.#queueAt < this.#queueEnd;
    if (this.#isInQueue || this.#isStopped) return;
    if (this.#raised) {
      const { error } = this.#raised;
      this.#raised = null;
      this.#host.report(error);
      this.#finishCutOff();
    }
    this.#runEndJobs();
  }

  #askModules(what: "input" | "idle"): void {
    for (const module of this.#modules) {
      if (module[what] && !this.#isStopped) this.#callModule(module, what);
    }
  }

  /** The tick behind one: an interval keeps its phase. */
  #nextDueMs(dueMs: number, periodMs: number): number {
    return this.#isReplaying || dueMs + periodMs > this.#passMs
      ? dueMs + periodMs
      : dueMs + (Math.floor((this.#passMs - dueMs) / periodMs) + 1) * periodMs;
  }

  #runTimers(): void {
    const timers = this.#timers;
    this.#passMs = this.#timerNow();
    let calls = 0;
    do {
      this.#haveTimersChanged = false;
      // Callbacks change the list from within the walk.
      for (let i = 0; i < timers.length && !this.#haveTimersChanged;) {
        const timer = timers[i] as BoardTimer;
        if (timer.dueMs > this.#passMs || calls >= MAX_CALLS_IN_TURN) {
          i++;
          continue;
        }
        calls++;
        const lateMs = this.#passMs - timer.dueMs;
        this.#callTimer(timer);
        if (this.#isStopped) return;
        // The callback may have changed the period, which counts from this tick, and may have
        // cleared the timer.
        if (this.#isCutOff && this.#isDeleting && timer.periodMs !== null) {
          timer.periodMs = null;
          this.#host.cutOff?.("interval");
        }
        const at = timers.indexOf(timer);
        if (timer.periodMs !== null) {
          timer.dueMs = this.#nextDueMs(this.#passMs - lateMs, timer.periodMs);
        } else if (at >= 0) {
          this.#removeTimer(at);
        }
        i = timer.periodMs !== null ? at + 1 : Math.max(at, 0);
      }
    } while (this.#haveTimersChanged && calls < MAX_CALLS_IN_TURN);
  }

  #runQueue(): void {
    const queue = this.#queue;
    for (let calls = 0; this.#queueAt < this.#queueEnd && calls < MAX_CALLS_IN_TURN; calls++) {
      const job = queue[this.#queueAt] as () => void;
      queue[this.#queueAt++] = null;
      this.#call(job);
      if (this.#isStopped) return;
    }
    if (this.#queueAt === this.#queueEnd) this.#queueAt = this.#queueEnd = 0;
    else {
      // It goes on in the next turn, perhaps without end.
      queue.copyWithin(0, this.#queueAt, this.#queueEnd);
      queue.length = this.#queueEnd -= this.#queueAt;
      this.#queueAt = 0;
    }
  }

  #finishCutOff(): void {
    if (!this.#isCutOff || this.#isStopped) return;
    this.#isCutOff = false;
    this.#host.cutOff?.("pass");
  }

  #runEndJobs(): void {
    if (this.#endJobs.length === 0 || this.#isStopped) return;
    const jobs = this.#endJobs;
    this.#endJobs = [];
    for (const job of jobs) if (!this.#isStopped) this.#call(job);
    this.#finishCutOff();
  }
}
