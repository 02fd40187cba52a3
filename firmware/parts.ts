// SPDX-License-Identifier: MIT
// How each service is joined to the others: one function per part, called by an entry in the order
// in which parts start. An entry that leaves one out does not carry its code.
//
//   wifi, clock, jobs, uplink, its carriers, outbox, heartbeat, then what looks at the others
import { FLOOR_MS, KNOWN_MS, persist, restore } from "./core/persist.ts";
import { quoted } from "./core/runtime.ts";
import { changeConfig, isChanged, keepConfig } from "./core/config-store.ts";
import { refused, renewalMs } from "./auth/jwt.ts";
import { createRotation } from "./auth/rotation.ts";
import { BOOT, FAILED, SEQ, encodeHeartbeat } from "./wire/heartbeat.ts";
import type { HeartbeatBody } from "./wire/heartbeat.ts";
import { FIGURES } from "./wire/metrics.ts";
import type { Figures } from "./wire/metrics.ts";
import { areUrls, parseUrl } from "./wire/url.ts";
import { topicOf } from "./wire/topics.ts";
import type { Link, LinkTarget } from "./transport/link.ts";
import { openWebSocket } from "./transport/websocket.ts";
import { createHttpLink } from "./http/link.ts";
import { createDeviceLink } from "./mqtt/link.ts";
import { listen } from "./platform/espruino-server.ts";
import { runningSlot } from "./platform/espruino-update.ts";
import { addWebSocketBytes } from "./platform/espruino-bytes.ts";
import { createCommands } from "./services/commands.ts";
import type { Handler } from "./services/commands.ts";
import { startDiagnostics } from "./services/diagnostics.ts";
import { createHeartbeat } from "./services/heartbeat.ts";
import { createOutbox } from "./services/outbox.ts";
import type { Outbox } from "./services/outbox.ts";
import { createScheduler } from "./services/scheduler.ts";
import type { Scheduler } from "./services/scheduler.ts";
import { createStatusServer } from "./services/status-server.ts";
import { createSupervisor } from "./services/supervisor.ts";
import { createTelemetry } from "./services/telemetry.ts";
import { createTimeSync } from "./services/time-sync.ts";
import { beginUpdate, createUpdate } from "./services/update.ts";
import { createUplink } from "./services/uplink.ts";
import type { Uplink } from "./services/uplink.ts";
import type { UpdateArgs } from "./wire/update.ts";
import { createWebsocketKeepalive, keepaliveOptions } from "./services/websocket-keepalive.ts";
import type { KeepaliveOptions, WebsocketKeepalive } from "./services/websocket-keepalive.ts";
import { createWifi } from "./services/wifi.ts";
import type { App, Service } from "./app.ts";

/**
 * What a WebSocket message may bring. Its bytes go on to MQTT as they come, and a broker may put many
 * packets into one message ([MQTT-6.0.0-2]), so this bounds only its length's number.
 */
const WEBSOCKET_MAX_BYTES = 1e9;

/**
 * Tells whether a service is in a failed state, or commands may not come. Whether there is a connection
 * is not asked: that a beat comes tells of it.
 */
function isDegraded(app: App): boolean {
  const failed = FAILED.split(" ");
  for (const name in app.services) {
    const { status } = app.services[name] as Service;
    // Capital letters come first.
    if (status < "a" || failed.includes(status)) return true;
  }
  return !!app.rt.isDeaf;
}

/** A program that has its uplink: what parts need that report by it. */
export type Connected = App & { uplink: Uplink };

/** Parses a URL that has been checked, with what TLS wants. */
function targetOf(app: App, url: string): LinkTarget {
  const { rt, config } = app;
  const target = parseUrl(url) as LinkTarget & { isTls: boolean };
  if (target.isTls) {
    const tls: { [name: string]: string } = {};
    if (config.tls_ca) tls["ca"] = rt.fromBase64url(config.tls_ca);
    if (config.tls_cert) tls["cert"] = rt.fromBase64url(config.tls_cert);
    if (config.tls_key) tls["key"] = rt.fromBase64url(config.tls_key);
    target.tls = tls;
  }
  return target;
}

/** Says so when one of these addresses asks for TLS and the board has none. */
function checkTls({ rt }: App, urls: string): void {
  // mqtts, wss, https
  if (!rt.hasTls && /[tsp]s:\/\//.test(urls)) rt.log("E", "app", "unusable", "code=E_TLS_NONE");
}

/** Adds what WebSocket needs of the board, and says so when it cannot check a handshake. */
function addWebSocket({ rt }: App): void {
  addWebSocketBytes(rt);
  if (!rt.sha1) rt.log("E", "app", "unusable", "code=E_WS_NONE");
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
      for (const service of [app.uplink, app.time, app.keepalive]) if (service) service.networkUp();
    },
    () => {
      if (app.uplink) app.uplink.networkDown();
    },
  );
  app.services["wifi"] = app.wifi;
}

