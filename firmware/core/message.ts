// SPDX-License-Identifier: MIT
// What services hand to the uplink, whatever carries it: MQTT over any transport, or HTTP.
import type { Failure } from "./runtime.ts";

/** A message to publish. */
export interface Message {
  /** Full topic name. */
  topic: string;
  /** Text that stays the same over all attempts to send it. */
  body: string;
  /** 0, 1 or 2. */
  qos: number;
  retain?: boolean;
  /** Of a heartbeat, claims of its token as JSON members: the body is signed at each sending. */
  claims?: string;
}

/**
 * Called exactly once with the outcome, unless the program ends first: QoS 0 when handed over, QoS 1
 * and 2 and HTTP with the peer's acknowledgement. `rttMs` is the time from the last sending to it.
 */
export type Published = (failure?: Failure, rttMs?: number) => void;

/** Publishes. Without a connection a message waits for one while there is room, or fails. */
export type Publish = (message: Message, done: Published) => void;

/** Signs the body of a heartbeat: returns it with a fresh token as its last member. */
export type Seal = (body: string, claims: string) => string;
