// SPDX-License-Identifier: MIT
// What the firmware needs from the board, and nothing more. `espruino.ts` implements it on the
// interpreter, a fake in the tests. A string that crosses this border is bytes, one char each.
import type { ClockQuality } from "../wire/heartbeat.ts";

/** Handle of an armed timer. */
export type Timer = number;

/** Two clocks that are never mixed, and one-shot timers. */
export interface Clock {
  /** Monotonic milliseconds since boot, whole; see docs/decisions/0011 for what it cannot see. */
  nowMs(): number;
  /** Epoch milliseconds, whole; believe it only as far as `quality` says. */
  wallMs(): number;
  /** `none`: the wall clock has not been set since power-up. */
  quality(): ClockQuality;
  /** Calls `fn` once after at least `delayMs`. */
  after(delayMs: number, fn: () => void): Timer;
  /** Disarms a timer; an already fired one is no error. */
  cancel(timer: Timer): void;
}

/** What a socket reports. `onClose` comes exactly once, and nothing after it. */
export interface SocketEvents {
  onOpen(): void;
  onData(bytes: string): void;
  /** `reason` is a word for the log: `refused`, `dns`, `ended`, `error`. */
  onClose(reason: string): void;
}

/** A TCP connection. */
export interface Socket {
  /** Queues bytes. Returns false when the connection is gone. Never refuses for size. */
  write(bytes: string): boolean;
  /** Bytes written since the queue was empty last: about what is queued, rather more than less. */
  pendingBytes(): number;
  /** Closes once what is queued has been sent; `onClose` comes then. */
  end(): void;
  /** Closes at once, whatever is queued; `onClose` is not called any more. */
  abort(): void;
}

/** TCP. */
export interface Network {
  /**
   * Opens a connection. May block the whole interpreter while it resolves and connects; failures,
   * also synchronous ones, arrive through `onClose`, never before `connect` has returned.
   */
  connect(host: string, port: number, events: SocketEvents): Socket;
}

/** State of the radio as the board reports it. */
export interface RadioEvents {
  onUp(ip: string): void;
  /** `reason` is the board's reason code, as text. */
  onDown(reason: string): void;
}

/** Wi-Fi station; absent on boards (and processes) without a radio. */
export interface Radio {
  /** Registers the listeners; call once. */
  listen(events: RadioEvents): void;
  /** Associates; `done` gets an error text or null. */
  join(ssid: string, password: string, done: (error: string | null) => void): void;
  /** IP address, or undefined when not connected. */
  address(): string | undefined;
  /** Signal strength in dBm, or undefined when not connected. */
  rssiDbm(): number | undefined;
}

/** Small files that survive a restart. */
export interface Store {
  read(name: string): string | undefined;
  /** Replaces a file. Returns an error text, or undefined when written. */
  write(name: string, data: string): string | undefined;
}

/** Hash and text encodings that the board does natively. */
export interface Hash {
  /** SHA-256 of bytes: 32 bytes. */
  sha256(bytes: string): string;
  /** RFC 4648 section 5, without padding. */
  base64url(bytes: string): string;
  /** The reverse; characters outside the alphabet are ignored. */
  fromBase64url(text: string): string;
}

/** The rest of the board. */
export interface System {
  /** Serial number, e.g. the MAC address. */
  serial(): string;
  /** Seeds the random generator with a 32-bit integer. */
  seed(value: number): void;
  /** Uniform in [0, 1). */
  random(): number;
  /** JsVars in use, garbage that has not been collected among them. */
  varsInUse(): number;
  /** JsVars free; collects garbage first when they seem to be few. */
  varsFree(): number;
  /** Collects garbage; takes tens of milliseconds. */
  collect(): void;
  /** Interpreter version. */
  version(): string;
  /** Writes one console line. */
  print(line: string): void;
  /** Gets each exception nobody caught, and each interpreter error flag, as one text. */
  onFault(fn: (text: string) => void): void;
  /** Makes an object reachable by name from the console. */
  expose(name: string, value: unknown): void;
}

/** Everything together. `hash` is absent on builds without SHA-256, `radio` without Wi-Fi. */
export interface Platform {
  clock: Clock;
  net: Network;
  radio?: Radio;
  store: Store;
  hash?: Hash;
  system: System;
}