/** Whether what is signed or judged by the time had better wait for it. */
function isTimeDue({ time }: App): boolean {
  return !!time && time.isDue;
}

/** Own time from the network, with the last one from flash as a floor. */
export function clock(app: App): void {
  const { rt, config } = app;
  app.time = createTimeSync(
    rt,
    {
      servers: config.time_servers,
      intervalSec: config.time_interval_s,
      // Read twice, because what is read would stay in memory with this function.
      floorMs: restore(rt)[FLOOR_MS] as number,
      knownMs: restore(rt)[KNOWN_MS] as number,
      save: (wallMs, isSynced) => {
        const numbers = restore(rt);
        numbers[KNOWN_MS] = wallMs;
        if (isSynced) numbers[FLOOR_MS] = wallMs;
        persist(rt, numbers);
      },
    },
    (before) => {
      if (app.jobs) app.jobs.realign();
      // What was blocked for want of a clock, or refused by one that is suspected. A sync as always is
      // no reason to try a broker again that refuses.
      if (before !== "synced" && app.uplink) app.uplink.networkUp();
    },
  );
  app.services["time"] = app.time;
  if (!rt.radio || rt.radio.address()) app.time.networkUp();
}

/** Jobs at the minutes of the clock, and the diagnostic pair where it is asked for. */
export function jobs(app: App): Scheduler {
  const service = createScheduler(app.rt);
  app.jobs = service;
  app.services["jobs"] = service;
  if (app.config.ENABLE_HEARTBEAT) startDiagnostics(app.rt, service);
  return service;
}

/** The connection; its carriers are added next: `mqtt` or `websocket`, `http`. */
export function uplink(app: App): asserts app is Connected {
  checkTls(app, app.config.urls);
  app.uplink = createUplink(app.rt, app.identity, app.config, {
    targetOf: (url) => targetOf(app, url),
    onMessage: (topic, payload) => {
      const take = app.takers[topic.split("/").pop() as string];
      if (take) take(payload);
    },
    onChange: (isOnline) => {
      // With the line the time servers were away, perhaps for so long that the next sync is hours off; but
      // who has asked for patience gets it.
      if (isOnline && app.time && app.time.status !== "RATE") app.time.networkUp();
      if (app.outbox) {
        if (isOnline) app.outbox.online();
        else app.outbox.offline();
      }
    },
    onTime: (wallMs) => {
      if (app.time) app.time.heard(wallMs);
    },
    onHeld: () => keepConfig(app.rt),
    onRefused: (failure) => {
      // CONNACK 1 and 2 judge protocol and identifier.
      if (/k=[12]$/.test(failure)) return false;
      if (app.rotation) app.rotation.refused();
      const remedy = refused(app.rt, app.jwt);
      if (remedy === "check-clock" && app.time) app.time.networkUp();
      return remedy !== "long-backoff";
    },
    renewalMs: app.config.renew ? () => renewalMs(app.rt) : undefined,
  });
}

/** A function that calls the author's; what that throws is logged. */
function logged<First, Second>(
  app: App,
  fn: (first: First, second: Second) => void,
): (first: First, second?: Second) => void {
  return (first, second) => {
    try {
      fn(first, second as Second);
    } catch (error) {
      app.rt.log("E", "app", "fault", "text=" + quoted("" + error));
    }
  };
}

/** Tells whether one of the configured URLs begins with one of some letters. */
function hasScheme(app: App, letters: string): boolean {
  // oxlint-disable-next-line typescript/no-deprecated -- one letter
  for (const url of app.config.urls.split(",")) if (letters.includes(url[0] as string)) return true;
  return false;
}

function addMqtt(app: Connected, dial: Parameters<typeof createDeviceLink>[3]["dial"]): void {
  const { rt, jwt, identity, config } = app;
  const up = app.uplink;
  const options = { dial, seal: jwt.seal, token: jwt.connection, leaves: app.takers };
  up.links["m"] = createDeviceLink(rt, identity, config, options, up);
}

/** MQTT over TCP and TLS. */
export function mqtt(app: Connected): void {
  addMqtt(app, app.rt.connect);
}

/** MQTT over WebSocket, TCP and TLS, where a URL asks for one of them. */
export function websocket(app: Connected): void {
  const { rt } = app;
  const slot = rt.newSlot();
  if (!hasScheme(app, "mw")) return;
  if (hasScheme(app, "w")) addWebSocket(app);
  addMqtt(app, (target, events) => {
    if (target.scheme[0] === "m") return rt.connect(target, events);
    const options = { protocol: "mqtt", maxBytes: WEBSOCKET_MAX_BYTES };
    return openWebSocket(rt, slot, Object.assign(options, target), events);
  });
  const { links } = app.uplink;
  links["w"] = links["m"] as Link;
}

