// SPDX-License-Identifier: MIT
// What a scenario needs from the thing that a device reports to, whatever carries the reports: a
// broker over TCP or WebSocket, or an HTTP server.
import type { Watcher, WatcherEvents } from "../lib/watcher.ts";

/** What carries the reports: MQTT over TCP, MQTT over WebSocket, or HTTP. */
export const CARRIERS = ["mqtt", "ws", "http"] as const;
export type Carrier = (typeof CARRIERS)[number];

/** Stops and starts a server on the same port; it forgets everything in between. */
export interface ServerControl {
  stop(): Promise<void>;
  start(): Promise<void>;
}

/** A running server. */
export interface ScenarioServer {
  /** What the device is told to connect to. */
  readonly url: string;
  /** Whether it has statuses (birth, shutdown, will) beside heartbeats. */
  readonly hasStatus: boolean;
  /** Present when it is ours to stop and start. */
  readonly control?: ServerControl;
  /** Begins to tell what arrives for devices. */
  watch(events: WatcherEvents): Watcher;
  /** Ends it if it is ours. */
  dispose(): Promise<void>;
}

/** A server that can be started. */
export interface ServerChoice {
  carrier: Carrier;
  /** For the record, such as `mosquitto 2.0.11`. */
  name: string;
  /** Whether it is ours to stop and start. */
  isOurs: boolean;
  /** Starts it, or makes contact; `key` is the device's, for servers that look at credentials. */
  start(deviceId: string, key: Buffer): Promise<ScenarioServer>;
}
