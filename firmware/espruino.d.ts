// SPDX-License-Identifier: MIT
// What `@types/espruino` lacks or has wrong, and what the interpreter has of the language's later
// libraries: `lib.es2015.core` would also promise Number.isInteger, Math.trunc and Array.from, which
// it does not have. Only what the firmware uses is declared. Reference: espruino.com/Reference.
//
// Lacking in `@types/espruino` 1.95: timers, `require`, `process`, the modules `net` (as a module),
// `crypto` and `Storage`, `E.on`, `E.toString`. Wrong there: `E.toUint8Array` takes one argument
// only, `E.mapInPlace` requires `bits`, `getSerial` gives any, `Wifi.getIP` has no return values.
/// <reference types="espruino" />

// ---------------------------------------------------------------- the language's later libraries

/** Text of one character, where the compiler can tell. */
type OneCharacter<T extends string> = T extends `${infer _}${infer Rest}`
  ? Rest extends ""
    ? T
    : never
  : never;

interface String {
  startsWith(search: string, position?: number): boolean;
  endsWith(search: string, endPosition?: number): boolean;
  repeat(count: number): string;
  padStart(length: number, fill?: string): string;
  padEnd(length: number, fill?: string): string;

  // These also find where the END of the text is the beginning of what is looked for, which one
  // character cannot be; `split`, `startsWith`, `endsWith`, `lastIndexOf` and patterns do not.
  includes<T extends string>(search: OneCharacter<T>, position?: number): boolean;
  /** @deprecated Finds too much at the end of the text: lib/find.ts. */
  includes(search: string, position?: number): boolean;
  indexOf<T extends string>(search: OneCharacter<T>, position?: number): number;
  /** @deprecated Finds too much at the end of the text: lib/find.ts. */
  indexOf(search: string, position?: number): number;
  match(pattern: RegExp): RegExpMatchArray | null;
  /** @deprecated Finds too much at the end of the text: lib/find.ts, or a pattern. */
  match(search: string): RegExpMatchArray | null;
  replace(pattern: RegExp, replacement: string): string;
  replace<T extends string>(search: OneCharacter<T>, replacement: string): string;
  /** @deprecated Finds too much at the end of the text: lib/find.ts, or a pattern. */
  replace(search: string, replacement: string | ((part: string) => string)): string;
  replaceAll<T extends string>(search: OneCharacter<T>, replacement: string): string;
  /** @deprecated Finds too much at the end of the text: lib/find.ts, or a pattern. */
  replaceAll(search: string, replacement: string): string;
}

interface Array<T> {
  find(predicate: (value: T, index: number) => unknown): T | undefined;
  findIndex(predicate: (value: T, index: number) => unknown): number;
  fill(value: T, start?: number, end?: number): this;
}

interface ObjectConstructor {
  assign<T extends object, U>(target: T, source: U): T & U;
}

interface Math {
  sign(x: number): number;
}

// ------------------------------------------------------------------------------------- globals

/** Reference#l__global_setTimeout. Extra arguments are handed to the function. */
declare function setTimeout<A extends unknown[]>(
  fn: (...args: A) => void,
  delayMs: number,
  ...args: A
): number;

/** Reference#l_process. */
declare const process: {
  /** `2v29` and the like. */
  readonly version: string;
  readonly env: { readonly BOARD: string; readonly VERSION: string; readonly MODULES: string };
  /** With `false` no garbage collection is run first. */
  memory(gc?: boolean): { readonly free: number; readonly usage: number; readonly total: number };
  /** Gets the thrown value, which may be anything, undefined too. */
  on(event: "uncaughtException", listener: (thrown: unknown) => void): void;
};

declare namespace E {
  /** Reference#l_E_errorFlag: the names of the flags that have just been raised. */
  function on(event: "errorFlag", listener: (flags: string[]) => void): void;
  /** Before `load`, `reset` and `E.reboot`. */
  function on(event: "kill", listener: () => void): void;
  /** Reference#l_E_CRC32: unsigned, IEEE 802.3. */
  function CRC32(bytes: EspruinoBytes): number;
  /** Reference#l_E_enableWatchdog: seconds are rounded; `isAuto` false: only kicks feed it. */
  function enableWatchdog(sec: number, isAuto: boolean): void;
  /** Reference#l_E_kickWatchdog. */
  function kickWatchdog(): void;
  /** Reference#l_E_reboot. */
  function reboot(): void;
  /** Reference#l_E_toString: bytes as a flat string; throws for undefined and null. */
  function toString(...parts: EspruinoBytes[]): string;
  /** Reference#l_E_toUint8Array: a copy. */
  function toUint8Array(...parts: EspruinoBytes[]): Uint8Array;
  /** Reference#l_E_mapInPlace: `map` is a function or a table with one entry per value. */
  function mapInPlace(from: EspruinoBytes, to: ArrayBufferView, map: unknown): void;
}