/**
 * Heartbeats over HTTP and HTTPS, where a URL asks for it.
 *
 * @param onPlaylist called when the server wants another playlist than the one that was reported
 */
export function http(app: Connected, onPlaylist?: () => void): void {
  const { rt, jwt, config, identity } = app;
  const up = app.uplink;
  if (!hasScheme(app, "h")) return;
  const waitMs = config.ack_timeout_s * 1000;
  const options = {
    identity,
    waitMs,
    seal: jwt.seal,
    token: jwt.connection,
    onPlaylist,
    // Whether a server takes beats shows by a beat only; where there is another one, it is not left for
    // the next beat to find out.
    onIdle: () => {
      if (config.urls.includes(",") && app.heartbeat) app.heartbeat.beatSoon();
    },
  };
  up.links["h"] = createHttpLink(rt, options, up);
}

/**
 * Signed commands and their replies; before the carriers, which subscribe to the topic.
 *
 * @param own the device's own ones by name
 */
export function commands(app: Connected, own?: { [name: string]: Handler }): void {
  const { rt, config, identity, jwt } = app;
  const up = app.uplink;
  const topic = topicOf(config.topic_prefix, identity.id, "replies");
  const rotation = createRotation(rt, jwt, config);
  const { onOnline } = up;
  app.rotation = rotation;
  up.onOnline = (detail) => {
    onOnline(detail);
    // Only a beat decides about a new key.
    if (jwt.old && app.heartbeat) app.heartbeat.beatSoon();
  };
  const service = createCommands(rt, {
    jwt,
    isTimeDue: () => isTimeDue(app),
    reply: (body, done) => up.publish({ topic, body, qos: 1 }, done),
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
    changeConfig: (changes) => {
      // That the command has come proves the configuration it came by.
      keepConfig(rt);
      return changeConfig(rt, changes, app.keys, areUrls);
    },
    reboot: app.reboot,
    update: app.fetchBundle,
    rotate: (key, kid) => {
      const failure = rotation.rotate(key, kid);
      // Only a peer that has seen the new key can take it: a new connection at the next audit.
      if (!failure) up.renewAtMs = 0;
      return failure;
    },
    own,
  });
  app.takers["commands"] = service.handle;
  app.services["commands"] = service;
}

/**
 * What hands a beat to the uplink; its numbers and members are as the heartbeat submits them. The first
 * one that the peer acknowledges, made now or long ago, proves the bundle that runs.
 */
function beatPublisher(app: Connected): Outbox["submit"] {
  const { identity, config, jwt } = app;
  const up = app.uplink;
  const topic = topicOf(config.topic_prefix, identity.id, "heartbeat");
  let isProved = false;
  return function (values, rest, done) {
    const body = encodeHeartbeat(identity.id, values) + rest;
    const claims = '"boot":' + values[BOOT] + ',"seq":' + values[SEQ];
    // What has to prove itself needs an answer.
    const qos = config.qos || (isProved && !jwt.old ? 0 : 1);
    up.publish({ topic, body, qos, claims }, (failure, rttMs) => {
      if (!failure) jwt.refusals = 0;
      if (rttMs !== undefined) {
        if (app.rotation) app.rotation.accepted();
        if (!isProved) {
          isProved = true;
          if (app.update) app.update.commit();
        }
      }
      done(failure, rttMs);
    });
  };
}

/**
 * Takes what is published on a topic of the device's own, `devices/<id>/<leaf>`; before the carrier,
 * which subscribes to it. MQTT only.
 *
 * @param leaf one level
 * @param onText what it throws is logged
 */
export function subscribe(app: App, leaf: string, onText: (text: string) => void): void {
  // Thrown further it would keep the message from being acknowledged.
  app.takers[leaf] = logged(app, onText);
}

/**
 * Publishes text on a topic of the device's own at QoS 1; without a connection it waits for one while
 * there is room. What is lost is logged. MQTT only.
 */
export function publish(app: Connected, leaf: string, body: string): void {
  const { rt, config, identity } = app;
  const topic = topicOf(config.topic_prefix, identity.id, leaf);
  app.uplink.publish({ topic, body, qos: 1 }, (failure) => {
    if (failure) rt.log("W", "app", "unpublished", "leaf=" + leaf + " code=" + failure);
  });
}

