// SPDX-License-Identifier: MIT
// What a broker counts.

/** Events since the broker was made. */
export interface BrokerCounters {
  /** Connections accepted with CONNACK 0. */
  connects: number;
  /** CONNECTs refused with another code. */
  refusals: number;
  /** Clients that took their leave with DISCONNECT. */
  disconnects: number;
  /** Connections that ended without DISCONNECT from the client's side. */
  gone: number;
  /** Clients that were silent for one and a half times Keep Alive. */
  keepAliveTimeouts: number;
  /** Connections on which no CONNECT came in time. */
  connectTimeouts: number;
  /** Clients replaced by another one with the same identifier. */
  takeovers: number;
  /** Connections ended because of something that MQTT forbids. */
  protocolErrors: number;
  /** Messages accepted, wills and the owner's own among them. */
  publishes: number;
  /** QoS 2 messages that came again and were not accepted again. */
  repeats: number;
  /** Messages that the authorisation hook kept out. */
  denied: number;
  /** PUBACK and PUBREC sent to publishers. */
  pubacks: number;
  /** Wills published. */
  wills: number;
  /** PUBLISH packets to clients that they acknowledged in full. */
  delivered: number;
  /** Messages dropped for want of room: full queue, or QoS 0 to a client that reads too slowly. */
  dropped: number;
  /** Acknowledgements that nothing waited for. */
  strayAcks: number;
  bytesIn: number;
  bytesOut: number;
}

/** Counters and sizes at this moment. */
export interface BrokerStats extends BrokerCounters {
  /** Clients that are connected. */
  clients: number;
  /** Sessions, connected or not. */
  sessions: number;
  /** Topics with a retained message. */
  retained: number;
  /** Messages that wait in sessions, sent or not. */
  waiting: number;
}

/** Creates counters that stand at 0. */
export function createCounters(): BrokerCounters {
  return {
    connects: 0,
    refusals: 0,
    disconnects: 0,
    gone: 0,
    keepAliveTimeouts: 0,
    connectTimeouts: 0,
    takeovers: 0,
    protocolErrors: 0,
    publishes: 0,
    repeats: 0,
    denied: 0,
    pubacks: 0,
    wills: 0,
    delivered: 0,
    dropped: 0,
    strayAcks: 0,
    bytesIn: 0,
    bytesOut: 0,
  };
}
