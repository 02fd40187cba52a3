// SPDX-License-Identifier: MIT
// The object E: bytes and numbers (E.toString, E.mapInPlace ...) and the board itself (flags,
// console, watchdog, restart).
// Not for: what needs the inside of the interpreter (E.asm, E.nativeCall, E.dumpVariables) or an SD
// card; those functions are missing.
import { crc32 } from "node:zlib";
import { asBuffer, latin1 } from "./bytes.ts";
import type { ErrorFlags } from "./error-flags.ts";
import type { Events } from "./events.ts";
import { relaxedText } from "./format.ts";
import { heapVars } from "./memory-heap.ts";
import { typeName } from "./promises.ts";
import type { Native, Realm } from "./realm.ts";
import type { Serial } from "./serial.ts";
import type { Watchdog } from "./watchdog.ts";

/** What E needs of its board. */
export interface EHost {
  realm: Realm;
  events: Events;
  errorFlags: ErrorFlags;
  serial: Serial;
  bytes(value: unknown): Uint8Array;
  draw(): number;
  seed(value: number): void;
  setTimeZone(hours: number): void;
  pipe(source: unknown, destination: unknown, options?: unknown): void;
  /** The module Storage, for boot code. */
  storage(): { write(name: string, data: unknown): void; erase(name: string): void };
  watchdog: Watchdog;
  /** Resets the chip; does not return. */
  reboot(): never;
  /** Whether it is a chip; otherwise a process. */
  hasChip: boolean;
  write(text: string): void;
}

/** What the processor alone takes. */
const CHIP_MICROAMPERES = 20_000;

/** Degrees that the chip's sensor says, in a unit of its own. */
const CHIP_TEMPERATURE = 128;

/** Bytes as values of so many bits, the high ones first; the low ones when `bits` is negative. */
function bitsOf(from: Uint8Array, bits: number): number[] {
  const values: number[] = [];
  const width = Math.trunc(Math.abs(bits)) || 8;
  const mask = (1 << width) - 1;
  let word = 0;
  let count = 0;
  for (const byte of from) {
    word = bits < 0 ? word | ((byte & 255) << count) : (word << 8) | (byte & 255);
    for (count += 8; count >= width; count -= width) {
      values.push((bits < 0 ? word : word >> (count - width)) & mask);
      if (bits < 0) word >>= width;
    }
    word &= (1 << Math.max(count, 1)) - 1;
  }
  return values;
}

/** Red, green and blue, 0 to 255. */
function rgbOf(hue: number, saturation: number, brightness: number): [number, number, number] {
  const part = (at: number): number => {
    const sector = (((at + hue * 6) % 6) + 6) % 6;
    const fall = Math.max(0, Math.min(sector, 4 - sector, 1));
    return Math.floor((brightness - brightness * saturation * fall) * 255 + 1e-9);
  };
  return [part(5), part(3), part(1)];
}

