// SPDX-License-Identifier: MIT
// The pins of a board as wires: who drives them, what level that gives, who is told of a change.
// From the board's side it is a chip's GPIO (direction, latch, pull resistors, duty of PWM); from
// the outside a test presses a button or looks at an LED. Levels here are those of the wire: 1 is
// high. Outer drivers stay over restarts of the board, as a button does.
//
//   level: the board's output; else the outer driver; else the pull resistor; else as it was
//
// Not for: what scripts call (pins.ts) and callbacks of theirs (watches.ts).
import type { ClockTimer, SimClock } from "../clock/clock.ts";

/** A level of a wire. */
export type Level = 0 | 1;

/** A board's pins from the outside; pins are called as scripts call them: "D2". */
export interface BoardPins {
  /** Level of the wire. @throws RangeError for a pin that the board has not */
  read(pin: string): Level;
  /** How much of the time the wire is high, 0 to 1: the duty of PWM, or its level. */
  duty(pin: string): number;
  /** Drives the wire from the outside; null lets it go. */
  set(pin: string, level: Level | null): void;
  /** Puts a voltage on a pin for `analogRead`, 0 to 1 of the full scale. */
  setAnalog(pin: string, value: number): void;
  /** Calls `fn` after each change of a level. @returns ends it */
  onChange(fn: (pin: string, level: Level) => void): () => void;
}

/** Modes of a pin as `pinMode` names them; null before anything has set one. */
export type PinMode =
  | "analog"
  | "input"
  | "input_pullup"
  | "input_pulldown"
  | "output"
  | "opendrain"
  | "opendrain_pullup";

/** The same pins from the board's side, by number. */
export interface Wires extends BoardPins {
  readonly count: number;
  /** Sets direction and resistor. */
  setMode(pin: number, mode: PinMode): void;
  modeOf(pin: number): PinMode | null;
  /** Sets what the pin gives while it is an output; ends PWM. */
  output(pin: number, level: Level): void;
  input(pin: number): Level;
  /** Gives PWM, or a voltage, on a pin. */
  setDuty(pin: number, duty: number): void;
  analog(pin: number): number;
  /** Changes the output at these times from now, ms; appends to what is planned for the pin. */
  plan(pin: number, changes: readonly { afterMs: number; level: Level }[]): void;
  /** Time until the last planned change, ms; 0 without one. */
  plannedMs(pin?: number): number;
  /** Tells the board of changes; one at a time. */
  onEdge: ((pin: number, level: Level) => void) | null;
  /** What a restart of the interpreter does to pins; a chip that resets lets go of all of them. */
  reset(how: "interpreter" | "chip" | "power-off"): void;
}

interface Wire {
  mode: PinMode | null;
  latch: Level;
  duty: number | null;
  outer: Level | null;
  analog: number | null;
  level: Level;
  /** World time of the last planned change. */
  plannedUntilMs: number;
}

/** Pins that only listen. */
const FIRST_INPUT_ONLY = 34;

/** Pins that get a resistor when the interpreter starts: the others belong to flash and such. */
const PULLED_UP: readonly (readonly [number, number])[] = [
  [0, 0],
  [12, 15],
  [18, 19],
  [21, 22],
  [25, 27],
  [34, 39],
];

/**
 * Creates the pins of one board.
 *
 * @param pulledUp pins that have a resistor on the board
 */
export function createWires(
  { count, pulledUp }: { count: number; pulledUp: readonly number[] },
  clock: SimClock,
): Wires {
  const listeners = new Set<(pin: string, level: Level) => void>();
  const planned = new Set<ClockTimer>();
  const wires: Wire[] = [];
  const wireOf = (pin: number): Wire => wires[pin] as Wire;
  for (let pin = 0; pin < count; pin++) {
    wires.push({
      mode: null,
      latch: 0,
      duty: null,
      outer: null,
      analog: null,
      level: 0,
      plannedUntilMs: -Infinity,
    });
  }
  const numberOf = (name: string): number => {
    const pin = /^D\d+$/.test(name) ? Number(name.slice(1)) : NaN;
    if (!(pin < count)) throw new RangeError(`the board has no pin "${name}"`);
    return pin;
  };
  const levelOf = (pin: number): Level => {
    const { mode, latch, outer, duty } = wireOf(pin);
    if (duty !== null) return duty >= 0.5 ? 1 : 0;
    if (mode === "output" && pin < FIRST_INPUT_ONLY) return latch;
    const isDrain = mode === "opendrain" || mode === "opendrain_pullup";
    if (isDrain && latch === 0) return 0;
    if (outer !== null) return outer;
    if (mode === "input_pullup" || mode === "opendrain_pullup") return 1;
    if (mode === "input_pulldown") return 0;
    return pulledUp.includes(pin) ? 1 : wireOf(pin).level;
  };
  const settle = (pin: number): void => {
    const wire = wireOf(pin);
    const level = levelOf(pin);
    if (level === wire.level) return;
    wire.level = level;
    edges.onEdge?.(pin, level);
    for (const listener of listeners) listener(`D${pin}`, level);
  };
  const unplan = (): void => {
    for (const timer of planned) clock.clearTimer(timer);
    planned.clear();
    for (const wire of wires) wire.plannedUntilMs = -Infinity;
  };
  const output = (pin: number, level: Level): void => {
    Object.assign(wireOf(pin), { latch: level, duty: null });
    settle(pin);
  };
  const setMode = (pin: number, mode: PinMode): void => {
    Object.assign(wireOf(pin), { mode, duty: null });
    settle(pin);
  };

  const edges: Wires = {
    count,
    onEdge: null,
    setMode,
    modeOf: (pin) => wireOf(pin).mode,
    output,
    input: (pin) => wireOf(pin).level,
    setDuty: (pin, duty) => {
      wireOf(pin).duty = duty;
      settle(pin);
    },
    analog: (pin) => wireOf(pin).analog ?? wireOf(pin).level,
    plan: (pin, changes) => {
      const wire = wireOf(pin);
      for (const { afterMs, level } of changes) {
        wire.plannedUntilMs = Math.max(clock.now(), wire.plannedUntilMs) + afterMs;
        const timer = clock.setTimer(() => {
          planned.delete(timer);
          output(pin, level);
        }, wire.plannedUntilMs - clock.now());
        planned.add(timer);
      }
    },
    plannedMs: (pin) => {
      const looked = pin === undefined ? wires : [wireOf(pin)];
      const untilMs = Math.max(...looked.map((wire) => wire.plannedUntilMs));
      return Math.max(0, untilMs - clock.now());
    },
    reset: (how) => {
      unplan();
      if (how !== "interpreter") {
        for (const wire of wires) Object.assign(wire, { mode: null, latch: 0, duty: null });
      }
      for (const [first, last] of how === "power-off" ? [] : PULLED_UP) {
        for (let pin = first; pin <= last && pin < count; pin++) wireOf(pin).mode = "input_pullup";
      }
      for (let pin = 0; pin < count; pin++) settle(pin);
    },
    read: (name) => wireOf(numberOf(name)).level,
    duty: (name) => {
      const wire = wireOf(numberOf(name));
      return wire.duty ?? wire.level;
    },
    set: (name, level) => {
      const pin = numberOf(name);
      wireOf(pin).outer = level;
      settle(pin);
    },
    setAnalog: (name, value) => {
      wireOf(numberOf(name)).analog = value;
    },
    onChange: (fn) => {
      listeners.add(fn);
      return () => listeners.delete(fn);
    },
  };
  return edges;
}
