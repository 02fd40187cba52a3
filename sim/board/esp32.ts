// SPDX-License-Identifier: MIT
// The global ESP32: reset, sleep, and what the chip tells of itself.
import type { Chip } from "./chip.ts";
import { WAKE_CAUSES } from "./chip.ts";
import type { Native, Realm } from "./realm.ts";

/** What it needs of its board. */
export interface Esp32Host {
  chip: Chip;
  /** Number of a pin that a script gave, null for none. */
  pinOf(value: unknown): number | null;
  pinAt(pin: number): object;
  /** Stands still; timers go on afterwards from where they were. */
  lightSleep(ms: number): void;
  /** The module Storage, whose boot code some functions erase. */
  storage(): { erase(name: string): void };
  /** Bytes of the heap beside the interpreter's variables. */
  freeHeapBytes: number;
  write(text: string): void;
}

/** Pins that can end a deep sleep. */
const WAKE_PINS: readonly number[] = [
  0, 2, 4, 12, 13, 14, 15, 25, 26, 27, 32, 33, 34, 35, 36, 37, 39,
];

/** Installs the global, which is made when a script asks for it. */
export function installEsp32(realm: Realm, host: Esp32Host): void {
  const put = (value: unknown): void => {
    const named = { value, writable: true, configurable: true };
    Object.defineProperty(realm.global, "ESP32", named);
  };
  Object.defineProperty(realm.global, "ESP32", {
    configurable: true,
    get: () => {
      const ESP32 = createEsp32(realm, host);
      put(ESP32);
      return ESP32;
    },
    set: put,
  });
}

function createEsp32(realm: Realm, host: Esp32Host): object {
  const { chip, write } = host;
  const integer = (value: unknown): number => Number(value) | 0;
  const wakePin = (value: unknown): number => {
    const pin = host.pinOf(value);
    return pin !== null && WAKE_PINS.includes(pin) ? pin : realm.fail("Error", "Invalid pin");
  };
  /** The radio's switches restart the board without its saved code. */
  const restartWithoutCode = (): never => {
    write("Erasing saved code.");
    host.storage().erase(".bootcde");
    host.storage().erase(".bootrst");
    write("\nDone!\n");
    return chip.reset("reboot");
  };
  const functions: Record<string, Native> = {
    reboot: () => chip.reset("reboot"),
    deepSleep: (microseconds: unknown) => {
      // A signed word: what is above 35 minutes turns negative and is for ever.
      const us = integer(microseconds);
      chip.sleep(us < 0 ? null : us / 1000);
    },
    deepSleepExt0: (pin: unknown, level: unknown) =>
      chip.sleep(null, {
        cause: WAKE_CAUSES.EXT0,
        pins: [wakePin(pin)],
        level: integer(level) === 0 ? 0 : 1,
        needsAll: true,
      }),
    deepSleepExt1: (given: unknown, mode: unknown) => {
      const pins = (Array.isArray(given) ? given : [given]).map(wakePin);
      const kind = integer(mode);
      if (kind !== 0 && kind !== 1) realm.fail("Error", `Invalid mode (${kind})!`);
      const level = kind === 1 ? 1 : 0;
      chip.sleep(null, { cause: WAKE_CAUSES.EXT1, pins, level, needsAll: kind === 0 });
    },
    lightSleep: (ms: unknown) => {
      if (integer(ms) > 0) host.lightSleep(integer(ms));
    },
    getWakeupCause: () => chip.woke.cause,
    getWakeupPin: () => {
      const { cause, pin } = chip.woke;
      return cause === WAKE_CAUSES.EXT1 && pin !== null ? host.pinAt(pin) : undefined;
    },
    getState: () =>
      realm.objectOf({
        sdkVersion: "v3.3.6",
        freeHeap: host.freeHeapBytes,
        BLE: false,
        Wifi: true,
        minHeap: host.freeHeapBytes,
      }),
    setAtten: (_pin: unknown, atten: unknown) => write(`Atten:${integer(atten)}\n`),
    setBLE_Debug: () => {},
    enableBLE: restartWithoutCode,
    enableWifi: restartWithoutCode,
    setOTAValid: (isValid: unknown) => {
      if (!isValid) chip.reset("reboot");
    },
  };
  const ESP32 = realm.native(function () {});
  realm.define(ESP32, functions);
  return ESP32;
}
