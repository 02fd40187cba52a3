// SPDX-License-Identifier: MIT
// How each service is joined to the others: one function per part, called by an entry in the order
// in which parts start. An entry that leaves one out does not carry its code.
//
//   wifi, clock, jobs, uplink, its carriers, outbox, heartbeat, then what looks at the others
import { FLOOR_MS, persist, restore } from "./core/persist.ts";
import { changeConfig, keepConfig } from "./core/config-store.ts";
import { refused, renewalMs } from "./auth/jwt.ts";
import { createRotation } from "./auth/rotation.ts";
import { ALL_KEYS } from "./wire/config.ts";
import { BOOT, FAILED, SEQ, encodeHeartbeat } from "./wire/heartbeat.ts";
import { FIGURES } from "./wire/metrics.ts";
import type { Figures } from "./wire/metrics.ts";
import { areUrls, parseUrl } from "./wire/url.ts";
import { topicOf } from "./wire/topics.ts";
import type { LinkTarget } from "./transport/link.ts";
import { openWebSocket } from "./transport/websocket.ts";
import { createHttpLink } from "./http/link.ts";
import { createDeviceLink } from "./mqtt/link.ts";
import { listen } from "./platform/espruino-server.ts";
import { runningSlot } from "./platform/espruino-update.ts";
import { addWebSocketBytes } from "./platform/espruino-bytes.ts";
import { createCommands } from "./services/commands.ts";
import { startDiagnostics } from "./services/diagnostics.ts";
import { createHeartbeat } from "./services/heartbeat.ts";
import { createOutbox } from "./services/outbox.ts";
import type { Outbox } from "./services/outbox.ts";
import { createScheduler } from "./services/scheduler.ts";
import { createStatusServer } from "./services/status-server.ts";
import { createSupervisor } from "./services/supervisor.ts";
import { createTelemetry } from "./services/telemetry.ts";
import { createTimeSync } from "./services/time-sync.ts";
import { beginUpdate, createUpdate } from "./services/update.ts";
import { createUplink } from "./services/uplink.ts";
import type { Update } from "./services/update.ts";
import type { Uplink } from "./services/uplink.ts";
import type { UpdateArgs } from "./wire/update.ts";
import { createWebsocketKeepalive, keepaliveOptions } from "./services/websocket-keepalive.ts";
import { createWifi } from "./services/wifi.ts";
import type { App, Service } from "./app.ts";

/** Bytes of the largest MQTT packet and its head: what a WebSocket message may bring at once. */
const WEBSOCKET_MAX_BYTES = 8192;

/**
 * Tells whether a service is in a failed state. The connection is not asked: that a beat comes tells
 * of it.
 */
function isDegraded(app: App): boolean {
  const failed = FAILED.split(" ");
  for (const name in app.services) {
    const { status } = app.services[name] as Service;
    // Capital letters come first.
    if (status < "a" || failed.includes(status)) return true;
  }
  return false;
}

/** Parses a URL that has been checked, with what TLS wants. */
function targetOf(app: App, url: string): LinkTarget {
  const { rt, config } = app;
  const target = parseUrl(url) as LinkTarget & { isTls: boolean };
  if (target.isTls) {
    if (!rt.hasTls) rt.log("E", "app", "unusable", "code=E_TLS_NONE");
    const tls: { [name: string]: string } = {};
    if (config.tls_ca) tls["ca"] = rt.fromBase64url(config.tls_ca);
    if (config.tls_cert) tls["cert"] = rt.fromBase64url(config.tls_cert);
    if (config.tls_key) tls["key"] = rt.fromBase64url(config.tls_key);
    target.tls = tls;
  }
  return target;
}

/** Keeps the access point, on boards with a radio. */
export function wifi(app: App): void {
  const { rt } = app;
  if (!rt.radio) return;
  app.wifi = createWifi(
    rt,
    rt.radio,
    app.config,
    () => {
      if (app.uplink) app.uplink.networkUp();
      if (app.time) app.time.networkUp();
    },
    () => {
      if (app.uplink) app.uplink.networkDown();
    },
  );
  app.services["wifi"] = app.wifi;
}

/** Own time from the network, with the last one from flash as a floor. */
export function clock(app: App): void {
  const { rt, config } = app;
  app.time = createTimeSync(
    rt,
    {
      servers: config.time_servers,
      intervalSec: config.time_interval_s,
      floorMs: restore(rt)[FLOOR_MS] as number,
      saveFloor: (wallMs) => {
        const numbers = restore(rt);
        numbers[FLOOR_MS] = wallMs;
        persist(rt, numbers);
      },
    },
    () => {
      if (app.jobs) app.jobs.realign();
      // What was blocked for want of a clock.
      if (app.uplink) app.uplink.networkUp();
    },
  );
  app.services["time"] = app.time;
  if (!rt.radio || rt.radio.address()) app.time.networkUp();
}

