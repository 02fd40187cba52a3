// SPDX-License-Identifier: MIT
// What differs between the boards that can be virtual: `esp32` is the real board, `linux` the
// interpreter process that parity probes run on. One table, so that nothing else asks which it is.

/** Name of a kind of board. */
export type ProfileName = "esp32" | "linux";

/** The pins of a kind of board, by number. */
export interface PinProfile {
  count: number;
  /** Further names. */
  aliases: Readonly<Record<string, number>>;
  /** Read 1 when their wire is low. */
  negated: readonly number[];
  /** Can be read by `analogRead`. */
  analog: readonly number[];
  /** From, to: belong to the flash and cannot be watched. */
  unwatchable: readonly [number, number];
  /** Have a resistor on the board. */
  pulledUp: readonly number[];
}

/** One kind of board. */
export interface Profile {
  /** `process.env.BOARD`. */
  board: string;
  /** Native modules that `require` finds. */
  modules: readonly string[];
  /** Flash for files: bytes, bytes of a page, where the processor sees it; ms to erase a page. */
  storageBytes: number;
  flashPageBytes: number;
  flashAddress: number;
  /** The partition for programs: bytes, and where the processor sees it. */
  spareBytes: number;
  spareAddress: number;
  eraseMs: number;
  /** From where on there is flash, and what of it the interpreter says is free: address, bytes. */
  flashStart: number;
  flashFree: readonly (readonly [number, number])[];
  /** Whether setTime moves the clock; the process may not set that of its host. */
  canSetTime: boolean;
  pins: PinProfile;
  /** Has the global ESP32. */
  hasChip: boolean;
  /** Heap beside the interpreter's variables, bytes. */
  freeHeapBytes: number;
  /** Sockets that may be open at once. */
  maxSockets: number;
  /** Whether certificates may be given as PEM text; otherwise only as DER bytes. */
  readsPem: boolean;
  /** Variables of the interpreter. */
  totalVars: number;
  /** Stack of scripts, in the bytes of a process (see instrument-functions.ts). */
  stackBytes: number;
  /** Serial ports, the console's first. */
  serialPorts: readonly string[];
  /** What may wait of what comes in, bytes. */
  inputBufferBytes: number;
}

/** Version of the interpreter that the boards follow. */
export const INTERPRETER_VERSION = "2v29.277";

/** The kinds of boards. */
export const PROFILES: Readonly<Record<ProfileName, Profile>> = {
  esp32: {
    board: "ESP32",
    modules: ["Flash", "Storage", "net", "tls", "http", "dgram", "crypto", "Wifi"],
    storageBytes: 896 * 1024,
    flashPageBytes: 4096,
    flashAddress: 0x320000,
    spareBytes: 64 * 1024,
    spareAddress: 0x310000,
    // Data sheets of the usual chips: 45 ms typical, 400 at most.
    eraseMs: 40,
    flashStart: 0,
    // The last is the end of Storage, whatever the interpreter says.
    flashFree: [
      [0xe000, 0x2000],
      [0x310000, 0x10000],
      [0x360000, 0xa0000],
    ],
    canSetTime: true,
    pins: {
      count: 40,
      aliases: { LED1: 2, LED: 2, BTN1: 0, BTN: 0 },
      negated: [0],
      analog: [32, 33, 34, 35, 36, 37, 38, 39],
      unwatchable: [6, 12],
      pulledUp: [0],
    },
    hasChip: true,
    freeHeapBytes: 40_000,
    maxSockets: 10,
    readsPem: true,
    totalVars: 16383,
    // A task's 25,000 bytes; a call takes there about three quarters of what it takes in a process.
    stackBytes: 33_000,
    serialPorts: ["Serial1", "Serial2", "Serial3", "LoopbackA", "LoopbackB"],
    inputBufferBytes: 4092,
  },
  linux: {
    board: "LINUX32",
    modules: ["Flash", "Storage", "net", "tls", "http", "dgram", "crypto"],
    storageBytes: 256 * 1024,
    flashPageBytes: 1024,
    flashAddress: 0x10000000,
    spareBytes: 0,
    spareAddress: 0,
    eraseMs: 0,
    flashStart: 0x10000000,
    flashFree: [[0x10000000, 256 * 1024]],
    canSetTime: false,
    pins: {
      count: 33,
      aliases: {},
      negated: [],
      analog: [],
      unwatchable: [-1, -1],
      pulledUp: [],
    },
    hasChip: false,
    freeHeapBytes: 0,
    maxSockets: Infinity,
    readsPem: false,
    totalVars: 16383,
    stackBytes: 1_000_000,
    serialPorts: ["USB", "Serial1", "Serial2", "LoopbackA", "LoopbackB"],
    inputBufferBytes: 1020,
  },
};
