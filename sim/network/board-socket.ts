// SPDX-License-Identifier: MIT
// A virtual connection as a board polls it: see network.ts for what it promises.
import type { ClockTimer, SimClock } from "../clock/clock.ts";
import type { Driver, End } from "./connection.ts";
import { SEND_BUFFER_BYTES } from "./network.ts";
import type { NetworkFailure, SimSocket } from "./network.ts";
import type { Bytes } from "./path.ts";

/** How a socket begins. */
export interface BoardSocketOptions {
  blockedMs: number;
  phase: Phase;
}

/** How far a connection has come: being made, in its TLS handshake, usable. */
export type Phase = "connecting" | "securing" | "open";

const latin1 = (bytes: Bytes): string =>
  typeof bytes === "string"
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");

/** The socket of one end, and the end's driver. A class because a fleet has thousands. */
export class BoardSocket implements SimSocket, Driver {
  readonly blockedMs: number;
  /** As of SimNetwork.connect. */
  onChange: () => void = () => {};
  readonly #clock: SimClock;
  readonly #end: End;
  #received = "";
  #hasEnded = false;
  #phase: Phase;
  #failure: NetworkFailure | null = null;
  /** It was told that not everything fits. */
  #isWaiting = false;
  /** The word that there is room is on its way. */
  #news: ClockTimer | null = null;

  /** Makes itself the driver of the end. */
  constructor(clock: SimClock, end: End, { blockedMs, phase }: BoardSocketOptions) {
    this.#clock = clock;
    this.#end = end;
    this.blockedMs = blockedMs;
    this.#phase = phase;
    end.driver = this;
  }

  get state(): SimSocket["state"] {
    if (this.#hasEnded && this.#received === "") return "closed";
    return this.#phase === "connecting" ? "connecting" : "open";
  }

  get failure(): NetworkFailure | null {
    return this.#failure;
  }

  get isSecuring(): boolean {
    return this.#phase === "securing";
  }

  get hasUnread(): boolean {
    return this.#received !== "" && this.#phase === "open";
  }

  get phase(): Phase {
    return this.#phase;
  }

  send(bytes: string): number {
    if (this.#hasEnded || this.#phase !== "open") return 0;
    const room = SEND_BUFFER_BYTES - this.#end.outstandingBytes();
    const count = Math.max(0, Math.min(room, bytes.length));
    this.#isWaiting = count < bytes.length;
    if (count > 0) this.#end.write(count < bytes.length ? bytes.slice(0, count) : bytes);
    return count;
  }

  receive(maxBytes: number): string {
    const received = this.#received;
    if (received === "" || this.#phase !== "open") return "";
    const count = Math.min(maxBytes, this.#end.arriving.segmentBytes);
    const part = count < received.length ? received.slice(0, count) : received;
    this.#received = count < received.length ? received.slice(count) : "";
    this.#end.hasRead();
    return part;
  }

  close(): void {
    this.#end.finish();
    this.#end.release();
    this.#leave();
  }

  destroy(): void {
    this.#end.abort();
    this.#leave();
  }

  /** The connection has come so far. */
  reach(phase: Phase): void {
    if (this.#end.isReleased || this.#phase === phase) return;
    this.#phase = phase;
    this.onChange();
  }

  /** The connection, or its handshake, has failed. */
  refuse(failure: NetworkFailure): void {
    this.#phase = "open";
    if (this.#end.isReleased) return;
    this.#end.abort();
    this.onFail(failure);
  }

  unreadBytes(): number {
    return this.#received.length;
  }

  onBytes(bytes: Bytes): void {
    const text = latin1(bytes);
    this.#received = this.#received === "" ? text : this.#received + text;
    this.onChange();
  }

  onEnd(): void {
    this.#hasEnded = true;
    this.onChange();
  }

  onFail(failure: NetworkFailure): void {
    this.#failure = failure;
    this.#hasEnded = true;
    this.onChange();
  }

  onLeft(): void {
    if (!this.#isWaiting) return;
    this.#isWaiting = false;
    this.#news ??= this.#clock.setTimer(() => {
      this.#news = null;
      this.onChange();
    }, this.#end.arriving.latencyMs);
  }

  #leave(): void {
    this.#received = "";
    this.#hasEnded = true;
    this.#isWaiting = false;
    if (this.#news) this.#clock.clearTimer(this.#news);
    this.#news = null;
  }
}