/** Jobs at the minutes of the clock, and the diagnostic pair where it is asked for. */
export function jobs(app: App): void {
  app.jobs = createScheduler(app.rt);
  app.services["jobs"] = app.jobs;
  if (app.config.ENABLE_HEARTBEAT) startDiagnostics(app.rt, app.jobs);
}

/** The connection; its carriers are added next: `mqtt` or `websocket`, `http`. */
export function uplink(app: App): void {
  app.uplink = createUplink(app.rt, app.identity, app.config, {
    targetOf: (url) => targetOf(app, url),
    onMessage: (topic, payload) => {
      if (app.onMessage) app.onMessage(topic, payload);
    },
    onChange: (isOnline) => {
      if (app.outbox) {
        if (isOnline) app.outbox.online();
        else app.outbox.offline();
      }
    },
    onTime: (wallMs) => {
      if (app.time) app.time.heard(wallMs);
    },
    onRefused: () => {
      // A rotation that is undone leaves a key that may be taken.
      if (app.rotation && app.rotation.refused()) return true;
      const remedy = refused(app.rt, app.jwt);
      if (remedy === "check-clock" && app.time) app.time.networkUp();
      return remedy !== "long-backoff";
    },
    renewalMs: app.config.renew ? () => renewalMs(app.rt) : undefined,
  });
}

/** Tells whether one of the configured URLs begins with one of some letters. */
function hasScheme(app: App, letters: string): boolean {
  // oxlint-disable-next-line typescript/no-deprecated -- one letter
  for (const url of app.config.urls.split(",")) if (letters.includes(url[0] as string)) return true;
  return false;
}

function addMqtt(app: App, dial: Parameters<typeof createDeviceLink>[3]["dial"]): void {
  const { rt, jwt, identity, config, leaves } = app;
  const up = app.uplink as Uplink;
  const options = { dial, seal: jwt.seal, token: jwt.connection, leaves };
  up.links.mqtt = createDeviceLink(rt, identity, config, options, up);
}

/** MQTT over TCP and TLS. */
export function mqtt(app: App): void {
  addMqtt(app, app.rt.connect);
}

/** MQTT over WebSocket, TCP and TLS, where a URL asks for one of them. */
export function websocket(app: App): void {
  const { rt } = app;
  const slot = rt.newSlot();
  if (!hasScheme(app, "mw")) return;
  addWebSocketBytes(rt);
  addMqtt(app, (target, events) => {
    if (target.scheme[0] === "m") return rt.connect(target, events);
    const options = { protocol: "mqtt", maxBytes: WEBSOCKET_MAX_BYTES };
    return openWebSocket(rt, slot, Object.assign(options, target), events);
  });
}

/** Heartbeats over HTTP and HTTPS, where a URL asks for it. */
export function http(app: App): void {
  const { rt, jwt, config, identity } = app;
  const up = app.uplink as Uplink;
  if (!hasScheme(app, "h")) return;
  const waitMs = config.ack_timeout_s * 1000;
  const options = { deviceId: identity.id, waitMs, seal: jwt.seal, token: jwt.connection };
  up.links.http = createHttpLink(rt, options, up);
}

/** Signed commands and their replies; before the carriers, which subscribe to the topic. */
export function commands(app: App): void {
  const { rt, config, identity, jwt } = app;
  const up = app.uplink as Uplink;
  const topic = topicOf(config.topic_prefix, identity.id, "replies");
  const rotation = createRotation(rt, jwt, config);
  app.rotation = rotation;
  const service = createCommands(rt, {
    jwt,
    reply: (body) =>
      up.publish({ topic, body, qos: 1 }, (failure) => {
        if (failure) rt.log("W", "commands", "reply-lost", "code=" + failure);
      }),
    status: () => {
      const words = app.status();
      for (const name in app.services)
        for (const figure of FIGURES.split(" ")) {
          const value = (app.services[name] as Figures)[figure as keyof Figures];
          if (value) (words[name] as string) += " " + figure + "=" + value;
        }
      return words;
    },
    setInterval: (sec) => {
      if (app.heartbeat) app.heartbeat.setPeriod(sec);
    },
    changeConfig: (changes) => changeConfig(rt, changes, ALL_KEYS, areUrls),
    reboot: app.reboot,
    update: (args, done) => {
      const url = "" + args["url"];
      const mac = (text: string): string => rt.base64url(jwt.key.mac(text));
      const target = parseUrl(url) ? targetOf(app, url) : undefined;
      beginUpdate(app.update as Update, mac, target, args as unknown as UpdateArgs, done);
    },
    rotate: rotation.rotate,
  });
  app.leaves.push("commands");
  app.onMessage = (name, payload) => {
    if (name.endsWith("commands")) service.handle(payload);
  };
  app.services["commands"] = service;
}

