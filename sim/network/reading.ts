// SPDX-License-Identifier: MIT
// A program that reads slowly: what has arrived for it waits here and keeps the window closed.
// Hands everything on at once where no effect says otherwise.
import type { ClockTimer, SimClock } from "../clock/clock.ts";
import { slice } from "./path.ts";
import type { Bytes } from "./path.ts";

/** Reads of one end of a connection. */
export interface Reading {
  /** Bytes that have arrived and are not handed on. */
  heldBytes(): number;
  /** Bytes have arrived. */
  take(bytes: Bytes): void;
  /** Something has arrived that comes behind the bytes. */
  takeMessage(onRead: () => void): void;
  clear(): void;
}

/** What it needs. */
export interface ReadingHost {
  clock: SimClock;
  /** Infinity for a program that reads at once. */
  bytesPerSec(): number;
  /** The program gets bytes. */
  hand(bytes: Bytes): void;
  /** Held bytes have become fewer. */
  onRoom(): void;
}

/** How often a slow program reads. */
const STEP_MS = 100;

/** Creates the reads of one end. */
export function createReading({ clock, bytesPerSec, hand, onRoom }: ReadingHost): Reading {
  let held: (Bytes | (() => void))[] = [];
  let heldBytes = 0;
  /** Bytes that the program may read by now; what is less than one is kept for the next step. */
  let allowedBytes = 0;
  let timer: ClockTimer | null = null;

  const arm = (): void => {
    if (held.length > 0) timer ??= clock.setTimer(step, STEP_MS);
    else allowedBytes = 0;
  };
  function step(): void {
    timer = null;
    const before = heldBytes;
    allowedBytes += bytesPerSec() * (STEP_MS / 1000);
    for (let first = held[0]; first !== undefined; first = held[0]) {
      if (typeof first === "function") {
        held.shift();
        first();
        continue;
      }
      const count = Math.min(first.length, Math.floor(allowedBytes));
      if (count === 0) break;
      if (count === first.length) held.shift();
      else held[0] = slice(first, count);
      heldBytes -= count;
      allowedBytes -= count;
      hand(slice(first, 0, count));
    }
    if (heldBytes < before) onRoom();
    arm();
  }

  return {
    heldBytes: () => heldBytes,
    take: (bytes) => {
      if (held.length === 0 && bytesPerSec() === Infinity) return hand(bytes);
      held.push(bytes);
      heldBytes += bytes.length;
      arm();
    },
    takeMessage: (onRead) => {
      if (held.length === 0) return onRead();
      held.push(onRead);
    },
    clear: () => {
      if (timer) clock.clearTimer(timer);
      timer = null;
      held = [];
      heldBytes = 0;
    },
  };
}