/** Keeps beats that cannot be sent; where there is no flash for it, only in RAM. */
export function outbox(app: Connected): void {
  const { rt } = app;
  app.outbox = createOutbox(rt, {
    publish: beatPublisher(app),
    deviceId: app.identity.id,
    isTimeDue: () => isTimeDue(app),
  });
  app.services["outbox"] = app.outbox;
}

/** Members of a heartbeat that an application adds: none of those that every heartbeat has. */
export type Members = { [name: string]: unknown } & {
  [name in keyof HeartbeatBody | "jwt"]?: never;
};

/** What an author adds to the heartbeat. */
export interface HeartbeatExtras {
  /** The application's own members, asked for at each beat. */
  members?(): Members;
}

/** The heartbeat, through the outbox where there is one. */
export function heartbeat(app: Connected, extras: HeartbeatExtras): void {
  const { rt, config, identity } = app;
  const up = app.uplink;

  app.heartbeat = createHeartbeat(rt, identity, {
    intervalSec: config.interval_s,
    // What has to prove itself has a quarter of an hour, which may be less than an interval.
    isImmediate: config.immediate || isChanged || (!!app.update && app.update.status === "trial"),
    submit: app.outbox ? app.outbox.submit : beatPublisher(app),
    takesBlind: !!app.outbox,
    isDegraded: () => isDegraded(app),
    telemetry: createTelemetry(rt, {
      reset: identity.reset,
      connectedMs: up.connectedMs,
    }),
    ...extras,
  });
}

/** Feeds the watchdog while the jobs run, and escalates when there is no connection for long. */
export function supervisor(app: App): void {
  const { rt, config } = app;
  app.services["supervisor"] = createSupervisor(rt, {
    recoverSec: config.recover_s,
    // Somebody has answered: the LAN is not what to mend.
    isReached: () => {
      const { uplink: up, keepalive: live } = app;
      return (
        (!!up && (up.status === "online" || rt.nowMs() < up.patientMs)) ||
        (!!live && live.status === "open")
      );
    },
    areJobsRunning: () => {
      const beats = app.heartbeat;
      if (!beats) return true;
      // No beats for want of a clock, or of the number of the start, which wants one, is no fault of
      // theirs; the next one comes within an interval.
      if (rt.quality === "none" && (!app.outbox || !app.identity.boot)) beats.beatMs = rt.nowMs();
      return rt.nowMs() - beats.beatMs < 2 * beats.intervalMs + 60000;
    },
    rejoin: app.wifi && app.wifi.rejoin,
    reboot: app.reboot,
  });
}

/**
 * New bundles into the other slot, on boards that start by the loader; before `commands`. Not without the
 * supervisor: the loader arms the watchdog for a bundle on trial, and somebody has to feed it.
 */
export function update(app: App): void {
  const { rt, jwt } = app;
  const service = createUpdate(rt, runningSlot(), app.reboot);
  app.update = service;
  app.services["update"] = service;
  app.fetchBundle = (args, done) => {
    const url = "" + args["url"];
    const mac = (text: string): string => rt.base64url(jwt.key.mac(text));
    const target = url[0] === "h" && parseUrl(url) ? targetOf(app, url) : undefined;
    if (target && target.tls && !rt.hasTls) return done("E_TLS_NONE");
    return beginUpdate(service, mac, target, args as unknown as UpdateArgs, done);
  };
}

/** A page for monitors that ask, where the configuration has a port for it. */
export function statusPage(app: App): void {
  const { rt, config } = app;
  if (!config.status_port) return;
  rt.listen = listen;
  app.services["status"] = createStatusServer(rt, config.status_port, () =>
    // Over the one word of the service of that name.
    Object.assign(app.status(), {
      status:
        !isDegraded(app) && app.uplink && app.uplink.status === "online" ? "alive" : "degraded",
    }),
  );
}

/**
 * A plain WebSocket kept alive by interval and payload, where the configuration has one.
 *
 * @param extras get what comes over it
 * @returns what sends over it; undefined where there is none
 */
export function keepalive(
  app: App,
  extras?: Pick<KeepaliveOptions, "onMessage" | "onState">,
): WebsocketKeepalive | undefined {
  const { rt, config } = app;
  if (!config.keepalive_url) return undefined;
  checkTls(app, config.keepalive_url);
  addWebSocket(app);
  const target = targetOf(app, config.keepalive_url);
  const options = keepaliveOptions(rt, config, target as never);
  if (extras) {
    const { onMessage, onState } = extras;
    // Thrown further it would hold back what came with the message, or the connection that a stop ends.
    if (onMessage) options.onMessage = logged(app, onMessage);
    if (onState) options.onState = logged(app, onState);
  }
  const service = createWebsocketKeepalive(rt, options);
  app.keepalive = service;
  app.services["keepalive"] = service;
  return service;
}
