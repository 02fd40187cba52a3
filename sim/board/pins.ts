// SPDX-License-Identifier: MIT
// What scripts call on pins: pinMode, digitalWrite, digitalRead, digitalPulse, analogRead,
// analogWrite, setWatch, shiftOut, and the methods of Pin. A pin becomes input or output by being
// read or written until `pinMode` says otherwise. A negated pin (the button of an ESP32) reads 1
// when its wire is low.
// Not for: the wires themselves (wires.ts).
import type { ErrorFlags } from "./error-flags.ts";
import type { Loop } from "./loop.ts";
import { createPinObjects } from "./pin-objects.ts";
import type { PinObjects } from "./pin-objects.ts";
import type { PinProfile } from "./profile.ts";
import type { Native, Realm } from "./realm.ts";
import { createWatches } from "./watches.ts";
import type { Watches } from "./watches.ts";
import type { Level, PinMode, Wires } from "./wires.ts";

/** What the pins need of their board. */
export interface PinsHost {
  profile: PinProfile;
  wires: Wires;
  errorFlags: ErrorFlags;
  wallSec(): number;
  bytes(value: unknown): Uint8Array;
  write(text: string): void;
  /** Runs text that a script gave instead of a function. */
  runText(code: string): unknown;
}

const MODES: readonly PinMode[] = [
  "analog",
  "input",
  "input_pullup",
  "input_pulldown",
  "output",
  "opendrain",
  "opendrain_pullup",
];

