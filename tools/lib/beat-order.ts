// SPDX-License-Identifier: MIT
// Remembers which (boot, seq) of one device have been seen, in bounded memory: the newest boots,
// and for each the newest `WINDOW` sequence numbers as bits. What falls out of the window can no
// longer be told from a replay and is refused.
//
//   seq   ... | refused |<------- WINDOW, one bit each ------->| newest | fresh ...
//                        set: duplicate    clear: late

/** Sequence numbers remembered per boot. */
export const WINDOW = 1024;

/** Boots remembered per device. */
export const BOOTS_KEPT = 4;

/** `old`: below everything that is remembered. */
export type Order = "fresh" | "duplicate" | "late" | "old";

interface BootWindow {
  boot: number;
  newest: number;
  bits: Uint8Array;
}

/** Order keeper of one device. */
export interface BeatOrder {
  /** Classifies a verified beat and remembers it. */
  see(boot: number, seq: number): Order;
}

/** Creates an order keeper that has seen nothing. */
export function createBeatOrder(): BeatOrder {
  // Highest boot first.
  const windows: BootWindow[] = [];
  // No boot at or below this one is remembered any more.
  let forgottenBoot = -1;

  function mark(window: BootWindow, seq: number): void {
    const slot = seq % WINDOW;
    window.bits[slot >> 3] = (window.bits[slot >> 3] as number) | (1 << (slot & 7));
  }

  function isMarked(window: BootWindow, seq: number): boolean {
    const slot = seq % WINDOW;
    return ((window.bits[slot >> 3] as number) & (1 << (slot & 7))) !== 0;
  }

  /** Moves the window up to `seq`, forgetting what leaves it. */
  function advance(window: BootWindow, seq: number): void {
    if (seq - window.newest >= WINDOW) window.bits.fill(0);
    else
      for (let passed = window.newest + 1; passed < seq; passed++) {
        const slot = passed % WINDOW;
        window.bits[slot >> 3] = (window.bits[slot >> 3] as number) & ~(1 << (slot & 7));
      }
    window.newest = seq;
    mark(window, seq);
  }

  function addBoot(boot: number, seq: number): void {
    const window = { boot, newest: seq, bits: new Uint8Array(WINDOW / 8) };
    mark(window, seq);
    windows.push(window);
    windows.sort((a, b) => b.boot - a.boot);
    const dropped = windows.length > BOOTS_KEPT ? windows.pop() : undefined;
    if (dropped) forgottenBoot = dropped.boot;
  }

  return {
    see: (boot, seq) => {
      const newestBoot = windows[0]?.boot ?? -1;
      const window = windows.find((known) => known.boot === boot);
      if (!window) {
        if (boot <= forgottenBoot) return "old";
        // Never the one that is dropped again at once: it would be forgotten as soon as it came.
        if (windows.length === BOOTS_KEPT && boot < (windows.at(-1) as BootWindow).boot)
          return "old";
        addBoot(boot, seq);
        return boot > newestBoot ? "fresh" : "late";
      }
      if (seq > window.newest) {
        advance(window, seq);
        return boot === newestBoot ? "fresh" : "late";
      }
      if (seq <= window.newest - WINDOW) return "old";
      if (isMarked(window, seq)) return "duplicate";
      mark(window, seq);
      return "late";
    },
  };
}
