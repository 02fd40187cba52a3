// SPDX-License-Identifier: MIT
// Serial ports as scripts see them: Serial1 and its kin with an outside, LoopbackA and LoopbackB
// that are joined to each other. What comes in waits in one bounded buffer for all of them and is
// handled in front of the timers of a pass, in blocks. One port may be the console's.
//
//   outside  -> buffer -> 'data' of the port, or the console
//   write, print of the port, or the console's output -> outside
//
// - A port that no script has ever named drops what comes in, as there.
// - Speed, pins and parity are taken and have no effect: bytes arrive at once.
// Not for: what the console does with its bytes (console.ts).
import type { ErrorFlags } from "./error-flags.ts";
import type { Loop, LoopModule } from "./loop.ts";
import type { Realm } from "./realm.ts";
import type { Streams } from "./streams.ts";

/** Most bytes of one 'data' event. */
const BLOCK_BYTES = 63;
/** What each block takes of the buffer beside its bytes. */
const BLOCK_OVERHEAD_BYTES = 2;

/** What the ports need of their board. */
export interface SerialHost {
  realm: Realm;
  loop: Loop;
  streams: Streams;
  errorFlags: ErrorFlags;
  /** Names of the ports, the console's first. */
  ports: readonly string[];
  /** Room for what comes in, bytes. */
  bufferBytes: number;
  bytes(value: unknown): Uint8Array;
  /** Takes what leaves a port. */
  onOut(port: string, bytes: string): void;
}

/** The ports of one board. */
export interface Serial {
  /**
   * Bytes from the outside of a port.
   * @returns how many of them fit; the rest is lost, and the board knows
   * @throws RangeError for a port that the board has not
   */
  input(port: string, bytes: string): number;
  /** Sends bytes out of a port. */
  output(port: string, bytes: string): void;
  /** Gives the console's port to another; null for none. @throws Error of the script's world */
  setConsole(port: unknown): void;
  console(): string | null;
  /** Gets what comes in at the console's port. */
  onConsole: (bytes: string) => void;
}

interface Block {
  port: string;
  bytes: string;
}

const OTHER_END: Readonly<Record<string, string>> = {
  LoopbackA: "LoopbackB",
  LoopbackB: "LoopbackA",
};

/** Creates the ports of one board and their globals. */
export function createSerial(host: SerialHost): Serial {
  const { realm, loop, streams, errorFlags, ports } = host;
  const objects = new Map<string, object>();
  const namesOf = new WeakMap<object, string>();
  let waiting: Block[] = [];
  let isListening = false;
  let console: string | null = ports[0] ?? null;

  const usedBytes = (): number =>
    waiting.reduce((sum, block) => sum + block.bytes.length + BLOCK_OVERHEAD_BYTES, 0);
  const module: LoopModule = {
    input: () => {
      const blocks = waiting;
      waiting = [];
      for (const { port, bytes } of blocks) {
        const object = objects.get(port);
        if (port === console) serial.onConsole(bytes);
        else if (object) streams.push(object, bytes, true);
      }
    },
    isOpen: () => waiting.length > 0,
    counts: () => ({ sockets: 0, bufferedBytes: usedBytes() }),
  };
  // Most boards never get a byte.
  const listen = (): void => {
    if (isListening) return;
    isListening = true;
    loop.addModule(module);
  };

  /** Puts one block into the buffer; returns how much of it fits. */
  const push = (port: string, bytes: string): number => {
    const roomBytes = Math.max(0, host.bufferBytes - usedBytes() - BLOCK_OVERHEAD_BYTES);
    const taken = bytes.slice(0, roomBytes);
    if (taken !== "") waiting.push({ port, bytes: taken });
    listen();
    if (taken.length < bytes.length) errorFlags.raise("FIFO_FULL");
    loop.wake();
    return taken.length;
  };
  /** Adds to the last block, if one may: the first is as good as read. */
  const extend = (port: string, bytes: string): string => {
    const last = waiting.length > 1 ? (waiting.at(-1) as Block) : null;
    if (last?.port !== port) return bytes;
    const room = Math.min(BLOCK_BYTES - last.bytes.length, host.bufferBytes - usedBytes());
    last.bytes += bytes.slice(0, Math.max(0, room));
    return bytes.slice(Math.max(0, room));
  };
  const pushAll = (port: string, bytes: string): number => {
    let taken = 0;
    for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
      taken += push(port, bytes.slice(at, at + BLOCK_BYTES));
    }
    return taken;
  };
  const output = (port: string, bytes: string): void => {
    const other = OTHER_END[port];
    if (bytes === "") return;
    if (other === undefined) return host.onOut(port, bytes);
    // Written character by character: the first makes a block of its own.
    const first = waiting.length === 0 ? push(other, bytes.slice(0, 1)) : 0;
    const rest = extend(other, bytes.slice(first));
    pushAll(other, rest);
  };

  const nameOf = (self: object): string =>
    namesOf.get(self) ?? realm.fail("Error", "Not a serial port");
  const latin1 = (...values: unknown[]): string =>
    Buffer.from(host.bytes(values)).toString("latin1");
  const setConsole = (port: unknown): void => {
    const name = typeof port === "object" && port !== null ? namesOf.get(port) : port;
    if (port === null) console = null;
    else if (typeof name === "string" && ports.includes(name)) console = name;
    else realm.fail("Error", `Unknown device type "undefined"`);
  };
  const prototype = realm.object();
  realm.define(prototype, {
    ...streams.methods,
    setup() {},
    unsetup() {},
    write(this: object, ...values: unknown[]) {
      output(nameOf(this), latin1(...values));
    },
    print(this: object, text?: unknown) {
      output(nameOf(this), realm.text(text));
    },
    println(this: object, text?: unknown) {
      output(nameOf(this), `${realm.text(text)}\r\n`);
    },
    inject(this: object, ...values: unknown[]) {
      for (const value of values) pushAll(nameOf(this), latin1(value));
    },
    setConsole(this: object) {
      setConsole(this);
    },
    flush() {},
  });
  const constructor = realm.native(function () {});
  Object.defineProperty(constructor, "name", { value: "Serial", configurable: true });
  Object.defineProperty(constructor, "prototype", { value: prototype });
  Object.defineProperty(prototype, "constructor", { value: constructor, configurable: true });
  const named = { value: constructor, writable: true, configurable: true };
  Object.defineProperty(realm.global, "Serial", named);
  for (const port of ports) {
    Object.defineProperty(realm.global, port, {
      configurable: true,
      get: () => {
        let object = objects.get(port);
        if (!object) {
          object = Object.create(prototype) as object;
          objects.set(port, object);
          namesOf.set(object, port);
        }
        return object;
      },
      set: (value: unknown) => {
        const member = { value, writable: true, enumerable: true, configurable: true };
        Object.defineProperty(realm.global, port, member);
      },
    });
  }

  const serial: Serial = {
    input: (port, bytes) => {
      if (!ports.includes(port)) throw new RangeError(`the board has no port "${port}"`);
      return pushAll(port, bytes);
    },
    output,
    setConsole,
    console: () => console,
    onConsole: () => {},
  };
  return serial;
}
