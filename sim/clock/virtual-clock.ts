// SPDX-License-Identifier: MIT
// Time that passes only from one event to the next: a binary heap of timers. Events of the same
// moment fire in the order in which they were armed, so a run depends on nothing but its input.
import type { ClockTimer, SimClock } from "./clock.ts";

interface Entry {
  atMs: number;
  /** Order of arming, which decides among events of one moment. */
  order: number;
  /** Null once it has fired or was cleared: entries leave the heap when they come to its top. */
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

/** Creates a clock that stands at `startMs`. */
export function createVirtualClock(startMs = WORLD_START_MS): VirtualClock {
  let nowMs = startMs;
  let lastOrder = 0;
  let eventCount = 0;
  let cleared = 0;
  let heap: Entry[] = [];

  const isBefore = (a: Entry, b: Entry): boolean =>
    a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
  const siftUp = (entry: Entry): void => {
    let i = heap.length;
    heap.push(entry);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      const above = heap[parent] as Entry;
      if (!isBefore(entry, above)) break;
      heap[i] = above;
      i = parent;
    }
    heap[i] = entry;
  };
  const siftDown = (start: number): void => {
    const entry = heap[start] as Entry;
    const { length } = heap;
    let i = start;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= length) break;
      if (child + 1 < length && isBefore(heap[child + 1] as Entry, heap[child] as Entry)) child++;
      if (!isBefore(heap[child] as Entry, entry)) break;
      heap[i] = heap[child] as Entry;
      i = child;
    }
    heap[i] = entry;
  };
  const removeTop = (): void => {
    const last = heap.pop() as Entry;
    if (heap.length === 0) return;
    heap[0] = last;
    siftDown(0);
  };
  /** Cleared entries that never come to the top would pile up: timeouts that are always renewed. */
  const sweep = (): void => {
    heap = heap.filter((entry) => entry.fn !== null);
    for (let i = (heap.length >> 1) - 1; i >= 0; i--) siftDown(i);
    cleared = 0;
  };
  const top = (): Entry | undefined => {
    while (heap.length > 0 && (heap[0] as Entry).fn === null) {
      removeTop();
      cleared--;
    }
    return heap[0];
  };

  return {
    get eventCount() {
      return eventCount;
    },
    now: () => nowMs,
    setTimer: (fn, delayMs) => {
      const entry: Entry = { atMs: nowMs + (delayMs > 0 ? delayMs : 0), order: ++lastOrder, fn };
      siftUp(entry);
      return entry;
    },
    clearTimer: (timer: ClockTimer) => {
      const entry = timer as Entry;
      if (entry.fn === null) return;
      entry.fn = null;
      cleared++;
      if (cleared > 64 && cleared > heap.length / 2) sweep();
    },
    nextMs: () => top()?.atMs ?? Infinity,
    run: (untilMs, maxEvents = Infinity) => {
      for (let fired = 0; ; fired++) {
        const entry = top();
        if (!entry || entry.atMs > untilMs) break;
        if (fired >= maxEvents) return false;
        removeTop();
        const fn = entry.fn as () => void;
        entry.fn = null;
        if (entry.atMs > nowMs) nowMs = entry.atMs;
        eventCount++;
        fn();
      }
      if (untilMs > nowMs && untilMs < Infinity) nowMs = untilMs;
      return true;
    },
  };
}
