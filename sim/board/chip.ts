// SPDX-License-Identifier: MIT
// What the processor does with the whole board: resets by a script or by the watchdog, and deep
// sleep, which is power off until a time or a pin ends it. What runs then is gone at once; the board
// starts anew from its boot files. The real-time clock goes on.
//
// | state | entered when | leaves on |
// | running | the board is on | reset, sleep, the watchdog |
// | waiting | a reset or sleep has begun | its time, a wire; cancel (power off) |
//
// Not for: restarts of the interpreter alone (`load`, `reset`).
import type { ClockTimer, SimClock } from "../clock/clock.ts";
import { Abort } from "./abort.ts";
import { createWatchdog } from "./watchdog.ts";
import type { Watchdog } from "./watchdog.ts";
import type { Level, Wires } from "./wires.ts";

/** Why a chip starts. */
export type ChipStart = "reboot" | "watchdog" | "deep-sleep";

/** Why a chip woke, as `ESP32.getWakeupCause` says it. */
export const WAKE_CAUSES = { NONE: 0, EXT0: 2, EXT1: 3, TIMER: 4 } as const;

/** Pins that end a deep sleep. */
export interface WakeOn {
  cause: number;
  pins: readonly number[];
  level: Level;
  /** Whether all pins must have the level, or any. */
  needsAll: boolean;
}

/** The processor of one board. */
export interface Chip {
  readonly watchdog: Watchdog;
  /** Why it woke, and by which pin; none after any other start. */
  readonly woke: { cause: number; pin: number | null };
  /** True while a reset or sleep is under way. */
  readonly isWaiting: boolean;
  /** Resets at once, or after this time. @throws Abort, always: the script is gone */
  reset(start: ChipStart, afterMs?: number): never;
  /** Sleeps for this time, null for ever, or until pins end it. @throws Abort, always */
  sleep(sleepMs: number | null, wakeOn?: WakeOn): never;
  /** Tells that the board stands still until then. @throws Abort when the watchdog is faster */
  blocking(untilMs: number): void;
  /** The power has gone, or come: nothing of the past goes on. */
  cancel(): void;
}

/** What the chip needs of its board. */
export interface ChipHost {
  clock: SimClock;
  wires: Wires;
  /** The board's own time, ms. */
  nowMs(): number;
  /** Ends everything that runs. */
  down(): void;
  /** Starts from the boot files. */
  up(start: ChipStart): void;
}

/** Creates the processor of a board. */
export function createChip(host: ChipHost): Chip {
  const { clock, wires } = host;
  let timer: ClockTimer | null = null;
  let isWaiting = false;
  let endWatch: (() => void) | null = null;
  let woke: Chip["woke"] = { cause: WAKE_CAUSES.NONE, pin: null };

  const cancel = (): void => {
    if (timer) clock.clearTimer(timer);
    timer = null;
    endWatch?.();
    endWatch = null;
    isWaiting = false;
    woke = { cause: WAKE_CAUSES.NONE, pin: null };
    watchdog.disable();
  };
  const start = (how: ChipStart, wakeUp: Chip["woke"]): void => {
    cancel();
    woke = wakeUp;
    host.up(how);
  };
  /** Ends what runs; what comes then is the caller's to arm. */
  const wait = (): void => {
    host.down();
    cancel();
    isWaiting = true;
  };
  const resetAt = (how: ChipStart, atMs: number): void => {
    wait();
    const none = { cause: WAKE_CAUSES.NONE, pin: null };
    timer = clock.setTimer(() => start(how, none), Math.max(0, atMs - clock.now()));
  };
  const watchdog = createWatchdog(clock, host.nowMs, () => resetAt("watchdog", clock.now()));

  const watchPins = ({ cause, pins, level, needsAll }: WakeOn): void => {
    const has = (pin: number): boolean => wires.input(pin) === level;
    const look = (): void => {
      if (!(needsAll ? pins.every(has) : pins.some(has))) return;
      endWatch?.();
      endWatch = null;
      const pin = pins.find(has) ?? null;
      // Not from within whatever has moved the wire.
      if (timer) clock.clearTimer(timer);
      timer = clock.setTimer(() => start("deep-sleep", { cause, pin }), 0);
    };
    endWatch = wires.onChange(look);
    look();
  };
  const chip: Chip = {
    watchdog,
    get woke() {
      return woke;
    },
    get isWaiting() {
      return isWaiting;
    },
    reset: (how, afterMs = 0) => {
      resetAt(how, host.nowMs() + afterMs);
      throw new Abort("power-off");
    },
    sleep: (sleepMs, wakeOn) => {
      const atMs = host.nowMs() + (sleepMs ?? Infinity);
      wait();
      const byTimer = { cause: WAKE_CAUSES.TIMER, pin: null };
      const wake = (): void => start("deep-sleep", byTimer);
      if (atMs < Infinity) timer = clock.setTimer(wake, Math.max(0, atMs - clock.now()));
      if (wakeOn) watchPins(wakeOn);
      throw new Abort("power-off");
    },
    blocking: (untilMs) => {
      const atMs = watchdog.resetWithin(untilMs);
      if (atMs === null) return;
      resetAt("watchdog", atMs);
      throw new Abort("power-off");
    },
    cancel,
  };
  return chip;
}
