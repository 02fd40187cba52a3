// SPDX-License-Identifier: MIT
// What the firmware needs from the board, and nothing more: one flat object, because every level of
// an object costs memory. `espruino.ts` implements it on the interpreter, a fake in the tests. A
// string that crosses this border is bytes, one char each. What a build of the interpreter may lack
// is optional here; `app.ts` says plainly what is missing.

/** Bytes of a page of the flash beside the store. */
export const FLASH_PAGE_BYTES = 4096;

/** Bytes of that flash. The outbox has the first half of it, core/persist.ts the two pages behind. */
export const FLASH_BYTES = 16 * FLASH_PAGE_BYTES;

/** Handle of a timer of the interpreter. Services use the slots of core/runtime.ts instead. */
export type Timer = number;

/** What TLS takes: DER as bytes, or PEM where the build reads it. Nothing is verified, see README. */
export interface TlsOptions {
  ca?: string;
  cert?: string;
  key?: string;
}

/** Where a connection goes. With `tls` (which may be empty) it is TLS over TCP. */
export interface Endpoint {
  host: string;
  port: number;
  tls?: TlsOptions;
}

/** What a socket reports. Never called before the call that opened it has returned. */
export interface SocketEvents {
  /** TCP is connected; with TLS the handshake is still to come, bytes written wait for it. */
  onOpen(): void;
  /** At most 536 bytes. */
  onData(bytes: string): void;
  /**
   * Comes exactly once unless the owner called `abort` or `end` before, and nothing comes after it.
   * `reason` is a word for the log: `refused`, `dns`, `ended`, `error`, `tls`.
   */
  onClose(reason: string): void;
}

/** A TCP or TLS connection, or anything that carries bytes by the same rules. */
export interface Socket {
  /** Hands over all bytes, or answers false when the connection is gone. Never refuses for size. */
  write(bytes: string): boolean;
  /** Bytes written since the queue was empty last: about what is queued, rather more than less. */
  pendingBytes(): number;
  /** Drops the connection at once with what is queued; nothing is reported any more. */
  abort(): void;
  /** Ends the connection once what is queued has left, by force after `flushMs`; then `done`. */
  end(flushMs: number, done: () => void): void;
}

/** A UDP socket. */
export interface UdpSocket {
  /** Sends one datagram to an IP address. */
  send(bytes: string, address: string, port: number): void;
  close(): void;
}

/** Wi-Fi station. */
export interface Radio {
  /** Replaces the listeners. `reason` is the board's reason code, as text. */
  listen(onUp: (ip: string) => void, onDown: (reason: string) => void): void;
  /** Associates; `done` gets an error text or null, perhaps late or twice. */
  join(ssid: string, password: string, done: (error: string | null) => void): void;
  /** Ends the association and stops the radio, to start it afresh with the next `join`. */
  leave(): void;
  /** IP address, or undefined when not connected. */
  address(): string | undefined;
  /** Signal strength in dBm, or undefined when not connected. */
  rssiDbm(): number | undefined;
}

/** The board. */
export interface Board {
  // ---- time
  /** Monotonic milliseconds since boot, whole; see docs/decisions/0011 for what it cannot see. */
  nowMs(): number;
  /** What the interpreter's own clock shows, epoch ms, whole. */
  systemMs(): number;
  /** Sets it; absent where timers would not survive that. */
  setSystemMs?(wallMs: number): void;
  /** Calls `fn` once after at least `delayMs`. */
  after(fn: () => void, delayMs: number): Timer;
  /** Disarms a timer; an already fired one is no error, undefined is. */
  cancel(timer: Timer): void;

  /** Gets each time for which the interpreter did nothing else, ms, with its cause. */
  onStall?: (ms: number, cause: string) => void;
  /** Asked before `connect` may block; true: something was written, which is given time to leave. */
  beforeBlock?: () => boolean;
  /** What of the interpreter's own may block just now: `tls`, or nothing. */
  busy?: string;
  /** When a call last returned that `onStall` was told of, ms. */
  blockedMs?: number;

