// SPDX-License-Identifier: MIT
// Plain TCP. Adds to the platform's socket what the rules in transport.ts ask for: strangers are
// ignored (an event of a connection that was given up), and a close that cannot flush is forced.
import type { Clock, Network } from "../platform/platform.ts";
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
  const socket = net.connect(host, port, {
    onOpen: () => {
      if (!isOver) events.onOpen();
    },
    onData: (bytes) => {
      if (!isOver) events.onData(bytes);
    },
    onClose: (reason) => {
      if (isOver) return;
      isOver = true;
      events.onClose(reason);
    },
  });
  return {
    write: (bytes) => !isOver && socket.write(bytes),
    pendingBytes: () => socket.pendingBytes(),
    close: (flushMs) => {
      if (isOver) return;
      isOver = true;
      if (!flushMs) return socket.abort();
      socket.end();
      // A peer that does not read would keep the socket for ever.
      clock.after(flushMs, () => socket.abort());
      return undefined;
    },
  };
}