/** What hands a beat to the uplink; its numbers and members are as the heartbeat submits them. */
function beatPublisher(app: App): Outbox["submit"] {
  const { identity, config } = app;
  const up = app.uplink as Uplink;
  const topic = topicOf(config.topic_prefix, identity.id, "heartbeat");
  return function (values, rest, done) {
    const body = encodeHeartbeat(identity.id, values) + rest;
    const claims = '"boot":' + values[BOOT] + ',"seq":' + values[SEQ];
    up.publish({ topic, body, qos: config.qos, claims }, done);
  };
}

/** Keeps beats that cannot be sent; where there is no flash for it, only in RAM. */
export function outbox(app: App): void {
  const { rt } = app;
  app.outbox = createOutbox(rt, {
    publish: beatPublisher(app),
    deviceId: app.identity.id,
  });
  app.services["outbox"] = app.outbox;
}

/** What an author adds to the heartbeat. */
export interface HeartbeatExtras {
  /** The application's own members. */
  members?(): object;
}

/** The heartbeat, through the outbox where there is one. */
export function heartbeat(app: App, extras: HeartbeatExtras): void {
  const { rt, config, identity, jwt } = app;
  const up = app.uplink as Uplink;
  const submit = app.outbox ? app.outbox.submit : beatPublisher(app);
  let isProved = false;

  app.heartbeat = createHeartbeat(rt, identity, {
    intervalSec: config.interval_s,
    isImmediate: config.immediate,
    submit: (values, rest, done) => {
      submit(values, rest, (failure, rttMs) => {
        if (rttMs !== undefined) {
          jwt.refusals = 0;
          if (app.rotation) app.rotation.accepted(values[0] as number);
        }
        // The first one that the peer acknowledged: what runs has proved itself.
        if (!isProved && rttMs !== undefined) {
          isProved = true;
          keepConfig(rt);
          if (app.update) app.update.commit();
        }
        done(failure, rttMs);
      });
    },
    takesBlind: !!app.outbox,
    isDegraded: () => isDegraded(app),
    telemetry: createTelemetry(rt, {
      reset: identity.reset,
      isOnline: () => up.status === "online",
    }),
    ...extras,
  });
}

/** Feeds the watchdog while the jobs run, and escalates when there is no connection for long. */
export function supervisor(app: App): void {
  const { rt, config } = app;
  app.services["supervisor"] = createSupervisor(rt, {
    recoverSec: config.recover_s,
    isOnline: () => !!app.uplink && app.uplink.status === "online",
    areJobsRunning: () => {
      const beatMs = app.heartbeat ? app.heartbeat.beatMs : 0;
      return rt.quality === "none" || rt.nowMs() - beatMs < 2 * config.interval_s * 1000 + 60000;
    },
    rejoin: app.wifi && app.wifi.rejoin,
    reboot: app.reboot,
  });
}

/** New bundles into the other slot, on boards that start by the loader. */
export function update(app: App): void {
  app.update = createUpdate(app.rt, runningSlot(), app.reboot);
  app.services["update"] = app.update;
}

/** A page for monitors that ask, where the configuration has a port for it. */
export function statusPage(app: App): void {
  const { rt, config } = app;
  if (!config.status_port) return;
  rt.listen = listen;
  app.services["status"] = createStatusServer(rt, config.status_port, () =>
    Object.assign(
      {
        status:
          !isDegraded(app) && app.uplink && app.uplink.status === "online" ? "alive" : "degraded",
      },
      app.status(),
    ),
  );
}

/** A plain WebSocket kept alive by interval and payload, where the configuration has one. */
export function keepalive(app: App): void {
  const { rt, config } = app;
  if (!config.keepalive_url) return;
  addWebSocketBytes(rt);
  const target = targetOf(app, config.keepalive_url);
  const service = createWebsocketKeepalive(rt, keepaliveOptions(rt, config, target as never));
  app.services["keepalive"] = service;
}
