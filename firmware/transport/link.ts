// SPDX-License-Identifier: MIT
// What carries messages between the uplink and a host: MQTT over TCP, TLS or WebSocket, or HTTP. One
// link is made for one URL and lives over many connections, because messages in flight (and with
// MQTT their packet identifiers) outlive one. It never reconnects by itself and has no backoff: it
// tells the uplink, which waits and opens it again. Interfaces only.
//
//   open --> onOnline --> publish ... done --> onFail --> close --> (the uplink waits) --> open
//        `-> onFail                        end -> done
import type { Failure } from "../core/runtime.ts";
import type { Publish } from "../core/message.ts";

/** What a link tells the uplink; never called before the call that led to it has returned. */
export interface LinkEvents {
  /**
   * The peer has accepted: MQTT with CONNACK 0, HTTP when the server can be reached. What waits is
   * sent when this returns. `isSessionPresent` is MQTT's, false for HTTP.
   */
  onOnline(isSessionPresent: boolean): void;
  /**
   * The connection is of no more use, or could not be had: once after each `open`, and then the
   * uplink calls `close` and, later, `open`. The pause is at least `leastMs` (the peer asked for it)
   * and its random part is `factor` times as long as usual (credentials were refused).
   */
  onFail(failure: Failure, factor: number, leastMs: number): void;
  /** A message arrived. A command that comes over HTTP arrives on the device's command topic. */
  onMessage(topic: string, payload: string): void;
  /** The peer told the time, epoch ms, not better than to the second: a weak source. */
  onTime(wallMs: number): void;
}

/** A way to a host. */
export interface Link {
  /** Connects; `onOnline` or `onFail` follows. Only when closed. */
  open(): void;
  /** Publishes, or keeps the message for the next connection while there is room. */
  publish: Publish;
  /** Drops the connection at once. Messages in flight stay for the next one. */
  close(): void;
  /**
   * Gives the link up: the peer is told where its protocol has words for that (DISCONNECT), what is
   * queued leaves within `flushMs` (0: at once and untold), and what was in flight is answered with
   * a failure. Then `done`, once.
   */
  end(flushMs: number, done: () => void): void;
  /** Between `onOnline` and the end of the connection. */
  isOnline: boolean;
}
