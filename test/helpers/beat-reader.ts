// SPDX-License-Identifier: MIT
// A subscriber of QoS 1 whose session the broker keeps: what it is owed while it or the broker is
// away, it gets later. Keeps everything it is sent, as it came.
import mqtt from "mqtt";
import type { IPublishPacket } from "mqtt";

/** One message as it arrived. */
export interface Received {
  topic: string;
  payload: Buffer;
  /** DUP: the broker had sent it before in this session. */
  isDup: boolean;
  isRetained: boolean;
  wallMs: number;
}

/** A subscriber at work. */
export interface BeatReader {
  /** Everything so far, in order of arrival. */
  readonly messages: readonly Received[];
  /** How often the broker still knew its session when it connected. */
  resumptions(): number;
  /** Leaves; the broker keeps its session. */
  close(): Promise<void>;
}

/**
 * Subscribes and waits until that is granted.
 * @param clean false: the session is kept by the broker under this client id
 */
export async function startBeatReader(
  url: string,
  filters: string[],
  options: { clientId: string; clean: boolean },
): Promise<BeatReader> {
  const messages: Received[] = [];
  let resumptions = 0;
  const client = mqtt.connect(url, {
    ...options,
    protocolVersion: 4,
    keepalive: 5,
    connectTimeout: 3000,
    reconnectPeriod: 100,
    // The session is there: subscribing again would only send all retained messages again.
    resubscribe: false,
  });
  client.on("connect", ({ sessionPresent }) => {
    if (sessionPresent) resumptions++;
  });
  // A broker that is away for a moment: it tries again.
  client.on("error", () => {});
  client.on("message", (topic: string, payload: Buffer, packet: IPublishPacket) => {
    const { dup: isDup, retain: isRetained } = packet;
    messages.push({ topic, payload, isDup, isRetained, wallMs: Date.now() });
  });
  try {
    await client.subscribeAsync(filters, { qos: 1 });
  } catch (error) {
    client.end(true);
    throw error;
  }
  return {
    messages,
    resumptions: () => resumptions,
    close: () => client.endAsync(),
  };
}
