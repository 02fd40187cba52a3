// SPDX-License-Identifier: MIT
// One direction of one virtual connection: what is written queues for the receiver's window, takes
// its time on the line in order, and arrives. Cheap where nothing disturbs it: one clock event for
// each write.
//
//   push -> queue --(window has room)--> flying --(latency, capacity, loss)--> deliver
//
// | state | entered when | timers | leaves on |
// | moving | created; a retry got through | arrival of the first flying segment | a packet vanishes |
// | lost | a flying packet vanished | retry, 1.5 s doubling to 192 s | retry finds the line open |
// | unacknowledged | delivered, but the way back is blocked | retry | retry finds the way back open |
// | closed | clear; 12 retries in vain | none | - |
//
// Acknowledgements take no time and no segment of their own unless the way back is blocked.
// Not for: FIN and reset (connection.ts), which effects are in force (conditions.ts).
import { alarmOf } from "../clock/clock.ts";
import type { Alarm, ClockTimer, SimClock } from "../clock/clock.ts";
import type { RandomStream } from "../random.ts";
import type { Combined } from "./conditions.ts";

/** Bytes of a board are text, one character each; those of a server program are a Uint8Array. */
export type Bytes = string | Uint8Array;

/** What a path needs from its connection. */
export interface PathHost {
  /** Nothing leaves before this time. */
  readonly openAtMs: number;
  /** What is in force in this direction. */
  readonly leaving: Readonly<Combined>;
  /** True while packets in this direction vanish. */
  isBlocked(): boolean;
  /** True while acknowledgements vanish. */
  isReverseBlocked(): boolean;
  random(): RandomStream;
  /** Bytes that the receiver has room for, those on their way not counted. */
  roomBytes(): number;
  deliver(bytes: Bytes): void;
  /** Some of what was pushed has arrived. */
  onLeft(): void;
  /** The far end did not answer for about 20 minutes. */
  onGiveUp(): void;
}

interface Segment {
  bytes: Bytes;
  /** What it weighs on the line. */
  sizeBytes: number;
  atMs: number;
  /** Null for bytes. */
  onArrive: (() => void) | null;
}

/** Largest segment (lwIP's setting on the ESP32). */
export const MSS_BYTES = 1440;
/** First time-out for an answer (lwIP's setting on the ESP32). */
export const RTO_MS = 1500;
const MAX_RTO_MS = 192_000;
/** Retries before TCP gives a connection up (lwIP's setting on the ESP32). */
const MAX_RETRIES = 12;

/** Part of some bytes. */
export function slice(bytes: Bytes, from: number, to?: number): Bytes {
  return typeof bytes === "string" ? bytes.slice(from, to) : bytes.subarray(from, to);
}

/** How much longer a segment takes that may be lost several times, ms. */
export function lossDelayMs(lossRate: number, random: RandomStream): number {
  let delayMs = 0;
  for (let rtoMs = RTO_MS; rtoMs < MAX_RTO_MS && random.next() < lossRate; rtoMs *= 2) {
    delayMs += rtoMs;
  }
  return delayMs;
}

/** Bytes in one piece; a path carries one kind only. */
function join(first: Bytes, second: Bytes): Bytes {
  return typeof first === "string" ? first + second : Buffer.concat([first, second as Uint8Array]);
}

/** One direction of a connection. A class because there are two for each connection of a fleet. */
export class Path {
  readonly #clock: SimClock;
  readonly #host: PathHost;
  #queue: Segment[] = [];
  #flying: Segment[] = [];
  #queuedBytes = 0;
  #flyingBytes = 0;
  #unackedBytes = 0;
  #lineFreeMs = 0;
  #lastArrivalMs = 0;
  #holdUntilMs = 0;
  #rtoMs = RTO_MS;
  #tries = 0;
  #isLost = false;
  #isClosed = false;
  readonly #arrival: Alarm;
  #isArrivalSet = false;
  #retry: ClockTimer | null = null;
  #departure: ClockTimer | null = null;

