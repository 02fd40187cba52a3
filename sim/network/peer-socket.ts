// SPDX-License-Identifier: MIT
// A virtual connection as a server program uses it: see peer.ts for what it promises.
import type { SimClock } from "../clock/clock.ts";
import type { Driver, End } from "./connection.ts";
import { slice } from "./path.ts";
import type { Bytes } from "./path.ts";
import type { Peer, PeerConnection, PeerHandlers } from "./peer.ts";

const toBuffer = (bytes: Bytes): Buffer =>
  typeof bytes === "string"
    ? Buffer.from(bytes, "latin1")
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** One accepted connection. A class because a fleet has thousands. */
class PeerSocket implements PeerConnection, Driver {
  readonly remote: string;
  /** Set when the program has accepted; nothing is called before. */
  handlers: PeerHandlers | null = null;
  readonly #clock: SimClock;
  readonly #end: End;
  /** What has come while the program was not reading. */
  #kept: Bytes[] = [];
  #keptBytes = 0;
  #isPaused = false;
  #hasFarEnded = false;
  #isClosed = false;
  #mustDrain = false;

  constructor(clock: SimClock, end: End, remote: string) {
    this.#clock = clock;
    this.#end = end;
    this.remote = remote;
  }

  get unsentBytes(): number {
    return this.#end.outstandingBytes();
  }

  write(bytes: Uint8Array): void {
    this.#mustDrain = true;
    this.#end.write(bytes);
  }

  end(): void {
    this.#end.finish();
  }

  destroy(): void {
    this.#end.abort();
    this.#clock.setTimer(() => this.#close(), 0);
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    if (this.#keptBytes > 0 || this.#hasFarEnded) this.#clock.setTimer(() => this.#flush(), 0);
  }

  unreadBytes(): number {
    return this.#keptBytes;
  }

  onBytes(bytes: Bytes): void {
    if (this.#isPaused || this.#keptBytes > 0) this.#keep(bytes);
    else this.#hand(bytes);
  }

  onEnd(): void {
    this.#hasFarEnded = true;
    this.#flush();
  }

  onFail(): void {
    this.#close();
  }

  onLeft(): void {
    if (!this.#mustDrain || this.#isClosed || this.#end.outstandingBytes() > 0) return;
    this.#mustDrain = false;
    this.handlers?.onDrain?.();
  }

  #keep(bytes: Bytes): void {
    this.#kept.push(bytes);
    this.#keptBytes += bytes.length;
  }

  #hand(bytes: Bytes): void {
    const most = this.#end.arriving.segmentBytes;
    let rest = bytes;
    // The program may close or pause in between.
    while (rest.length > 0 && !this.#isPaused && !this.#isClosed) {
      const part = most < rest.length ? slice(rest, 0, most) : rest;
      rest = most < rest.length ? slice(rest, most) : "";
      this.handlers?.onData(toBuffer(part));
    }
    if (rest.length > 0 && !this.#isClosed) this.#keep(rest);
  }

  /** Hands over what was kept, and then the end. */
  #flush(): void {
    const waiting = this.#kept;
    const before = this.#keptBytes;
    this.#kept = [];
    this.#keptBytes = 0;
    for (const bytes of waiting) this.#hand(bytes);
    if (this.#isClosed) return;
    if (this.#keptBytes < before) this.#end.hasRead();
    if (!this.#hasFarEnded || this.#keptBytes > 0) return;
    // No program here wants a half-closed connection.
    this.#end.finish();
    this.#end.release();
    this.#close();
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#kept = [];
    this.#keptBytes = 0;
    this.handlers?.onClose();
  }
}

/** Has a program accept a connection; called from the clock. */
export function acceptByPeer(clock: SimClock, end: End, peer: Peer, remote: string): void {
  const socket = new PeerSocket(clock, end, remote);
  end.driver = socket;
  socket.handlers = peer.accept(socket);
}
