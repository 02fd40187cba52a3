// SPDX-License-Identifier: MIT
// Bounds of a broker, each with what happens beyond it.

/** Bounds of a broker. */
export interface BrokerLimits {
  /** Longest packet from a client, bytes: a longer one is a protocol error. */
  maxPacketBytes: number;
  /** Most messages sent to a client and not acknowledged: more wait. */
  maxInFlight: number;
  /** Most messages that wait for a client: more are dropped and counted. */
  maxQueued: number;
  /** Bytes waiting for a client's network: above it is not read, and QoS 0 is dropped. */
  maxUnsentBytes: number;
  /** Time from connection to CONNECT, ms: later it is closed (section 3.1.4). */
  connectTimeoutMs: number;
}

/** The bounds unless told otherwise. */
export const BROKER_LIMITS: Readonly<BrokerLimits> = {
  maxPacketBytes: 1_048_576,
  maxInFlight: 20,
  maxQueued: 1000,
  maxUnsentBytes: 65_536,
  connectTimeoutMs: 10_000,
};
