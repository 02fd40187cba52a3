// SPDX-License-Identifier: MIT
// Listens at a broker: subscribes to heartbeats and status messages of all devices and hands on
// their bytes. Judging them is the verifier's and the tracker's part. Keeps on trying when the
// broker is away, and says so once per change, not per attempt.
import { randomBytes } from "node:crypto";
import mqtt from "mqtt";
import type { IPublishPacket } from "mqtt";
import { parseTopic } from "../../firmware/wire/topics.ts";
import { errorText, systemCode } from "./errors.ts";

/** What the watcher reports. */
export interface WatcherEvents {
  /** `isRetained`: from the broker's memory, not of this moment. */
  onBeat(deviceId: string, payload: Buffer, isRetained: boolean): void;
  onStatus(deviceId: string, payload: Buffer, isRetained: boolean): void;
  /** Connected and subscribed. */
  onUp(): void;
  /** Not connected, and why; again only when the reason changes. Tries on by itself. */
  onDown(problem: string): void;
}

/** Settings of a watcher. */
export interface WatcherOptions {
  /** `mqtt://host[:port]`. */
  url: string;
  /** First levels of the topics. */
  prefix: string;
  /** Pause between attempts, ms; default 1,000. */
  retryMs?: number;
}

/** A watcher at work. */
export interface Watcher {
  /** Resolves to true once first connected and subscribed, to false when closed before. */
  ready(): Promise<boolean>;
  /** Disconnects; at most 300 ms. Nothing is reported afterwards. */
  close(): Promise<void>;
}

const CLOSE_MS = 300;

const PROBLEMS: { [code: string]: string } = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset",
  ETIMEDOUT: "no answer",
  EHOSTUNREACH: "host unreachable",
  ENETUNREACH: "network unreachable",
  ENOTFOUND: "host name not found",
  EAI_AGAIN: "host name not resolved",
};

/** Says in words why the broker cannot be used. */
export function problemText(error: unknown): string {
  return PROBLEMS[systemCode(error) ?? ""] ?? errorText(error).toLowerCase();
}

/** Starts watching. */
export function startWatcher(options: WatcherOptions, events: WatcherEvents): Watcher {
  const { prefix } = options;
  let isClosed = false;
  let lastProblem: string | undefined;
  let settleReady: (isUp: boolean) => void = () => {};
  const ready = new Promise<boolean>((resolve) => (settleReady = resolve));

  const client = mqtt.connect(options.url, {
    // Random on purpose: two watchers at one broker must not throw each other out.
    clientId: `lubdub-watch-${randomBytes(6).toString("hex")}`,
    protocolVersion: 4,
    clean: true,
    keepalive: 15,
    connectTimeout: 5000,
    reconnectPeriod: options.retryMs ?? 1000,
    reconnectOnConnackError: true,
    // Subscribed again in `connect`, where the answer is looked at.
    resubscribe: false,
  });

  function down(problem: string): void {
    if (isClosed || problem === lastProblem) return;
    lastProblem = problem;
    events.onDown(problem);
  }

  client.on("connect", () => {
    const filters = [`${prefix}/+/heartbeat`, `${prefix}/+/status`];
    client.subscribe(filters, { qos: 1 }, (error, granted) => {
      if (isClosed) return;
      // A connection that ends before SUBACK reports itself.
      if (error && !client.connected) return;
      if (error || granted?.some(({ qos }) => qos === 128))
        return down(`subscription to ${prefix}/+ refused`);
      lastProblem = undefined;
      events.onUp();
      settleReady(true);
      return undefined;
    });
  });
  client.on("error", (error) => down(problemText(error)));
  // Without an error before it: the broker closed the connection.
  client.on("close", () => lastProblem ?? down("connection closed"));
  client.on("message", (topic: string, payload: Buffer, packet: IPublishPacket) => {
    if (isClosed) return;
    const parsed = parseTopic(prefix, topic);
    if (parsed?.leaf === "heartbeat") events.onBeat(parsed.deviceId, payload, packet.retain);
    else if (parsed?.leaf === "status") events.onStatus(parsed.deviceId, payload, packet.retain);
  });

  return {
    ready: () => ready,
    close: async () => {
      isClosed = true;
      settleReady(false);
      const timer = setTimeout(() => client.end(true), CLOSE_MS);
      await client.endAsync(!client.connected);
      clearTimeout(timer);
    },
  };
}
