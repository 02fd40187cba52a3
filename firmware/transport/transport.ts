// SPDX-License-Identifier: MIT
// What carries bytes to a broker. The rules every transport keeps:
// - it is opened once; one attempt, one object;
// - `write` takes all or reports that the connection is gone;
// - `onClose` comes exactly once unless the owner closed first, and nothing comes after it.
import type { SocketEvents } from "../platform/platform.ts";

/** What a transport reports; the same shape as a socket's. */
export type TransportEvents = SocketEvents;

/** One connection attempt. */
export interface Transport {
  /** Hands bytes over. Returns false when the connection is gone. */
  write(bytes: string): boolean;
  /** Upper bound of the bytes that have not left yet. */
  pendingBytes(): number;
  /** Drops the connection at once, with what is queued; nothing is reported any more. */
  abort(): void;
  /**
   * Ends the connection once what is queued has left; `onClose` does not come any more.
   * @param flushMs how long that may take; what is queued is dropped then
   * @param done called once it is over
   */
  end(flushMs: number, done: () => void): void;
}