  /** Creates a path on which nothing moves yet. */
  constructor(clock: SimClock, host: PathHost) {
    this.#clock = clock;
    this.#host = host;
    this.#arrival = alarmOf(clock, () => this.#arrive());
  }

  /** Queues bytes. */
  push(bytes: Bytes): void {
    if (this.#isClosed || bytes.length === 0) return;
    this.#queuedBytes += bytes.length;
    this.#queue.push({ bytes, sizeBytes: bytes.length, atMs: 0, onArrive: null });
    this.#transmit();
  }

  /** Queues a message without bytes for the receiver; it arrives behind what was pushed before. */
  pushMessage(sizeBytes: number, onArrive: () => void): void {
    if (this.#isClosed) return;
    this.#queue.push({ bytes: "", sizeBytes, atMs: 0, onArrive });
    this.#transmit();
  }

  /** Bytes pushed that are not known to have arrived. */
  outstandingBytes(): number {
    return this.#queuedBytes + this.#flyingBytes + this.#unackedBytes;
  }

  /** The receiver has made room, of which the sender hears after `delayMs`. */
  wake(delayMs: number): void {
    if (this.#queue.length === 0) return;
    if (this.#host.isReverseBlocked()) return this.#armRetry();
    this.#lineFreeMs = Math.max(this.#lineFreeMs, this.#clock.now() + delayMs);
    this.#transmit();
  }

  /** Drops everything; nothing arrives any more. */
  clear(): void {
    this.#isClosed = true;
    for (const timer of [this.#retry, this.#departure]) {
      if (timer) this.#clock.clearTimer(timer);
    }
    this.#retry = this.#departure = null;
    this.#clearArrival();
    this.#queue = [];
    this.#flying = [];
    this.#queuedBytes = this.#flyingBytes = this.#unackedBytes = 0;
  }

  #armRetry(): void {
    this.#retry ??= this.#clock.setTimer(() => this.#tryAgain(), this.#rtoMs);
  }

  #armArrival(): void {
    const first = this.#flying[0];
    if (!first || this.#isLost || this.#isArrivalSet) return;
    this.#isArrivalSet = true;
    this.#arrival.set(first.atMs - this.#clock.now());
  }

  #clearArrival(): void {
    this.#isArrivalSet = false;
    this.#arrival.clear();
  }

  #lose(): void {
    this.#isLost = true;
    this.#clearArrival();
    this.#armRetry();
  }

  /** Puts a segment on the line; gives the time of its arrival. */
  #depart(sizeBytes: number): number {
    const effect = this.#host.leaving;
    let atMs = Math.max(this.#clock.now(), this.#lineFreeMs);
    if (effect.bytesPerSec < Infinity) {
      atMs += (sizeBytes / effect.bytesPerSec) * 1000;
      this.#lineFreeMs = atMs;
    }
    atMs += effect.latencyMs;
    if (effect.jitterMs > 0) atMs += this.#host.random().next() * effect.jitterMs;
    if (effect.lossRate > 0) atMs += lossDelayMs(effect.lossRate, this.#host.random());
    if (effect.coalesceMs > 0) {
      if (atMs > this.#holdUntilMs) this.#holdUntilMs = atMs + effect.coalesceMs;
      atMs = this.#holdUntilMs;
    }
    if (atMs < this.#lastArrivalMs) atMs = this.#lastArrivalMs;
    this.#lastArrivalMs = atMs;
    return atMs;
  }

  /**
   * True before the connection is open, and while a narrow line takes one segment after the other,
   * so that it can become wide in between.
   */
  #mustWait(): boolean {
    const nowMs = this.#clock.now();
    let waitMs = this.#host.openAtMs - nowMs;
    if (waitMs <= 0) {
      if (this.#host.leaving.bytesPerSec === Infinity) return false;
      waitMs = this.#lineFreeMs - nowMs;
      if (waitMs <= 0) return false;
    }
    this.#departure ??= this.#clock.setTimer(() => {
      this.#departure = null;
      this.#transmit();
    }, waitMs);
    return true;
  }

  /** Takes the next whole segment from the queue; null when the window has no room for it. */
  #takeQueued(): Segment | null {
    const first = this.#queue[0];
    if (!first) return null;
    if (first.onArrive === null) {
      const sizeBytes = Math.min(first.sizeBytes, MSS_BYTES);
      const room = this.#host.roomBytes() - this.#flyingBytes - this.#unackedBytes;
      if (room < sizeBytes) return null;
      this.#queuedBytes -= sizeBytes;
      this.#flyingBytes += sizeBytes;
      if (sizeBytes < first.sizeBytes) {
        const bytes = slice(first.bytes, 0, sizeBytes);
        first.bytes = slice(first.bytes, sizeBytes);
        first.sizeBytes -= sizeBytes;
        return { bytes, sizeBytes, atMs: 0, onArrive: null };
      }
    }
    this.#queue.shift();
    return first;
  }

  /** Lets fly what may. */
  #transmit(): void {
    while (this.#queue.length > 0 && !this.#isLost && !this.#mustWait()) {
      const segment = this.#takeQueued();
      if (!segment) break;
      segment.atMs = this.#depart(segment.sizeBytes);
      this.#flying.push(segment);
    }
    if (this.#flying.length === 0) return;
    if (this.#host.isBlocked()) this.#lose();
    else this.#armArrival();
  }

  /** Takes what has arrived together; null when nothing is due. */
  #takeArrived(): Segment | null {
    const flying = this.#flying;
    const segment = flying[0];
    if (!segment || segment.atMs > this.#clock.now()) return null;
    flying.shift();
    if (segment.onArrive !== null || this.#host.leaving.coalesceMs === 0) return segment;
    for (let next = flying[0]; next?.atMs === segment.atMs; next = flying[0]) {
      if (next.onArrive !== null) break;
      flying.shift();
      segment.bytes = join(segment.bytes, next.bytes);
      segment.sizeBytes += next.sizeBytes;
    }
    return segment;
  }

  #arrive(): void {
    this.#isArrivalSet = false;
    if (this.#host.isBlocked()) return this.#lose();
    const isReverseBlocked = this.#host.isReverseBlocked();
    if (!isReverseBlocked) this.#succeed();
    for (let segment = this.#takeArrived(); segment; segment = this.#takeArrived()) {
      if (segment.onArrive === null) {
        this.#flyingBytes -= segment.sizeBytes;
        if (isReverseBlocked) this.#unackedBytes += segment.sizeBytes;
        this.#host.deliver(segment.bytes);
      } else segment.onArrive();
      // Whoever got it may have ended the connection.
      if (this.#isClosed) return;
    }
    if (this.#unackedBytes > 0) this.#armRetry();
    this.#transmit();
    if (!isReverseBlocked) this.#host.onLeft();
  }

  #succeed(): void {
    this.#tries = 0;
    this.#rtoMs = RTO_MS;
  }

  #tryAgain(): void {
    this.#retry = null;
    if (++this.#tries > MAX_RETRIES) return this.#host.onGiveUp();
    this.#rtoMs = Math.min(this.#rtoMs * 2, MAX_RTO_MS);
    if (this.#host.isBlocked()) return this.#armRetry();
    if (this.#isLost) {
      this.#isLost = false;
      this.#lineFreeMs = this.#lastArrivalMs = 0;
      for (const segment of this.#flying) segment.atMs = this.#depart(segment.sizeBytes);
    }
    if (this.#unackedBytes > 0) {
      if (this.#host.isReverseBlocked()) this.#armRetry();
      else {
        this.#unackedBytes = 0;
        this.#succeed();
        this.#host.onLeft();
      }
    }
    this.#transmit();
  }
}
