// SPDX-License-Identifier: MIT
// An application message on its way through the broker.

/** Quality of service of a message or a subscription. */
export type Qos = 0 | 1 | 2;

/** A message that the broker has accepted. */
export interface Message {
  topic: string;
  payload: Buffer;
  qos: Qos;
  /** Whether its publisher asked for it to be kept. */
  retain: boolean;
  /** Who published it; empty for the program that owns the broker. */
  clientId: string;
}

/** What an observer learns about a message besides topic and payload. */
export interface PublishInfo {
  qos: Qos;
  retain: boolean;
  /** Set by the publisher when it had sent it before. */
  dup: boolean;
  /** Who published it; empty for the program that owns the broker. */
  clientId: string;
  /** Whether the publisher is answered with PUBACK or PUBREC; false for QoS 0. */
  acked: boolean;
  /** Whether it is the will of a client that is gone. */
  isWill: boolean;
}
