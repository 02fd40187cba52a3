// SPDX-License-Identifier: MIT
// Composition root: creates the services in the order in which they depend on each other and joins
// them. Reading it is reading the product.
import type { Config } from "./wire/config.ts";
import type { Telemetry } from "./wire/heartbeat.ts";
import { topicOf } from "./wire/topics.ts";
import type { Logger } from "./core/logger.ts";
import type { Hash, Platform, Timer } from "./platform/platform.ts";
import { createIdentity } from "./auth/identity.ts";
import { createJwtManager } from "./auth/jwt.ts";
import { createHeartbeat } from "./services/heartbeat.ts";
import { createUplink } from "./services/uplink.ts";
import { createWifi } from "./services/wifi.ts";

/** Bound for a stop, ms: 1 s for beats in hand, 1 s for PUBACK, 1 s for the last bytes, and more. */
export const STOP_GUARD_MS = 5000;

/** State of the running program, for the console. */
export interface AppStatus {
  id: string;
  boot: number;
  session: number;
  seq: number;
  uplink: string;
  wifi: string;
  beating: boolean;
}

/** The running program; `start`, `stop` and `status` are typed by people on the console. */
export interface App {
  start(): void;
  /** Sends the shutdown status and ends, within three seconds. */
  stop(): void;
  status(): AppStatus;
}

/** Puts the services together. `config` has been checked; `hash` is the platform's. */
export function createApp(platform: Platform, hash: Hash, config: Config, log: Logger): App {
  const { clock, radio, system } = platform;
  const identity = createIdentity(platform, config, log);
  const jwt = createJwtManager(hash, clock, identity, config);
  // Each chain of timers looks after the others: an out-of-memory in the very call that arms one
  // ends it. The heartbeat looks after the uplink when it publishes.
  const uplink = createUplink(platform, config, log, identity, jwt, () => {
    heartbeat.check();
    if (wifi) wifi.check();
  });
  const wifi =
    radio && createWifi(platform, radio, config, log, uplink.networkUp, uplink.networkDown);
  const heartbeat = createHeartbeat({
    topic: topicOf(config.topic_prefix, identity.id, "heartbeat"),
    intervalSec: config.interval_s,
    qos: config.qos,
    immediate: config.immediate,
    publish: uplink.publish,
    identity,
    jwt,
    clock,
    log,
    varsFree: system.varsFree,
    telemetry: () => {
      const telemetry: Telemetry = { vars: system.varsInUse(), reconnects: uplink.reconnects() };
      const rssi = radio && radio.rssiDbm();
      if (rssi) telemetry.rssi = rssi;
      return telemetry;
    },
  });
  let isStopping = false;
  let stopTimer: Timer | undefined;

  function stopped(): void {
    if (!isStopping) return;
    isStopping = false;
    if (stopTimer !== undefined) clock.cancel(stopTimer);
    stopTimer = undefined;
    if (wifi) wifi.stop();
    log.info("app", "stopped");
  }

  return {
    start: () => {
      if (heartbeat.isRunning() || isStopping) return log.warn("app", "already-started");
      log.info("app", "identity", "id=" + identity.id + " boot=" + identity.boot);
      uplink.start();
      heartbeat.start();
      if (wifi) wifi.start();
      log.info("app", "ready");
      return undefined;
    },
    stop: () => {
      if (!heartbeat.isRunning()) return log.warn("app", "not-running");
      // Whatever an out-of-memory cuts short on the way, the board can be started again.
      stopTimer = clock.after(STOP_GUARD_MS, stopped);
      isStopping = true;
      heartbeat.stop(() => uplink.stop(stopped));
      return undefined;
    },
    status: () => ({
      id: identity.id,
      boot: identity.boot,
      session: identity.session,
      seq: identity.seq,
      uplink: uplink.status(),
      wifi: wifi ? wifi.status() : "none",
      beating: heartbeat.isRunning(),
    }),
  };
}