/** Reference#l__global_load: starts all code in flash afresh. */
declare function load(): void;

/** Reference#LED1: the board's LED; not defined on boards without one. */
declare const LED1: { write(value: boolean): void };

/** What `E.toString` and the like take for bytes. */
type EspruinoBytes = string | number | ArrayBuffer | ArrayBufferView | EspruinoBytes[];

// --------------------------------------------------------------------------------- built-in modules

/** Reference#Socket. `write` always returns false, `end` flushes and closes. */
// Of ES2015 the interpreter has these two on strings (the rest of that library is left out of
// tsconfig.json, because most of it is missing there).
interface String {
  startsWith(search: string): boolean;
  endsWith(search: string): boolean;
}

interface EspruinoSocket {
  write(data: string): boolean;
  end(data?: string): void;
  /** Undocumented, of the interpreter: set, the socket is closed at the next idle pass. */
  clsNow?: boolean;
  on(event: "data", listener: (bytes: string) => void): void;
  on(event: "drain" | "end" | "connect", listener: () => void): void;
  on(event: "close", listener: (hadError: boolean) => void): void;
  on(event: "error", listener: (error: { code: number; message: string }) => void): void;
}

/** Reference#net. Blocks while it resolves and connects; failures are thrown at once. */
interface EspruinoNet {
  connect(options: { host: string; port: number }, onConnect: () => void): EspruinoSocket;
  createServer(onConnection: (client: EspruinoSocket) => void): EspruinoServer;
}

/** Reference#l_net_createServer. Connections outlive it. */
interface EspruinoServer {
  listen(port: number): EspruinoServer;
  close(): void;
}

/** Reference#dgramSocket. */
interface EspruinoDatagramSocket {
  send(bytes: string, port: number, address: string): void;
  close(): void;
  on(
    event: "message",
    listener: (bytes: string, from: { address: string; port: number; size: number }) => void,
  ): void;
}

/** Reference#dgram. */
interface EspruinoDgram {
  createSocket(type: "udp4"): EspruinoDatagramSocket;
}

/** Reference#crypto; the hashes are absent on some builds. */
interface EspruinoCrypto {
  SHA1?(bytes: EspruinoBytes): ArrayBuffer;
  SHA256?(bytes: EspruinoBytes): ArrayBuffer;
}

/** Reference#Storage. Names have at most 28 characters; `write` throws when the store is full. */
interface EspruinoStorage {
  read(name: string, offset?: number, length?: number): string | undefined;
  /** With an offset into a file whose bytes there are erased; `size` makes a file of that size. */
  write(name: string, data: string, offset?: number, size?: number): boolean;
  erase(name: string): void;
  /** Bytes free without a compaction. */
  getFree(): number;
  /** Of the whole store; trash is what a compaction frees. */
  getStats(): { readonly trashBytes: number };
}

/** Reference#Flash: the chip by the addresses of the processor. Writing only clears bits. */
interface EspruinoFlash {
  getFree(): { addr: number; length: number }[];
  getPage(address: number): { addr: number; length: number };
  erasePage(address: number): void;
  write(bytes: EspruinoBytes, address: number): void;
  read(lengthBytes: number, address: number): Uint8Array;
}

/** Reference#Wifi, as on ESP32. */
interface EspruinoWifi {
  connect(ssid: string, options: { password?: string }, done: (error: string | null) => void): void;
  disconnect(): void;
  removeAllListeners(event: "connected" | "disconnected"): void;
  getIP(): { ip: string; netmask: string; gw: string; mac: string };
  getStatus(): { station: string; rssi: number };
  /** `null` when the name has no address. */
  getHostByName(name: string, done: (ip: string | null) => void): void;
  on(event: "connected", listener: (info: { ip: string }) => void): void;
  /** `reason` is a number as text. */
  on(event: "disconnected", listener: (info: { reason: string }) => void): void;
}

declare function require(name: "net" | "tls"): EspruinoNet;
declare function require(name: "dgram"): EspruinoDgram;
declare function require(name: "crypto"): EspruinoCrypto;
declare function require(name: "Storage"): EspruinoStorage;
declare function require(name: "Flash"): EspruinoFlash;
declare function require(name: "Wifi"): EspruinoWifi;
