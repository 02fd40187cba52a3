// SPDX-License-Identifier: MIT
// A virtual connection as a server program uses it: see peer.ts for what it promises.
import type { SimClock } from "../clock/clock.ts";
import type { End } from "./connection.ts";
import { slice } from "./path.ts";
import type { Bytes } from "./path.ts";
import type { Peer, PeerHandlers } from "./peer.ts";

const toBuffer = (bytes: Bytes): Buffer =>
  typeof bytes === "string"
    ? Buffer.from(bytes, "latin1")
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Has a program accept a connection: it becomes the end's driver. Called from the clock. */
export function acceptByPeer(clock: SimClock, end: End, peer: Peer, remote: string): void {
  let kept: Bytes[] = [];
  let keptBytes = 0;
  let isPaused = false;
  let hasFarEnded = false;
  let isClosed = false;
  let mustDrain = false;

  const close = (): void => {
    if (isClosed) return;
    isClosed = true;
    kept = [];
    keptBytes = 0;
    handlers.onClose();
  };
  const mayHand = (): boolean => !isPaused && !isClosed;
  const hand = (bytes: Bytes): void => {
    const most = end.arriving().segmentBytes;
    let rest = bytes;
    // The program may close or pause in between.
    while (rest.length > 0 && mayHand()) {
      const part = most < rest.length ? slice(rest, 0, most) : rest;
      rest = slice(rest, part.length);
      handlers.onData(toBuffer(part));
    }
    if (rest.length > 0 && !isClosed) keep(rest);
  };
  const keep = (bytes: Bytes): void => {
    kept.push(bytes);
    keptBytes += bytes.length;
  };
  /** Hands over what was kept, and then the end. */
  const flush = (): void => {
    const waiting = kept;
    const before = keptBytes;
    kept = [];
    keptBytes = 0;
    for (const bytes of waiting) hand(bytes);
    if (isClosed) return;
    if (keptBytes < before) end.hasRead();
    if (hasFarEnded && keptBytes === 0) {
      // No program here wants a half-closed connection.
      end.finish();
      end.release();
      close();
    }
  };
  end.driver = {
    unreadBytes: () => keptBytes,
    onBytes: (bytes) => {
      if (isPaused || keptBytes > 0) keep(bytes);
      else hand(bytes);
    },
    onEnd: () => {
      hasFarEnded = true;
      flush();
    },
    onFail: close,
    onLeft: () => {
      if (!mustDrain || isClosed || end.outstandingBytes() > 0) return;
      mustDrain = false;
      handlers.onDrain?.();
    },
  };
  const handlers: PeerHandlers = peer.accept({
    remote,
    get unsentBytes() {
      return end.outstandingBytes();
    },
    write: (bytes) => {
      mustDrain = true;
      end.write(bytes);
    },
    end: () => end.finish(),
    destroy: () => {
      end.abort();
      clock.setTimer(close, 0);
    },
    pause: () => {
      isPaused = true;
    },
    resume: () => {
      if (!isPaused) return;
      isPaused = false;
      clock.setTimer(flush, 0);
    },
  });
}