function dataFunctions({ realm, bytes, draw, seed }: EHost): Record<string, Native> {
  const all = (values: unknown[]): Uint8Array => bytes(values.length === 1 ? values[0] : values);
  /** Numbers of an array or text. */
  const numbers = (items: unknown): number[] => {
    if (typeof items === "string") return [...Buffer.from(items, "latin1")];
    const isList = Array.isArray(items) || ArrayBuffer.isView(items);
    if (!isList) realm.fail("Error", `First argument must be Array, not ${typeName(items)}`);
    return Array.from(items as ArrayLike<unknown>, Number);
  };
  const mapInPlace = (from: Uint8Array, to: Uint8Array, map?: unknown, bits?: unknown): void => {
    if (!ArrayBuffer.isView(from) || !ArrayBuffer.isView(to)) {
      realm.fail("Error", "First 2 arguments should be array buffers");
    }
    const source = bits === undefined ? from : bitsOf(from, Number(bits));
    const count = Math.min(source.length, to.length);
    if (typeof map === "function") {
      for (let i = 0; i < count; i++) to[i] = Number(map(source[i], i));
    } else if (map === undefined) {
      for (let i = 0; i < count; i++) to[i] = source[i] as number;
    } else {
      const table = map as Uint8Array;
      for (let i = 0; i < count; i++) to[i] = table[source[i] as number] ?? 0;
    }
  };
  return {
    toString: (...values: unknown[]) => latin1(all(values)),
    toUint8Array: (...values: unknown[]) => realm.uint8(all(values)),
    // On the board the buffer is the string's own memory; here it is a copy.
    toArrayBuffer: (text: unknown) => (typeof text === "string" ? realm.bufferOf(text) : undefined),
    toFlatString: (...values: unknown[]) => latin1(all(values)),
    asUTF8: () => realm.fail("Error", "Unicode not supported on this build"),
    fromUTF8: () => undefined,
    isUTF8: () => false,
    mapInPlace,
    sum: (items: unknown) => numbers(items).reduce((sum, n) => sum + n, 0),
    variance: (items: unknown, mean: unknown) =>
      numbers(items).reduce((sum, n) => sum + (n - Number(mean)) ** 2, 0),
    convolve: (a: unknown, b: unknown, offset?: unknown) => {
      const [x, y] = [numbers(a), numbers(b)];
      const shift = Math.trunc(Number(offset)) || 0;
      const at = (i: number): number => y[(((i + shift) % y.length) + y.length) % y.length] ?? 0;
      return x.reduce((sum, n, i) => sum + n * at(i), 0);
    },
    CRC32: (data?: unknown) => (data === undefined ? undefined : crc32(asBuffer(bytes(data)))),
    clip: (value: unknown, least: unknown, most: unknown) =>
      Math.min(Math.max(Number(value), Number(least)), Number(most)),
    reverseByte: (value: unknown) => {
      let out = 0;
      for (let i = 0; i < 8; i++) if (Number(value) & (1 << i)) out |= 128 >> i;
      return out;
    },
    HSBtoRGB: (hue: unknown, saturation: unknown, brightness: unknown, form?: unknown) => {
      const [r, g, b] = rgbOf(Number(hue), Number(saturation), Number(brightness));
      if (form === 16) return ((r & 0xf8) << 8) | ((g & 0xfc) << 3) | (b >> 3);
      return form ? realm.arrayOf([r, g, b]) : r | (g << 8) | (b << 16);
    },
    lookupNoCase: (object: unknown, name: unknown, wantsName?: unknown) => {
      if (typeof object !== "object" || object === null || Array.isArray(object)) return undefined;
      const wanted = realm.text(name).toLowerCase();
      const found = Object.keys(object).find((key) => key.toLowerCase() === wanted);
      if (found === undefined || wantsName) return found;
      return (object as Record<string, unknown>)[found];
    },
    hwRand: () => draw(),
    srand: (value: unknown) => seed(Number(value)),
    toJS: (value: unknown) => relaxedText(value, realm, { hasFunctions: true }),
    getSizeOf: (value: unknown) => (value === undefined ? 0 : Math.max(1, heapVars([value]))),
  };
}

function boardFunctions(host: EHost): Record<string, Native> {
  const { realm, events, errorFlags, serial, write } = host;
  const flags = realm.objectOf({
    deepSleep: 0,
    unsafeFlash: 0,
    unsyncFiles: 0,
    pretokenise: 0,
    jitDebug: 0,
    onErrorSave: 0,
    onErrorFlash: 0,
  });
  const leftToTools = (name: string) => (): never => {
    const text = `'E.${name}' calls should have been replaced by the Espruino tools before upload`;
    return realm.fail("Error", text);
  };
  return {
    getErrorFlags: () => realm.arrayOf(errorFlags.take()),
    setFlags: (changes: unknown) => {
      if (typeof changes !== "object" || changes === null) return;
      const given = changes as Record<string, unknown>;
      for (const name of Object.keys(flags)) {
        if (name in given) flags[name] = Number(given[name]) ? 1 : 0;
      }
    },
    getFlags: () => realm.objectOf(flags),
    getConsole: () => serial.console(),
    setConsole: (port: unknown) => serial.setConsole(port),
    setTimeZone: (hours: unknown) => host.setTimeZone(Number(hours)),
    stopEventPropagation: () => events.stopPropagation(),
    enableWatchdog: (limitSec: unknown, isAuto?: unknown) =>
      host.watchdog.enable(Number(limitSec), isAuto === undefined || Boolean(isAuto)),
    kickWatchdog: () => host.watchdog.kick(),
    reboot: () => host.reboot(),
    pipe: (source: unknown, destination: unknown, options?: unknown) =>
      host.pipe(source, destination, options),
    setBootCode: (code?: unknown, isAlways?: unknown) => {
      const storage = host.storage();
      storage.erase(".bootcde");
      storage.erase(".bootrst");
      const hasCode = code !== undefined && realm.text(code) !== "";
      if (hasCode) storage.write(isAlways ? ".bootrst" : ".bootcde", code);
    },
    getTemperature: () => (host.hasChip ? CHIP_TEMPERATURE : NaN),
    getAnalogVRef: () => {
      if (host.hasChip) write("ERROR: >> jshReadVRef Not implemented\n");
      return NaN;
    },
    getPowerUsage: () => {
      const devices = host.hasChip ? { CPU: CHIP_MICROAMPERES } : {};
      return realm.objectOf({ device: realm.objectOf(devices), total: devices.CPU ?? 0 });
    },
    asm: leftToTools("asm"),
    compiledC: leftToTools("compiledC"),
    memoryArea: () => undefined,
    getClock: () => undefined,
    setClock: () => 0,
    defrag: () => {},
    lockConsole: () => {},
    setPassword: () => {},
  };
}

/** Installs the functions of E. */
export function installE(E: object, host: EHost): void {
  host.realm.define(E, { ...dataFunctions(host), ...boardFunctions(host) });
}
