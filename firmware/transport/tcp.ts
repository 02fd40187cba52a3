// SPDX-License-Identifier: MIT
// Plain TCP. Adds to the platform's socket what the rules in transport.ts ask for: strangers are
// ignored (an event of a connection that was given up), and a close that cannot flush is forced.
import type { Clock, Network, Timer } from "../platform/platform.ts";
import type { Transport, TransportEvents } from "./transport.ts";

/** Opens a TCP connection; failures come through `onClose`. */
export function openTcp(
  net: Network,
  clock: Clock,
  host: string,
  port: number,
  events: TransportEvents,
): Transport {
  let isOver = false;
  // Set while the last bytes leave.
  let flushTimer: Timer | undefined;
  let flushDone: (() => void) | undefined;

  function flushed(): void {
    const done = flushDone;
    if (flushTimer !== undefined) clock.cancel(flushTimer);
    flushTimer = flushDone = undefined;
    if (done) done();
  }

  const socket = net.connect(host, port, {
    onOpen: () => {
      if (!isOver) events.onOpen();
    },
    onData: (bytes) => {
      if (!isOver) events.onData(bytes);
    },
    onClose: (reason) => {
      if (isOver) return flushed();
      isOver = true;
      return events.onClose(reason);
    },
  });
  return {
    write: (bytes) => !isOver && socket.write(bytes),
    pendingBytes: () => socket.pendingBytes(),
    abort: () => {
      isOver = true;
      socket.abort();
    },
    end: (flushMs, done) => {
      if (isOver) return done();
      isOver = true;
      flushDone = done;
      // A peer that does not read would keep the socket for ever.
      flushTimer = clock.after(flushMs, () => {
        socket.abort();
        flushed();
      });
      socket.end();
      return undefined;
    },
  };
}
