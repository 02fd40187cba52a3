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
  /**
   * Ends the connection; nothing is reported any more.
   * @param flushMs how long what is queued may take to leave; 0 drops it
   */
  close(flushMs: number): void;
}
