// SPDX-License-Identifier: MIT
// The running program: board, configuration, identity, and what `lubdub.start`, `lubdub.stop` and
// `lubdub.status` on the console do. Which services there are is the entry's choice (main*.ts); how
// each is joined to the others is in parts.ts.
import { LUBDUB_VERSION } from "./wire/version.ts";
import type { Config } from "./wire/config.ts";
import { createRuntime, quoted } from "./core/runtime.ts";
import type { Runtime } from "./core/runtime.ts";
import { createIdentity } from "./auth/identity.ts";
import type { Identity } from "./auth/identity.ts";
import { createJwt } from "./auth/jwt.ts";
import type { Jwt } from "./auth/jwt.ts";
import { loadConfig } from "./core/config-store.ts";
import { areUrls } from "./wire/url.ts";
import { createBoard } from "./platform/espruino.ts";
import type { Heartbeat } from "./services/heartbeat.ts";
import type { Outbox } from "./services/outbox.ts";
import type { Scheduler } from "./services/scheduler.ts";
import type { TimeSync } from "./services/time-sync.ts";
import type { Update } from "./services/update.ts";
import type { Wifi } from "./services/wifi.ts";
import type { TopicLeaf } from "./wire/topics.ts";
import type { Uplink } from "./services/uplink.ts";

/** What the app needs of a service. */
export interface Service {
  /** One word. */
  status: string;
  /** Ends it: no timer, listener or socket of it is left. */
  stop(): void;
}

/** What parts find and leave here. */
export interface App {
  rt: Runtime;
  config: Config;
  identity: Identity;
  jwt: Jwt;
  /** Why the board started: what was planned, or `unknown`. */
  reset: string;
  /** Services by name, in the order of their start; what others call has a member of its own. */
  services: { [name: string]: Service };
  wifi?: Wifi;
  time?: TimeSync;
  jobs?: Scheduler;
  uplink?: Uplink;
  outbox?: Outbox;
  heartbeat?: Heartbeat;
  update?: Update;
  /** The device's own topics that are subscribed to; parts add theirs before the uplink. */
  leaves: TopicLeaf[];
  /** Takes what arrives on them. */
  onMessage?: (topic: string, payload: string) => void;
  /** Says goodbye and starts the board anew. */
  reboot(reason: string): void;
  /** Who it is, where it stands, and one word for each service. */
  status(): { [name: string]: unknown };
}

/** Bound for a stop, ms: 1 s for beats in hand, then the link's goodbye, and more. */
export const STOP_GUARD_MS = 6000;

/** What is on the console as `lubdub`. */
export interface Program {
  start(): void;
  /** Says goodbye and ends, within six seconds. */
  stop(): void;
  /** Who it is, where it stands, and one word for each service. */
  status(): { [name: string]: unknown };
}

/**
 * Creates a program, stopped.
 *
 * @param config has been checked
 * @param compose adds the parts, in the order in which they start; called at every start
 */
export function createApp(rt: Runtime, config: Config, compose: (app: App) => void): Program {
  const identity = createIdentity(rt, config);
  const jwt = createJwt(rt, identity, config);
  let app = { services: {} } as App;
  let state = "";
  let firstSlot = 0;

  function status(): { [name: string]: unknown } {
    const { uplink, heartbeat, services } = app;
    const words: { [name: string]: unknown } = {
      id: identity.id,
      boot: identity.boot,
      session: identity.session,
      seq: identity.seq,
      clock: rt.quality,
      uplink: uplink ? uplink.status : "off",
      heartbeat: heartbeat ? heartbeat.status : "off",
    };
    for (const name in services) words[name] = (services[name] as Service).status;
    return words;
  }

  function stop(done: () => void): void {
    if (state !== "started") return rt.log("W", "app", "not-running");
    const { heartbeat, uplink, services } = app;

    function stopped(): void {
      if (!state) return;
      state = "";
      for (const name in services) (services[name] as Service).stop();
      rt.freeSlots(firstSlot);
      app = { services: {} } as App;
      rt.log("I", "app", "stopped");
      done();
    }
    function stopUplink(): void {
      if (uplink) uplink.stop(stopped);
      else stopped();
    }

    // Whatever an out-of-memory cuts short on the way, the board can be started again.
    rt.arm(firstSlot, STOP_GUARD_MS, stopped);
    state = "stopping";
    if (heartbeat) heartbeat.stop(stopUplink);
    else stopUplink();
    return undefined;
  }

  function reboot(reason: string): void {
    rt.log("W", "app", "reboot", "reason=" + reason);
    stop(rt.reboot);
  }

  return {
    start: function () {
      if (state) return rt.log("W", "app", "already-" + state);
      state = "started";
      firstSlot = rt.newSlot();
      rt.log("I", "app", "identity", "id=" + identity.id + " boot=" + identity.boot);
      app = {
        rt,
        config,
        identity,
        jwt,
        reset: "unknown",
        services: {},
        leaves: ["status"],
        reboot,
        status,
      };
      compose(app);
      rt.log("I", "app", "ready");
      return undefined;
    },
    stop: function () {
      stop(() => undefined);
    },
    status,
  };
}

/**
 * Starts a program on this board. Whatever is wrong is logged, and the board stays on its console.
 *
 * @param keys rows of the configuration that the parts read, see wire/config.ts
 */
export function run(keys: string, compose: (app: App) => void): void {
  const rt = createRuntime(createBoard());
  rt.log("I", "app", "boot", "version=" + LUBDUB_VERSION + " interpreter=" + rt.version);
  const config = loadConfig(rt, keys, areUrls);
  if (!config) return;
  rt.logLevel = config.log_level as Runtime["logLevel"];
  rt.onFault((text) => rt.log("E", "app", "fault", "text=" + quoted(text)));
  if (!rt.sha256) return rt.log("E", "app", "unusable", "code=E_HASH_NONE");
  const program = createApp(rt, config, compose);
  rt.expose("lubdub", program);
  program.start();
}
