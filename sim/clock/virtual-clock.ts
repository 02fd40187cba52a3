// SPDX-License-Identifier: MIT
// Time that passes only from one event to the next: a binary heap of timers. Events of the same
// moment fire in the order in which they were armed, so a run depends on nothing but its input.
import type { ClockTimer, SimClock } from "./clock.ts";

interface Entry {
  /** Order of arming, which decides among events of one moment. */
  order: number;
  /** Null once it has fired or was cleared: entries leave when their turn comes. */
  fn: (() => void) | null;
}

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

/** Entries by time, then by order of arming: a binary heap. Times lie side by side: those of ten
 * thousand boards do not fit into the processor's cache as members of as many objects. */
class Heap {
  #times = new Float64Array(64);
  #entries: Entry[] = [];
  #lastOrder = 0;

  get size(): number {
    return this.#entries.length;
  }

  first(): Entry | undefined {
    return this.#entries[0];
  }

  /** Time of the first entry, ms; Infinity when empty. */
  firstMs(): number {
    return this.#entries.length > 0 ? (this.#times[0] as number) : Infinity;
  }

  add(entry: Entry, atMs: number): void {
    const entries = this.#entries;
    let i = entries.length;
    if (i === this.#times.length) {
      const more = new Float64Array(2 * i);
      more.set(this.#times);
      this.#times = more;
    }
    const times = this.#times;
    entry.order = ++this.#lastOrder;
    entries.push(entry);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      // Of one moment, the one above was armed before.
      if ((times[parent] as number) <= atMs) break;
      times[i] = times[parent] as number;
      entries[i] = entries[parent] as Entry;
      i = parent;
    }
    times[i] = atMs;
    entries[i] = entry;
  }

  removeFirst(): void {
    const entries = this.#entries;
    const last = entries.pop() as Entry;
    const size = entries.length;
    if (size > 0) this.#sink(0, last, this.#times[size] as number);
  }

  /** Takes out what was cleared. */
  sweep(): void {
    const entries = this.#entries;
    const times = this.#times;
    let size = 0;
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i] as Entry;
      if (entry.fn === null) continue;
      times[size] = times[i] as number;
      entries[size++] = entry;
    }
    entries.length = size;
    for (let i = (size >> 1) - 1; i >= 0; i--) {
      this.#sink(i, entries[i] as Entry, times[i] as number);
    }
  }

  /** Puts an entry at its place, from `start` down. */
  #sink(start: number, entry: Entry, atMs: number): void {
    const entries = this.#entries;
    const times = this.#times;
    const size = entries.length;
    let i = start;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= size) break;
      let childMs = times[child] as number;
      if (child + 1 < size) {
        const otherMs = times[child + 1] as number;
        const isOther =
          otherMs < childMs ||
          (otherMs === childMs &&
            (entries[child + 1] as Entry).order < (entries[child] as Entry).order);
        if (isOther) {
          child++;
          childMs = otherMs;
        }
      }
      const below = entries[child] as Entry;
      if (atMs < childMs || (atMs === childMs && entry.order < below.order)) break;
      times[i] = childMs;
      entries[i] = below;
      i = child;
    }
    times[i] = atMs;
    entries[i] = entry;
  }
}

/** Entries that have fired, at the head of those due at once, before they are let go. */
const MAX_DONE = 1000;

/** Creates a clock that stands at `startMs`. */
export function createVirtualClock(startMs = WORLD_START_MS): VirtualClock {
  let nowMs = startMs;
  let eventCount = 0;
  let cleared = 0;
  const heap = new Heap();
  // What is due at once, oldest first. All of the heap that is due at this moment was armed before.
  let due: Entry[] = [];
  let dueAt = 0;

  const skipCleared = (): void => {
    while (heap.size > 0 && (heap.first() as Entry).fn === null) {
      heap.removeFirst();
      cleared--;
    }
    while (dueAt < due.length && (due[dueAt] as Entry).fn === null) {
      dueAt++;
      cleared--;
    }
    if (dueAt > 0 && (dueAt === due.length || dueAt > MAX_DONE)) {
      due = due.slice(dueAt);
      dueAt = 0;
    }
  };
  const nextMs = (): number => {
    skipCleared();
    const heapMs = heap.firstMs();
    return dueAt < due.length && heapMs > nowMs ? nowMs : heapMs;
  };
  /** Takes out what {@link nextMs} told of. */
  const take = (): Entry => {
    if (dueAt < due.length && heap.firstMs() > nowMs) return due[dueAt++] as Entry;
    const entry = heap.first() as Entry;
    heap.removeFirst();
    return entry;
  };

  return {
    get eventCount() {
      return eventCount;
    },
    now: () => nowMs,
    setTimer: (fn, delayMs) => {
      const entry: Entry = { order: 0, fn };
      const atMs = nowMs + delayMs;
      if (atMs > nowMs) heap.add(entry, atMs);
      else due.push(entry);
      return entry;
    },
    clearTimer: (timer: ClockTimer) => {
      const entry = timer as Entry;
      if (entry.fn === null) return;
      entry.fn = null;
      // Cleared entries that never come to the top would pile up: timeouts that are always renewed.
      cleared++;
      if (cleared > 64 && cleared > heap.size / 2) {
        heap.sweep();
        cleared = 0;
      }
    },
    nextMs,
    run: (untilMs, maxEvents = Infinity) => {
      for (let fired = 0; ; fired++) {
        const atMs = nextMs();
        if (atMs > untilMs || atMs === Infinity) break;
        if (fired >= maxEvents) return false;
        const entry = take();
        const { fn } = entry;
        entry.fn = null;
        if (atMs > nowMs) nowMs = atMs;
        eventCount++;
        fn?.();
      }
      if (untilMs > nowMs && untilMs < Infinity) nowMs = untilMs;
      return true;
    },
  };
}
