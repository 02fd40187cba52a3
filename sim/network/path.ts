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
import type { ClockTimer, SimClock } from "../clock/clock.ts";
import type { RandomStream } from "../random.ts";
import type { Combined } from "./conditions.ts";

/** Bytes of a board are text, one character each; those of a server program are a Uint8Array. */
export type Bytes = string | Uint8Array;

/** What a path needs from its connection. */
export interface PathHost {
  clock: SimClock;
  /** Nothing leaves before this time. */
  openAtMs: number;
  effect(): Readonly<Combined>;
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

/** One direction of a connection. */
export interface Path {
  /** Queues bytes. */
  push(bytes: Bytes): void;
  /** Queues a message without bytes for the receiver; it arrives behind what was pushed before. */
  pushMessage(sizeBytes: number, onArrive: () => void): void;
  /** Bytes pushed that are not known to have arrived. */
  outstandingBytes(): number;
  /** The receiver has made room, of which the sender hears after `delayMs`. */
  wake(delayMs: number): void;
  /** Drops everything; nothing arrives any more. */
  clear(): void;
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

/** Creates a path on which nothing moves yet. */
export function createPath(host: PathHost): Path {
  const { clock } = host;
  let queue: Segment[] = [];
  let flying: Segment[] = [];
  let queuedBytes = 0;
  let flyingBytes = 0;
  let unackedBytes = 0;
  let lineFreeMs = host.openAtMs;
  let lastArrivalMs = 0;
  let holdUntilMs = 0;
  let rtoMs = RTO_MS;
  let tries = 0;
  let isLost = false;
  let isClosed = false;
  let arrival: ClockTimer | null = null;
  let retry: ClockTimer | null = null;
  let departure: ClockTimer | null = null;

  const clear = (): void => {
    isClosed = true;
    for (const timer of [arrival, retry, departure]) if (timer) clock.clearTimer(timer);
    arrival = retry = departure = null;
    queue = [];
    flying = [];
    queuedBytes = flyingBytes = unackedBytes = 0;
  };
  const armRetry = (): void => {
    retry ??= clock.setTimer(onRetry, rtoMs);
  };
  const armArrival = (): void => {
    const first = flying[0];
    if (first && !isLost) arrival ??= clock.setTimer(onArrival, first.atMs - clock.now());
  };
  const lose = (): void => {
    isLost = true;
    if (arrival) clock.clearTimer(arrival);
    arrival = null;
    armRetry();
  };

  /** Puts a segment on the line; gives the time of its arrival. */
  const depart = (sizeBytes: number): number => {
    const effect = host.effect();
    let atMs = Math.max(clock.now(), lineFreeMs);
    if (effect.bytesPerSec < Infinity) {
      atMs += (sizeBytes / effect.bytesPerSec) * 1000;
      lineFreeMs = atMs;
    }
    atMs += effect.latencyMs;
    if (effect.jitterMs > 0) atMs += host.random().next() * effect.jitterMs;
    if (effect.lossRate > 0) atMs += lossDelayMs(effect.lossRate, host.random());
    if (effect.coalesceMs > 0) {
      if (atMs > holdUntilMs) holdUntilMs = atMs + effect.coalesceMs;
      atMs = holdUntilMs;
    }
    if (atMs < lastArrivalMs) atMs = lastArrivalMs;
    lastArrivalMs = atMs;
    return atMs;
  };
  /** A narrow line takes one segment after the other, so that it can become wide in between. */
  const mustWaitForLine = (): boolean => {
    const waitMs = lineFreeMs - clock.now();
    if (waitMs <= 0 || host.effect().bytesPerSec === Infinity) return false;
    departure ??= clock.setTimer(onDeparture, waitMs);
    return true;
  };
  function onDeparture(): void {
    departure = null;
    transmit();
  }
  /** Lets fly what the window has room for, in whole segments. */
  const transmit = (): void => {
    if (queue.length === 0 || isLost) return;
    let taken = 0;
    for (let segment = queue[0]; segment; segment = queue[taken]) {
      if (mustWaitForLine()) break;
      if (segment.onArrive === null) {
        const room = host.roomBytes() - flyingBytes - unackedBytes;
        const { bytes, sizeBytes } = segment;
        if (room < Math.min(sizeBytes, MSS_BYTES)) break;
        if (sizeBytes > MSS_BYTES) {
          segment.bytes = slice(bytes, MSS_BYTES);
          segment.sizeBytes -= MSS_BYTES;
          segment = {
            bytes: slice(bytes, 0, MSS_BYTES),
            sizeBytes: MSS_BYTES,
            atMs: 0,
            onArrive: null,
          };
        } else taken++;
        queuedBytes -= segment.sizeBytes;
        flyingBytes += segment.sizeBytes;
      } else taken++;
      segment.atMs = depart(segment.sizeBytes);
      flying.push(segment);
    }
    if (taken === queue.length) queue = [];
    else if (taken > 0) queue.splice(0, taken);
    if (flying.length > 0 && host.isBlocked()) lose();
    else armArrival();
  };
  /** Takes what has arrived together; null when nothing is due. */
  const takeArrived = (): Segment | null => {
    const segment = flying[0];
    if (!segment || segment.atMs > clock.now()) return null;
    flying.shift();
    if (segment.onArrive !== null) return segment;
    if (host.effect().coalesceMs > 0) {
      for (let next = flying[0]; next?.atMs === segment.atMs; next = flying[0]) {
        if (next.onArrive !== null) break;
        flying.shift();
        segment.bytes = join(segment.bytes, next.bytes);
        segment.sizeBytes += next.sizeBytes;
      }
    }
    return segment;
  };
  function onArrival(): void {
    arrival = null;
    if (host.isBlocked()) return lose();
    const isReverseBlocked = host.isReverseBlocked();
    if (!isReverseBlocked) {
      tries = 0;
      rtoMs = RTO_MS;
    }
    for (let segment = takeArrived(); segment; segment = takeArrived()) {
      if (segment.onArrive === null) {
        flyingBytes -= segment.sizeBytes;
        if (isReverseBlocked) unackedBytes += segment.sizeBytes;
        host.deliver(segment.bytes);
      } else segment.onArrive();
      // Whoever got it may have ended the connection.
      if (isClosed) return;
    }
    if (unackedBytes > 0) armRetry();
    transmit();
    armArrival();
    if (!isReverseBlocked) host.onLeft();
  }
  function onRetry(): void {
    retry = null;
    if (++tries > MAX_RETRIES) return host.onGiveUp();
    rtoMs = Math.min(rtoMs * 2, MAX_RTO_MS);
    if (host.isBlocked()) return armRetry();
    if (isLost) {
      isLost = false;
      lineFreeMs = lastArrivalMs = 0;
      for (const segment of flying) segment.atMs = depart(segment.sizeBytes);
    }
    if (host.isReverseBlocked()) {
      if (unackedBytes > 0) armRetry();
    } else if (unackedBytes > 0) {
      unackedBytes = 0;
      tries = 0;
      rtoMs = RTO_MS;
      host.onLeft();
    }
    transmit();
    armArrival();
  }

  return {
    push: (bytes) => {
      if (isClosed || bytes.length === 0) return;
      queuedBytes += bytes.length;
      queue.push({ bytes, sizeBytes: bytes.length, atMs: 0, onArrive: null });
      transmit();
    },
    pushMessage: (sizeBytes, onArrive) => {
      if (isClosed) return;
      queue.push({ bytes: "", sizeBytes, atMs: 0, onArrive });
      transmit();
    },
    outstandingBytes: () => queuedBytes + flyingBytes + unackedBytes,
    wake: (delayMs) => {
      if (queue.length === 0) return;
      if (host.isReverseBlocked()) return armRetry();
      lineFreeMs = Math.max(lineFreeMs, clock.now() + delayMs);
      transmit();
    },
    clear,
  };
}

/** Bytes in one piece; a path carries one kind only. */
function join(first: Bytes, second: Bytes): Bytes {
  return typeof first === "string" ? first + second : Buffer.concat([first, second as Uint8Array]);
}
