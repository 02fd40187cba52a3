// SPDX-License-Identifier: MIT
// What the uplink drives, whatever carries the messages: MQTT over TCP, TLS or WebSocket, or HTTP.
// A link object lives as long as the program and is opened once per connection attempt; what waits
// in it for an acknowledgement outlives connections.
//
//   open -> onOnline -> ... -> onFail -> close       a connection that was lost
//   open -> onFail -> close                          an attempt that failed
//   open -> onOnline -> ... -> stop                  a planned end
import type { Publish } from "../core/message.ts";
import type { Failure } from "../core/runtime.ts";
import type { Endpoint } from "../platform/board.ts";

/** Where a link goes: a parsed URL. `path` starts with `/`, query included. */
export interface LinkTarget extends Endpoint {
  /** `mqtt`, `mqtts`, `ws`, `wss`, `http`, `https`. */
  scheme: string;
  path: string;
}

/** What a link tells its owner, never from within a call of the owner. */
export interface LinkEvents {
  /** Messages can be sent; `detail` is `key=value` text for the log. */
  onOnline(detail: string): void;
  /**
   * The attempt, or the connection, is over; the owner calls `close`. `isRefused`: the peer has
   * judged this device or its credentials, so trying again soon will not help. `leastMs`: the peer
   * asks for so long a pause at least (HTTP's Retry-After).
   */
  onFail(failure: Failure, isRefused: boolean, leastMs?: number): void;
  /** A message arrived for this device: a subscribed topic, or the leaf name over HTTP. */
  onMessage(topic: string, payload: string): void;
  /** The peer has told its time, epoch ms. */
  onTime(wallMs: number): void;
}

/** A carrier. */
export interface Link {
  /** Begins an attempt; may block while it connects. */
  open(target: LinkTarget): void;
  /** Publishes, or keeps for the next connection while there is room. */
  publish: Publish;
  /** Between `onOnline` and the end; asked now and then, because an `onFail` may have been cut short. */
  isOnline(): boolean;
  /** The peer has taken this device: a connection that holds counts as success. */
  isProved?: boolean;
  /** Drops the connection at once. */
  close(): void;
  /**
   * Says goodbye and closes, within about two seconds; `done` is called once. `isBack`: the next
   * connection goes to the same peer at once, so nobody is told that the device is gone.
   */
  stop(done: () => void, isBack?: boolean): void;
  /** Gives up all that waits: every `done` is called. */
  abandon(): void;
}
