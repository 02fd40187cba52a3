// SPDX-License-Identifier: MIT
// The running program: board, configuration, identity, and what `lubdub.start`, `lubdub.stop` and
// `lubdub.status` on the console do. Which services there are is the entry's choice (main*.ts); how
// each is joined to the others is in parts.ts.
//
// Entries call `boot`, the parts and `ready` at their top level: what only the start needs is then let
// go of by the build (tools/build-report/boot-only.ts). So starting again is loading again.
import { LUBDUB_VERSION } from "./wire/version.ts";
import type { Config } from "./wire/config.ts";
import { createRuntime, quoted } from "./core/runtime.ts";
import type { Runtime } from "./core/runtime.ts";
import { createIdentity } from "./auth/identity.ts";
import type { Identity } from "./auth/identity.ts";
import { createJwt } from "./auth/jwt.ts";
import type { Jwt } from "./auth/jwt.ts";
import type { Rotation } from "./auth/rotation.ts";
import { loadConfig, tryConfig } from "./core/config-store.ts";
import { RESET, persist, restore } from "./core/persist.ts";
import { softwareSha256 } from "./lib/sha256-option.ts";
import { RESETS } from "./wire/metrics.ts";
import type { ResetReason } from "./wire/metrics.ts";
import { CRC_AT } from "./wire/slots.ts";
import { areUrls } from "./wire/url.ts";
import { createBoard } from "./platform/espruino.ts";
import { runningSlot } from "./platform/espruino-update.ts";
import { addFlash } from "./platform/espruino-flash.ts";
import type { CommandOptions } from "./services/commands.ts";
import type { Heartbeat } from "./services/heartbeat.ts";
import type { Outbox } from "./services/outbox.ts";
import type { Scheduler } from "./services/scheduler.ts";
import type { TimeSync } from "./services/time-sync.ts";
import type { Update } from "./services/update.ts";
import type { WebsocketKeepalive } from "./services/websocket-keepalive.ts";
import type { Wifi } from "./services/wifi.ts";
import type { Uplink } from "./services/uplink.ts";

/** What the app needs of a service. */
export interface Service {
  /** One word; with those of FAILED in wire/heartbeat.ts beats say `degraded`. */
  status: string;
  /** Ends it: no timer, listener or socket of it is left, or of a goodbye only for two seconds. */
  stop(): void;
}

/** What parts find and leave here. */
export interface App {
  rt: Runtime;
  config: Config;
  /** Rows of the keys that it was checked against, see wire/config.ts. */
  keys: string;
  identity: Identity;
  jwt: Jwt;
  /** Services by name, in the order of their start; what others call has a member of its own. */
  services: { [name: string]: Service };
  wifi?: Wifi;
  time?: TimeSync;
  jobs?: Scheduler;
  uplink?: Uplink;
  outbox?: Outbox;
  heartbeat?: Heartbeat;
  update?: Update;
  keepalive?: WebsocketKeepalive;
  /** Obeys the command `update`; where there is none, the command is unknown. */
  fetchBundle?: CommandOptions["update"];
  rotation?: Rotation;
  /** Take what arrives on the device's topics, by last level; parts add theirs before the carrier. */
  takers: { [leaf: string]: ((payload: string) => void) | undefined };
  /** Says goodbye and starts the board anew. */
  reboot(reason: ResetReason): void;
  /** Who it is, where it stands, and one word for each service. */
  status(): { [name: string]: unknown };
  /**
   * Says goodbye and ends, within six seconds.
   * @param untilMs when the next beat is expected, epoch ms, if that is known
   */
  stop(done?: () => void, untilMs?: number): void;
}

/** A program whose configuration has keys of its own, too. */
export type Booted<Own> = App & { config: Config & Own };

/** Bound for a stop, ms: 1 s for beats in hand, then the link's goodbye, and more. */
export const STOP_GUARD_MS = 6000;

/** From a planned restart to the first interval of beats at most: stop, start, access point, ms. */
export const BACK_MS = 60000;

/**
 * Creates a program and puts it on the console as `lubdub`: `status()`, `stop()`, and `start()`, which
 * starts the board's software afresh once the program has ended. The parts are added next.
 *
 * @param config has been checked
 * @param keys rows that it was checked against
 */
