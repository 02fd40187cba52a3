// SPDX-License-Identifier: MIT
// Who has been silent for too long, for thousands of clients: a ring of time slots. A packet costs
// one assignment (`heardMs`); a client is looked at only when its slot comes, and is put into a
// later one if it has been heard since. The clock's timer is armed for the next slot that is not
// empty, so an idle broker costs no events.
import type { ClockTimer, SimClock } from "../clock/clock.ts";

/** What the wheel watches. The owner keeps `heardMs` and `silenceLimitMs` up to date. */
export interface Watched {
  /** When it was heard last, ms of the clock. */
  heardMs: number;
  /** Silence that is too long, ms. */
  silenceLimitMs: number;
  /** The wheel's own: slot that it is in, -1 for none. */
  slot: number;
}

/** The ring. */
export interface KeepAliveWheel<T extends Watched> {
  /** Begins to watch, or looks anew after `silenceLimitMs` has changed. */
  add(watched: T): void;
  /** Stops watching; one that is not watched is no error. */
  remove(watched: T): void;
}

/** Time of one slot, ms: how late an expiry may be found, never how early. */
const SLOT_MS = 250;
const SLOTS = 512;

/**
 * Creates a wheel.
 *
 * @param onExpired called once for each that was silent for its limit; it is then no longer watched
 */
export function createKeepAliveWheel<T extends Watched>(
  clock: SimClock,
  onExpired: (watched: T) => void,
): KeepAliveWheel<T> {
  const ring: (Set<T> | undefined)[] = Array.from({ length: SLOTS }, () => undefined);
  /** Clients of each slot, side by side: looked through for the next that is not empty. */
  const sizes = new Uint32Array(SLOTS);
  let count = 0;
  let timer: ClockTimer | null = null;
  /** Number of the slot for which the timer is armed, counted since the epoch. */
  let armedSlot = Infinity;

  const arm = (slot: number): void => {
    if (timer) clock.clearTimer(timer);
    armedSlot = slot;
    timer = clock.setTimer(onSlot, slot * SLOT_MS - clock.now());
  };

  const place = (watched: T): number => {
    const nowSlot = Math.floor(clock.now() / SLOT_MS);
    const dueSlot = Math.ceil((watched.heardMs + watched.silenceLimitMs) / SLOT_MS);
    // Farther away than the ring is long: looked at after one round, and placed again.
    const slot = Math.min(Math.max(dueSlot, nowSlot + 1), nowSlot + SLOTS - 1);
    watched.slot = slot % SLOTS;
    (ring[watched.slot] ??= new Set()).add(watched);
    sizes[watched.slot] = (sizes[watched.slot] as number) + 1;
    count++;
    return slot;
  };

  const remove = (watched: T): void => {
    if (watched.slot < 0) return;
    ring[watched.slot]?.delete(watched);
    sizes[watched.slot] = (sizes[watched.slot] as number) - 1;
    watched.slot = -1;
    if (--count > 0 || !timer) return;
    clock.clearTimer(timer);
    timer = null;
    armedSlot = Infinity;
  };

  function onSlot(): void {
    timer = null;
    const slot = armedSlot;
    armedSlot = Infinity;
    for (const watched of ring[slot % SLOTS] ?? []) {
      // What an expiry led to may have taken others out.
      if (watched.slot < 0) continue;
      remove(watched);
      const isExpired = clock.now() - watched.heardMs >= watched.silenceLimitMs;
      if (isExpired) onExpired(watched);
      else place(watched);
    }
    if (count === 0) return;
    let next = slot + 1;
    while (sizes[next % SLOTS] === 0) next++;
    if (next < armedSlot) arm(next);
  }

  return {
    add: (watched) => {
      remove(watched);
      const slot = place(watched);
      if (slot < armedSlot) arm(slot);
    },
    remove,
  };
}