  // ---- network
  /** May block the interpreter while it connects; failures, also synchronous ones, come later. */
  connect(endpoint: Endpoint, events: SocketEvents): Socket;
  /** Whether `connect` can do TLS. */
  hasTls: boolean;
  /**
   * Resolves a name without blocking, to null when it has no address; absent where only the
   * interpreter's blocking way exists.
   */
  resolve?(host: string, done: (address: string | null) => void): void;
  /** Opens a UDP socket; absent on builds without it. */
  udp?(onMessage: (bytes: string, address: string) => void): UdpSocket;
  /**
   * Accepts TCP connections on a port. `accept` gets the connected socket and answers with its
   * events (`onOpen` is not called). Returns how to stop listening.
   */
  listen?(port: number, accept: (socket: Socket) => SocketEvents): () => void;
  /** Absent on boards (and processes) without a radio. */
  radio?: Radio;

  // ---- flash
  /** Reads a file, or part of one; undefined when there is none. A whole one costs no memory. */
  read(name: string, offsetBytes?: number, lengthBytes?: number): string | undefined;
  /**
   * Replaces a file, or writes into one: with an offset the bytes there must still be erased
   * (0xFF), and with `sizeBytes` a file of that size is made by its first piece.
   * @returns an error text, or undefined when written; `full` when the store would have to be compacted
   */
  write(name: string, data: string, offsetBytes?: number, sizeBytes?: number): string | undefined;
  /** Removes a file. */
  erase(name: string): void;
  /** Bytes that can be written before the store has to be compacted, which blocks for long. */
  storeFreeBytes(): number;

  // ---- flash beside the store: FLASH_BYTES in pages, addresses from 0; absent where there is none
  /** Reads bytes, in a buffer of their own. */
  flashRead?(at: number, lengthBytes: number): Uint8Array;
  /** Clears the bits that are 0 in the data; those that are 0 already stay so. */
  flashWrite?(at: number, bytes: Uint8Array): void;
  /** Sets all bits of the page that begins at `at`. Blocks for tens of milliseconds. */
  flashErase?(at: number): void;

  // ---- hash and text
  /** SHA-256 of bytes: 32 bytes. Absent on builds without it. */
  sha256?(bytes: string): string;
  /** SHA-1 of bytes: 20 bytes, for the handshake of WebSocket. Absent on builds without it. */
  sha1?(bytes: string): string;
  /**
   * Masks a payload of WebSocket (RFC 6455 section 5.3): four bytes from the random generator, then
   * the bytes combined with them. Of entries with WebSocket only: platform/espruino-bytes.ts.
   */
  mask?(bytes: string): string;
  /** RFC 4648 section 4, with padding. */
  base64(bytes: string): string;
  /** RFC 4648 section 5, without padding. */
  base64url(bytes: string): string;
  /** The reverse; characters outside the alphabet are ignored. */
  fromBase64url(text: string): string;
  /** CRC-32 (IEEE 802.3) of bytes, unsigned. */
  crc32(bytes: string | Uint8Array): number;

  // ---- the rest
  /** Serial number, e.g. the MAC address. */
  serial(): string;
  /** Seeds the random generator with a 32-bit integer. */
  seed(value: number): void;
  /** Uniform in [0, 1). */
  random(): number;
  /** JsVars in use, garbage that has not been collected among them. */
  varsInUse(): number;
  /** JsVars there are; a board's number is fixed. */
  varsTotal: number;
  /** Collects garbage and answers the JsVars that are free then; takes tens of milliseconds. */
  collect(): number;
  /** Interpreter version. */
  version: string;
  /** Writes one console line. */
  print(line: string): void;
  /** Gets each exception nobody caught, and each interpreter error flag, as one text. */
  onFault(fn: (text: string) => void): void;
  /** Makes an object reachable by name from the console. */
  expose(name: string, value: unknown): void;
  /** Starts the board afresh. */
  reboot(): void;
  /** Starts its software afresh. */
  restart(): void;
  /**
   * Arms the hardware watchdog: without `feed` for so long, the board restarts. With `isAuto` the
   * interpreter's idle loop feeds it.
   */
  watchdog(sec: number, isAuto: boolean): void;
  /** Feeds the hardware watchdog. */
  feed(): void;
  /** Switches the board's LED; absent where there is none. */
  led?(isOn: boolean): void;
}
