// SPDX-License-Identifier: MIT
// Time that passes only from one event to the next: a binary heap of timers. Events of the same
// moment fire in the order in which they were armed, so a run depends on nothing but its input.
import type { Alarm, ClockTimer, SimClock } from "./clock.ts";

/** A clock that its owner runs. */
export interface VirtualClock extends SimClock {
  /**
   * Fires events in order until none is due by `untilMs` or `maxEvents` have fired.
   *
   * @returns true when nothing is left to fire by then; the clock then shows `untilMs` unless that
   *   is Infinity
   */
  run(untilMs: number, maxEvents?: number): boolean;
  /** Time of the next event, ms; Infinity without one. */
  nextMs(): number;
  /** Events fired since the clock was made. */
  readonly eventCount: number;
}

/** Where the simulated world's time begins unless told otherwise: 2026-01-01T00:00:00Z, ms. */
export const WORLD_START_MS = 1_767_225_600_000;

/** What is armed, by time, then by order of arming: a binary heap. Times lie side by side: those of
 * ten thousand boards do not fit into the processor's cache as members of as many objects. */
class Heap {
  #times = new Float64Array(64);
  #orders = new Float64Array(64);
  #timers: VirtualTimer[] = [];

  get size(): number {
    return this.#timers.length;
  }

  first(): VirtualTimer | undefined {
    return this.#timers[0];
  }

  /** Time of the first, ms; Infinity when empty. */
  firstMs(): number {
    return this.#timers.length > 0 ? (this.#times[0] as number) : Infinity;
  }

  /** Whether the first has been cleared or armed anew since it was added. */
  isFirstStale(): boolean {
    return (this.#timers[0] as VirtualTimer).order !== this.#orders[0];
  }

  /** Adds a timer with its order, which is the greatest so far. */
  add(timer: VirtualTimer, atMs: number): void {
    const timers = this.#timers;
    let i = timers.length;
    if (i === this.#times.length) this.#grow();
    const times = this.#times;
    const orders = this.#orders;
    timers.push(timer);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      // Of one moment, the one above was armed before.
      if ((times[parent] as number) <= atMs) break;
      times[i] = times[parent] as number;
      orders[i] = orders[parent] as number;
      timers[i] = timers[parent] as VirtualTimer;
      i = parent;
    }
    times[i] = atMs;
    orders[i] = timer.order;
    timers[i] = timer;
  }

  removeFirst(): void {
    const last = this.#timers.pop() as VirtualTimer;
    const size = this.#timers.length;
    if (size > 0) this.#sink(0, last, this.#times[size] as number, this.#orders[size] as number);
  }

  /** Takes out what is stale. */
  sweep(): void {
    const timers = this.#timers;
    const times = this.#times;
    const orders = this.#orders;
    let size = 0;
    for (let i = 0; i < timers.length; i++) {
      const timer = timers[i] as VirtualTimer;
      if (timer.order !== orders[i]) continue;
      times[size] = times[i] as number;
      orders[size] = timer.order;
      timers[size++] = timer;
    }
    timers.length = size;
    for (let i = (size >> 1) - 1; i >= 0; i--) {
      this.#sink(i, timers[i] as VirtualTimer, times[i] as number, orders[i] as number);
    }
  }

  #grow(): void {
    const more = [new Float64Array(2 * this.size), new Float64Array(2 * this.size)] as const;
    more[0].set(this.#times);
    more[1].set(this.#orders);
    [this.#times, this.#orders] = more;
  }

  /** Puts a timer at its place, from `start` down. */
  #sink(start: number, timer: VirtualTimer, atMs: number, order: number): void {
    const timers = this.#timers;
    const times = this.#times;
    const orders = this.#orders;
    const size = timers.length;
    let i = start;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= size) break;
      let childMs = times[child] as number;
      if (child + 1 < size) {
        const otherMs = times[child + 1] as number;
        const isTie = otherMs === childMs;
        if (
          otherMs < childMs ||
          (isTie && (orders[child + 1] as number) < (orders[child] as number))
        ) {
          child++;
          childMs = otherMs;
        }
      }
      if (atMs < childMs || (atMs === childMs && order < (orders[child] as number))) break;
      times[i] = childMs;
      orders[i] = orders[child] as number;
      timers[i] = timers[child] as VirtualTimer;
      i = child;
    }
    times[i] = atMs;
    orders[i] = order;
    timers[i] = timer;
  }
}

/** Timers that have fired, at the head of those due at once, before they are let go. */
const MAX_DONE = 1000;
/** So few stale ones are not worth a sweep. */
const FEW = 64;

/** What is to fire when. The time is a member of an object, where a number takes no memory each time
 * that it changes. */