export function createApp(rt: Runtime, config: Config, keys: string): App {
  const identity = createIdentity(rt, config);
  const app = {
    rt,
    config,
    keys,
    identity,
    services: {},
    // The link's own.
    takers: { status: undefined },
  } as unknown as App;
  const guardSlot = rt.newSlot();
  let state = "started";

  app.status = function () {
    const { uplink, heartbeat, services } = app;
    const slot = runningSlot();
    const words: { [name: string]: unknown } = {
      id: identity.id,
      version: LUBDUB_VERSION,
      boot: identity.boot,
      session: identity.session,
      seq: identity.seq,
      clock: rt.quality,
      uplink: uplink ? uplink.status : "off",
      heartbeat: heartbeat ? heartbeat.status : "off",
    };
    // Number and id, see wire/slots.ts: another number for each update, the old one after a rollback.
    if (slot) words["bundle"] = rt.read(slot, 0, CRC_AT);
    for (const name in services) words[name] = (services[name] as Service).status;
    return words;
  };

  app.stop = function (done, untilMs) {
    if (state !== "started") return rt.log("W", "app", "not-running");
    const { heartbeat, uplink, services } = app;

    function stopped(): void {
      if (state !== "stopping") return;
      // Before the services end: one that says goodbye takes its slot again to bound that.
      rt.freeSlots(guardSlot + 1);
      // And what comes behind it, such as a restart: an out-of-memory skips every `finally`.
      rt.arm(guardSlot, 0, () => {
        if (done) done();
      });
      state = "stopped";
      try {
        for (const name in services) (services[name] as Service).stop();
      } finally {
        // Whatever one of an author's throws.
        app.services = {};
        rt.log("I", "app", "stopped");
      }
    }
    function stopUplink(): void {
      if (uplink) uplink.stop(stopped);
      else stopped();
    }

    // Whatever an out-of-memory cuts short on the way, the program ends.
    rt.arm(guardSlot, STOP_GUARD_MS, stopped);
    state = "stopping";
    if (heartbeat) heartbeat.stop(stopUplink, untilMs);
    else stopUplink();
    return undefined;
  };

  /** Writes down why the board is about to start. */
  function plan(reason: ResetReason): void {
    const numbers = restore(rt);
    numbers[RESET] = RESETS.split(" ").indexOf(reason);
    persist(rt, numbers);
  }

  app.reboot = function (reason) {
    rt.log("W", "app", "reboot", "reason=" + reason);
    plan(reason);
    app.stop(rt.reboot, rt.wallMs() + BACK_MS + config.interval_s * 1000);
  };

  app.jwt = createJwt(rt, identity, config);
  rt.expose("lubdub", {
    start: function () {
      if (state !== "stopped") return rt.log("W", "app", "already-" + state);
      plan("start");
      return rt.restart();
    },
    stop: function () {
      app.stop();
    },
    status: app.status,
  });
  tryConfig(rt, app.reboot);
  const detail = "id=" + identity.id + " boot=" + identity.boot + " reset=" + identity.reset;
  rt.log("I", "app", "identity", detail);
  return app;
}

/**
 * Starts a program on this board. Whatever is wrong is logged, and the board stays on its console.
 *
 * @param keys rows of the configuration that the parts read, see wire/config.ts
 * @returns what the parts are added to; undefined when it cannot run
 */
export function boot<Own = unknown>(keys: string): Booted<Own> | undefined {
  const rt = createRuntime(createBoard());
  addFlash(rt);
  rt.log("I", "app", "boot", "version=" + LUBDUB_VERSION + " interpreter=" + rt.version);
  const config = loadConfig(rt, keys, areUrls);
  if (!config) return undefined;
  rt.logLevel = config.log_level as Runtime["logLevel"];
  rt.onFault((text) => rt.log("E", "app", "fault", "text=" + quoted(text)));
  if (!rt.sha256 && softwareSha256) rt.sha256 = softwareSha256();
  if (rt.sha256) return createApp(rt, config, keys) as Booted<Own>;
  rt.log("E", "app", "unusable", "code=E_HASH_NONE");
  return undefined;
}

/** Ends the start: all parts have been added. */
export function ready(app: App): void {
  app.rt.log("I", "app", "ready");
}
