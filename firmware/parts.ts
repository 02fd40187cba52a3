// SPDX-License-Identifier: MIT
// How each service is joined to the others: one function per part, called by an entry in the order
// in which parts start. An entry that leaves one out does not carry its code.
import { parseUrl } from "./wire/url.ts";
import { topicOf } from "./wire/topics.ts";
import type { Runtime } from "./core/runtime.ts";
import type { Socket, SocketEvents } from "./platform/board.ts";
import type { Link, LinkEvents, LinkTarget } from "./transport/link.ts";
import { createDeviceLink } from "./mqtt/link.ts";
import { createHeartbeat } from "./services/heartbeat.ts";
import { createTelemetry } from "./services/telemetry.ts";
import { createUplink } from "./services/uplink.ts";
import { createWifi } from "./services/wifi.ts";
import type { App } from "./app.ts";

/** Makes the carrier of a scheme, or undefined when it is not its own. */
export type Carrier = (app: App, scheme: string, events: LinkEvents) => Link | undefined;

/** Keeps the access point, on boards with a radio. */
export function wifi(app: App): void {
  const { rt } = app;
  if (!rt.radio) return;
  app.services["wifi"] = createWifi(
    rt,
    rt.radio,
    app.config,
    () => {
      if (app.uplink) app.uplink.networkUp();
    },
    () => {
      if (app.uplink) app.uplink.networkDown();
    },
  );
}

/** MQTT over TCP and TLS. */
export function mqtt(app: App, scheme: string, events: LinkEvents): Link | undefined {
  const { rt, jwt } = app;
  if (scheme[0] !== "m") return undefined;
  return createDeviceLink(
    rt,
    app.identity,
    app.config,
    {
      dial: rt.connect,
      seal: jwt.seal,
      token: jwt.connection,
      leaves: ["status"],
    },
    events,
  );
}

/** The connection over the given carriers. */
export function uplink(app: App, carriers: Carrier[]): void {
  app.uplink = createUplink(app.rt, app.identity, app.config, {
    linkOf: (scheme, events) => {
      for (const carrier of carriers) {
        const link = carrier(app, scheme, events);
        if (link) return link;
      }
      return undefined;
    },
    targetOf: (url) => {
      const target = parseUrl(url) as LinkTarget & { isTls: boolean };
      if (target.isTls) target.tls = {};
      return target;
    },
    onMessage: () => undefined,
    onTime: () => undefined,
  });
}

/** What an author adds to the heartbeat. */
export interface HeartbeatExtras {
  /** The application's own members. */
  members?(): object;
}

/** The heartbeat, straight to the uplink. */
export function heartbeat(app: App, extras: HeartbeatExtras): void {
  const { rt, config, identity } = app;
  const up = app.uplink as NonNullable<App["uplink"]>;
  const topic = topicOf(config.topic_prefix, identity.id, "heartbeat");
  app.heartbeat = createHeartbeat(rt, identity, {
    intervalSec: config.interval_s,
    isImmediate: config.immediate,
    submit: (body, seq, done) => up.publish({ topic, body, qos: config.qos, seq }, done),
    telemetry: createTelemetry(rt, {
      reset: "unknown",
      isOnline: () => up.status === "online",
    }),
    ...extras,
  });
}
export type { Runtime, Socket, SocketEvents, LinkTarget };
