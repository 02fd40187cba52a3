// SPDX-License-Identifier: MIT
// Packet identifiers and what waits under them: for an acknowledgement, or for a connection. It
// outlives connections: a QoS 1 PUBLISH that is in it when one ends is sent again in the next, with
// the same identifier and DUP [MQTT-4.4.0-1]. Bounded; a full window refuses.
import type { Failure } from "../core/fail.ts";

/** Most packets that wait at the same time. */
export const WINDOW = 10;

/** Called once with the outcome; `rttMs` is the time from the last sending to its PUBACK. */
export type Done = (failure: Failure | undefined, rttMs?: number) => void;

/** A message to publish. Its payload is made at the moment of sending, each time it is sent. */
export interface OutMessage {
  topic: string;
  /** Text that stays the same over all attempts. */
  body: string;
  /** 0 or 1. */
  qos: number;
  retain: boolean;
  /** Sequence number that goes with the body, for `seal`. */
  seq: number;
  /** Makes the payload from body and seq; absent: the body is the payload. */
  seal?: (body: string, seq: number) => string;
}

/** Something that waits: a PUBLISH, or a SUBSCRIBE, which has no message. */
export interface Pending {
  id: number;
  /** When it was sent last, monotonic ms; -1: not yet. */
  sentMs: number;
  message: OutMessage | undefined;
  done: Done;
}

/** The window. */
export interface InFlight {
  /** Takes a new entry and its identifier, 1 to 65535; undefined when the window is full. */
  add(message: OutMessage | undefined, done: Done): Pending | undefined;
  /**
   * Releases an identifier.
   * @param isSubscribe which kind of entry is meant: an acknowledgement of the other kind is not
   *   one, and must not take away a message that still waits.
   * @returns undefined when no such entry waits under it.
   */
  take(id: number, isSubscribe: boolean): Pending | undefined;
  /** Entries in the order of their first sending. */
  all(): Pending[];
}

/** Creates an empty window. */
export function createInFlight(): InFlight {
  let entries: Pending[] = [];
  let last = 0;
  function isUsed(id: number): boolean {
    for (const entry of entries) if (entry.id === id) return true;
    return false;
  }
  return {
    add: (message, done) => {
      if (entries.length >= WINDOW) return undefined;
      do last = (last % 65535) + 1;
      while (isUsed(last));
      const entry = { id: last, sentMs: -1, message, done };
      entries.push(entry);
      return entry;
    },
    take: (id, isSubscribe) => {
      let found: Pending | undefined;
      const rest: Pending[] = [];
      for (const entry of entries)
        if (entry.id === id && !entry.message === isSubscribe) found = entry;
        else rest.push(entry);
      entries = rest;
      return found;
    },
    all: () => entries,
  };
}