class Agenda {
  nowMs: number;
  eventCount = 0;
  readonly #heap = new Heap();
  /** What is due at once, oldest first, with its order. All of the heap that is due at this moment
   * was armed before. */
  readonly #due: (VirtualTimer | null)[] = [];
  readonly #dueOrders: number[] = [];
  #dueCount = 0;
  #dueAt = 0;
  #lastOrder = 0;
  #staleCount = 0;

  constructor(startMs: number) {
    this.nowMs = startMs;
  }

  arm(timer: VirtualTimer, delayMs: number): void {
    if (timer.order !== 0) this.clear(timer);
    timer.order = ++this.#lastOrder;
    const atMs = this.nowMs + delayMs;
    if (atMs > this.nowMs) this.#heap.add(timer, atMs);
    else {
      // Not by `push` and `length = 0`: the lists keep their memory.
      this.#due[this.#dueCount] = timer;
      this.#dueOrders[this.#dueCount++] = timer.order;
    }
  }

  /** It stays where it is and is passed over when its turn comes. */
  clear(timer: VirtualTimer): void {
    if (timer.order === 0) return;
    timer.order = 0;
    this.#staleCount++;
    // What is far away would pile up: timeouts that are always renewed.
    if (this.#staleCount <= FEW || this.#staleCount <= this.#heap.size / 2) return;
    this.#heap.sweep();
    this.#staleCount = 0;
  }

  /** Time of what fires next, ms; Infinity when nothing is armed. */
  nextMs(): number {
    this.#skipStale();
    const heapMs = this.#heap.firstMs();
    return this.#dueAt < this.#dueCount && heapMs > this.nowMs ? this.nowMs : heapMs;
  }

  /** Takes out what {@link nextMs} has told of. */
  take(): VirtualTimer {
    let timer: VirtualTimer;
    if (this.#dueAt < this.#dueCount && this.#heap.firstMs() > this.nowMs) {
      timer = this.#due[this.#dueAt] as VirtualTimer;
      this.#due[this.#dueAt++] = null;
    } else {
      timer = this.#heap.first() as VirtualTimer;
      this.#heap.removeFirst();
    }
    timer.order = 0;
    return timer;
  }

  #skipStale(): void {
    const heap = this.#heap;
    while (heap.size > 0 && heap.isFirstStale()) {
      heap.removeFirst();
      this.#staleCount--;
    }
    while (this.#dueAt < this.#dueCount && this.#isDueStale()) {
      this.#due[this.#dueAt++] = null;
      this.#staleCount--;
    }
    if (this.#dueAt === this.#dueCount) this.#dueAt = this.#dueCount = 0;
    else if (this.#dueAt > MAX_DONE) this.#dropDone();
  }

  #isDueStale(): boolean {
    return this.#due[this.#dueAt]?.order !== this.#dueOrders[this.#dueAt];
  }

  /** Moves what is due to the head of its list: somebody arms for this moment without end. */
  #dropDone(): void {
    this.#due.splice(0, this.#dueAt);
    this.#dueOrders.splice(0, this.#dueAt);
    this.#dueCount -= this.#dueAt;
    this.#dueAt = 0;
  }
}

/** One timer, armed once or again and again. */
class VirtualTimer implements Alarm {
  /** Number of its arming, which decides among those of one moment; 0 while it is not armed. */
  order = 0;
  readonly fn: () => void;
  readonly #agenda: Agenda;

  constructor(agenda: Agenda, fn: () => void) {
    this.#agenda = agenda;
    this.fn = fn;
  }

  set(delayMs: number): void {
    this.#agenda.arm(this, delayMs);
  }

  clear(): void {
    this.#agenda.clear(this);
  }
}

/** Creates a clock that stands at `startMs`. */
export function createVirtualClock(startMs = WORLD_START_MS): VirtualClock {
  const agenda = new Agenda(startMs);
  return {
    get eventCount() {
      return agenda.eventCount;
    },
    now: () => agenda.nowMs,
    setTimer: (fn, delayMs) => {
      const timer = new VirtualTimer(agenda, fn);
      timer.set(delayMs);
      return timer;
    },
    clearTimer: (timer: ClockTimer) => (timer as VirtualTimer).clear(),
    createAlarm: (fn) => new VirtualTimer(agenda, fn),
    nextMs: () => agenda.nextMs(),
    run: (untilMs, maxEvents = Infinity) => {
      for (let fired = 0; ; fired++) {
        const atMs = agenda.nextMs();
        if (atMs > untilMs || atMs === Infinity) break;
        if (fired >= maxEvents) return false;
        const { fn } = agenda.take();
        if (atMs > agenda.nowMs) agenda.nowMs = atMs;
        agenda.eventCount++;
        fn();
      }
      if (untilMs > agenda.nowMs && untilMs < Infinity) agenda.nowMs = untilMs;
      return true;
    },
  };
}
