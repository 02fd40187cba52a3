// SPDX-License-Identifier: MIT
// A virtual connection as a board polls it: see network.ts for what it promises.
import type { ClockTimer, SimClock } from "../clock/clock.ts";
import type { End } from "./connection.ts";
import { SEND_BUFFER_BYTES } from "./network.ts";
import type { NetworkFailure, SimSocket } from "./network.ts";
import type { Bytes } from "./path.ts";

/** A socket with what only its network may do. */
export interface BoardSocket {
  socket: SimSocket;
  /** The TLS handshake is over, well or not. */
  secured(failure: NetworkFailure | null): void;
}

/** How a socket begins. */
export interface BoardSocketOptions {
  blockedMs: number;
  isSecuring: boolean;
}

const latin1 = (bytes: Bytes): string =>
  typeof bytes === "string"
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");

/** Makes the socket of an end and becomes the end's driver; `onChange` as SimNetwork.connect. */
export function createBoardSocket(
  clock: SimClock,
  end: End,
  onChange: () => void,
  options: BoardSocketOptions,
): BoardSocket {
  let received = "";
  let hasEnded = false;
  let failure: NetworkFailure | null = null;
  let isSecuring = options.isSecuring;
  /** It was told that not everything fits. */
  let isWaiting = false;
  let news: ClockTimer | null = null;

  const change = (): void => {
    news = null;
    if (!end.isReleased || failure !== null) onChange();
  };
  const leave = (): void => {
    received = "";
    hasEnded = true;
    if (news) clock.clearTimer(news);
    news = null;
  };
  const fail = (cause: NetworkFailure): void => {
    failure = cause;
    hasEnded = true;
    onChange();
  };
  end.driver = {
    unreadBytes: () => received.length,
    onBytes: (bytes) => {
      received += latin1(bytes);
      onChange();
    },
    onEnd: () => {
      hasEnded = true;
      onChange();
    },
    onFail: fail,
    onLeft: () => {
      if (!isWaiting) return;
      isWaiting = false;
      // The word that there is room comes with the acknowledgement.
      news ??= clock.setTimer(change, end.arriving().latencyMs);
    },
  };
  const socket: SimSocket = {
    get state() {
      return hasEnded && received === "" ? "closed" : "open";
    },
    get failure() {
      return failure;
    },
    blockedMs: options.blockedMs,
    get isSecuring() {
      return isSecuring;
    },
    send: (bytes) => {
      if (hasEnded || isSecuring) return 0;
      const room = SEND_BUFFER_BYTES - end.outstandingBytes();
      const count = Math.max(0, Math.min(room, bytes.length));
      isWaiting = count < bytes.length;
      if (count > 0) end.write(count < bytes.length ? bytes.slice(0, count) : bytes);
      return count;
    },
    receive: (maxBytes) => {
      if (received === "" || isSecuring) return "";
      const part = received.slice(0, Math.min(maxBytes, end.arriving().segmentBytes));
      received = received.slice(part.length);
      end.hasRead();
      return part;
    },
    close: () => {
      end.finish();
      end.release();
      leave();
    },
    destroy: () => {
      end.abort();
      leave();
    },
  };
  return {
    socket,
    secured: (cause) => {
      isSecuring = false;
      if (end.isReleased) return;
      if (cause === null) return onChange();
      end.abort();
      fail(cause);
    },
  };
}