/** Installs functions and pins in a world. */
export function installPins(
  realm: Realm,
  loop: Loop,
  host: PinsHost,
): { watches: Watches; pins: PinObjects } {
  const { wires, profile, write } = host;
  const manual = new Set<number>();
  const fail = (message: string): never => realm.fail("Error", message);
  const isNegated = (pin: number): boolean => profile.negated.includes(pin);
  const levelFor = (pin: number, value: boolean): Level => (value !== isNegated(pin) ? 1 : 0);
  const numberOf = (value: unknown): number => pins.numberOf(value) ?? fail("Invalid pin");

  const read = (pin: number): Level => {
    if (!manual.has(pin)) wires.setMode(pin, "input");
    return (wires.input(pin) === 1) === isNegated(pin) ? 0 : 1;
  };
  const drive = (pin: number, value: boolean): void => {
    // The latch first: a pin that becomes an output must not show its old level for a moment.
    wires.output(pin, levelFor(pin, value));
    if (!manual.has(pin)) wires.setMode(pin, "output");
  };
  const setMode = (pin: number, mode: unknown, isAutomatic?: unknown): void => {
    const known = MODES.find((name) => name === mode);
    if (known) {
      if (isAutomatic) manual.delete(pin);
      else manual.add(pin);
      if (isNegated(pin) && known.startsWith("opendrain")) {
        write("ERROR: jshPinSetState: can't do Open Drain on negated pin\n");
      }
      return wires.setMode(pin, known);
    }
    manual.delete(pin);
    if (mode !== undefined && mode !== "auto") fail("Unknown pin mode");
  };
  const pulse = (pin: number, value: boolean, times: unknown): void => {
    const isBusy = wires.plannedMs(pin) > 0;
    if (!isBusy) drive(pin, value);
    if (typeof times === "number") {
      if (!(times >= 0)) fail("Pulse Time is less than 0 or not a number");
      if (times > 0) wires.plan(pin, [{ afterMs: times, level: levelFor(pin, !value) }]);
      else loop.block(wires.plannedMs());
    } else if (Array.isArray(times) || ArrayBuffer.isView(times)) {
      const changes = Array.from(times as ArrayLike<unknown>, (time, i) => ({
        afterMs: Number(time),
        level: levelFor(pin, value === (i % 2 === 1)),
      }));
      wires.plan(
        pin,
        changes.filter(({ afterMs }) => afterMs > 0),
      );
    } else {
      fail(`Expecting Number or Array, got ${typeOf(times)}`);
    }
  };
  const analogRead = (pin: number): number => {
    if (!profile.analog.includes(pin)) return NaN;
    const value = Math.floor(Math.min(Math.max(wires.analog(pin), 0), 4095 / 4096) * 4096) / 4096;
    return isNegated(pin) ? 1 - value : value;
  };
  const analogWrite = (pin: number, value: unknown): void => {
    const duty = Math.min(Math.max(Number(value) || 0, 0), 1);
    if (!manual.has(pin)) wires.setMode(pin, "output");
    wires.setDuty(pin, isNegated(pin) ? 1 - duty : duty);
  };
  const bitsOf = (value: unknown): number =>
    typeof value === "boolean" ? (value ? -1 : 0) : Number(value) | 0;

  /** An object with `read` or `write` that stands for a pin, null for anything else. */
  const standIn = (value: unknown): Record<string, unknown> | null =>
    typeof value === "object" && value !== null && pins.numberOf(value) === null
      ? (value as Record<string, unknown>)
      : null;
  const callOn = (object: Record<string, unknown>, name: string, ...args: unknown[]): unknown => {
    const method = object[name];
    return typeof method === "function" ? method.apply(object, args) : fail("Invalid pin");
  };
  const digitalWrite = (given: unknown, value: unknown): void => {
    const bits = bitsOf(value);
    if (Array.isArray(given)) {
      // The last pin gets the lowest bit, and is driven first.
      for (let i = given.length - 1, bit = 0; i >= 0; i--, bit++) {
        drive(numberOf(given[i]), ((bits >> bit) & 1) === 1);
      }
      return;
    }
    const object = standIn(given);
    if (object) callOn(object, "write", bits);
    else drive(numberOf(given), bits !== 0);
  };
  const digitalRead = (given: unknown): number => {
    if (Array.isArray(given)) {
      return given.reduce<number>((bits, pin) => (bits << 1) | read(numberOf(pin)), 0);
    }
    const object = standIn(given);
    return object ? Number(callOn(object, "read")) | 0 : read(numberOf(given));
  };
  /** Puts numbers on pins, the lowest bit on the last, with a pulse of the clock for each. */
  const shiftOut = (given: unknown, options: unknown, data: unknown): void => {
    const outputs = (Array.isArray(given) ? given : [given]).map(numberOf);
    const { clk, clkPol, repeat } = Object(options) as Record<string, unknown>;
    const clockPin = clk === undefined ? null : numberOf(clk);
    const times = Math.max(1, Number(repeat) | 0);
    for (const value of host.bytes(data)) {
      let bits = value;
      for (let round = 0; round < times; round++) {
        for (let i = outputs.length - 1; i >= 0; i--, bits >>= 1) {
          drive(outputs[i] as number, (bits & 1) === 1);
        }
        if (clockPin === null) continue;
        drive(clockPin, Boolean(clkPol));
        drive(clockPin, !clkPol);
      }
    }
  };
  const info = (pin: number): object =>
    realm.objectOf({
      port: "D",
      num: pin,
      ...(isNegated(pin) ? { negated: true } : {}),
      mode: wires.modeOf(pin) ?? "undefined",
      output: wires.input(pin),
      functions: realm.object(),
    });

  const methods: Record<string, Native> = {
    read(this: object) {
      return read(numberOf(this)) === 1;
    },
    set(this: object) {
      drive(numberOf(this), true);
    },
    reset(this: object) {
      drive(numberOf(this), false);
    },
    write(this: object, value: unknown) {
      drive(numberOf(this), Boolean(value));
    },
    writeAtTime(this: object, value: unknown, seconds: unknown) {
      const pin = numberOf(this);
      const afterMs = (Number(seconds) - host.wallSec()) * 1000;
      wires.plan(pin, [{ afterMs: Math.max(0, afterMs), level: levelFor(pin, Boolean(value)) }]);
    },
    getMode(this: object) {
      return wires.modeOf(numberOf(this)) ?? undefined;
    },
    mode(this: object, mode: unknown) {
      setMode(numberOf(this), mode);
    },
    toggle(this: object) {
      const pin = numberOf(this);
      const isOn = (wires.input(pin) === 1) === isNegated(pin);
      drive(pin, isOn);
      return isOn;
    },
    pulse(this: object, value: unknown, times: unknown) {
      pulse(numberOf(this), Boolean(value), times);
    },
    analog(this: object) {
      return analogRead(numberOf(this));
    },
    pwm(this: object, value: unknown) {
      analogWrite(numberOf(this), value);
    },
    getInfo(this: object) {
      return info(numberOf(this));
    },
  };
  const pins = createPinObjects(realm, wires.count, profile.aliases, methods);

  const watches = createWatches({
    realm,
    loop,
    pins,
    errorFlags: host.errorFlags,
    prepare: (pin) => {
      const [first, last] = profile.unwatchable;
      if (pin >= first && pin <= last) return false;
      wires.setMode(pin, "input_pullup");
      return true;
    },
    isButton: (pin) => profile.aliases["BTN1"] === pin,
    read: (pin) => ((wires.input(pin) === 1) === isNegated(pin) ? 0 : 1),
    wallSec: host.wallSec,
    run: (callback, event) => {
      if (typeof callback === "function") callback.call(realm.global, event);
      else host.runText(realm.text(callback));
    },
    write,
  });
  wires.onEdge = (pin, level) => watches.edge(pin, (level === 1) === isNegated(pin) ? 0 : 1);

  realm.define(realm.global, {
    pinMode: (pin: unknown, mode?: unknown, isAutomatic?: unknown) =>
      setMode(numberOf(pin), mode, isAutomatic),
    getPinMode: (pin: unknown) => wires.modeOf(numberOf(pin)) ?? undefined,
    digitalWrite,
    digitalRead,
    digitalPulse: (pin: unknown, value: unknown, times: unknown) =>
      pulse(numberOf(pin), Boolean(value), times),
    analogRead: (pin: unknown) => analogRead(numberOf(pin)),
    analogWrite: (pin: unknown, value: unknown) => analogWrite(numberOf(pin), value),
    setWatch: (callback: unknown, pin: unknown, options?: unknown) =>
      watches.set(callback, pin, options),
    clearWatch: (...args: unknown[]) => watches.clear(args),
    shiftOut: (given: unknown, options: unknown, data: unknown) => shiftOut(given, options, data),
    // Pins that show what the interpreter does: nothing that a test would look at.
    setBusyIndicator: () => {},
    setSleepIndicator: () => {},
  });
  return { watches, pins };
}

function typeOf(value: unknown): string {
  const type = typeof value;
  return type === "undefined" ? type : type.charAt(0).toUpperCase() + type.slice(1);
}
