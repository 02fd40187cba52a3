// SPDX-License-Identifier: MIT
// The device on a broker: MQTT with what makes this client one device. The will is registered with
// each connection and carries its session; birth follows CONNACK, shutdown comes before DISCONNECT;
// the device's own topics are subscribed to. The protocol is client.ts's business.
import { encodeStatus } from "../wire/status.ts";
import type { StatusReason } from "../wire/status.ts";
import { topicOf } from "../wire/topics.ts";
import type { Config } from "../wire/config.ts";
import type { Runtime } from "../core/runtime.ts";
import type { Published, Seal } from "../core/message.ts";
import type { Socket, SocketEvents } from "../platform/board.ts";
import type { Link, LinkEvents, LinkTarget } from "../transport/link.ts";
import { createMqttLink } from "./client.ts";

/** How long the shutdown status may wait for its PUBACK, ms. */
export const GOODBYE_MS = 1000;

/** How often a connection repeats its birth over a foreign status: two devices that share an id by
 * mistake must not argue for ever. */
export const CORRECTIONS_MAX = 3;

/** Who is connected, as the broker and the topics know it. */
export interface DeviceIdentity {
  id: string;
  boot: number;
  /** Counted up with each CONNECT. */
  session: number;
}

/** What the link is made of. */
export interface DeviceLinkOptions {
  /** Opens the byte stream. */
  dial(target: LinkTarget, events: SocketEvents): Socket;
  seal: Seal;
  /** Makes the password of a connection. */
  token(): string;
  /** Leaves of the device's own topics to subscribe to, as keys. */
  leaves: { [leaf: string]: unknown };
}

/** Creates the link. */
export function createDeviceLink(
  rt: Runtime,
  identity: DeviceIdentity,
  config: Config,
  options: DeviceLinkOptions,
  events: LinkEvents,
): Link {
  const slot = rt.newSlot();
  const statusTopic = topicOf(config.topic_prefix, identity.id, "status");
  const topicFilters: string[] = [];
  // Births over a foreign status; below zero: the birth has not been seen yet.
  let corrections = -1;

  function statusOf(reason: StatusReason): string {
    return encodeStatus(identity.id, reason, identity.boot, identity.session);
  }

  function say(reason: StatusReason, done: Published): void {
    link.publish({ topic: statusTopic, body: statusOf(reason), qos: 1, retain: true }, done);
  }

  function sayBirth(): void {
    say("birth", (failure) => {
      if (failure) rt.log("W", "uplink", "birth-failed", "code=" + failure);
    });
  }

  // The device reads its own retained status. The will of an earlier connection can land after the
  // birth of this one, and would leave a living device marked offline for ever. What comes before
  // the echo of the birth is older than the birth and needs no answer.
  function onStatus(payload: string): void {
    const isBirth = payload === statusOf("birth");
    if (isBirth && corrections < 0) corrections = -1 - corrections;
    if (isBirth || corrections < 0 || corrections >= CORRECTIONS_MAX) return;
    corrections++;
    rt.log("W", "uplink", "status-corrected", "count=" + corrections);
    corrections = -1 - corrections;
    sayBirth();
  }

  for (const leaf in options.leaves)
    topicFilters.push(topicOf(config.topic_prefix, identity.id, leaf));
  const link = createMqttLink(rt, config, {
    dial: options.dial,
    hello: function () {
      // Before CONNECT, because the will carries the session it was registered in.
      identity.session++;
      // Behind CONNACK comes what a kept session has for us, before the birth.
      corrections = -1;
      return {
        id: identity.id,
        token: options.token(),
        willTopic: statusTopic,
        willPayload: statusOf("will"),
      };
    },
    seal: options.seal,
    topicFilters,
    filterQos: 1,
    onOnline: function (detail) {
      events.onOnline(detail);
      sayBirth();
    },
    onFail: events.onFail,
    onMessage: function (topic, payload) {
      if (topic === statusTopic) onStatus(payload);
      else events.onMessage(topic, payload);
    },
    onTime: events.onTime,
  });
  const { stop } = link;
  link.stop = function (done, isBack) {
    // DISCONNECT only if the shutdown was handed over, acknowledged or not; else the will shall tell
    // it. The status is not argued about any more.
    corrections = CORRECTIONS_MAX;
    function end(): void {
      rt.disarm(slot);
      stop(done);
    }
    // The birth that is to come follows the one before it.
    if (isBack) return end();
    rt.arm(slot, GOODBYE_MS, end);
    return say("shutdown", (failure) => {
      if (rt.isArmed(slot)) {
        if (failure) link.close();
        rt.arm(slot, 0, end);
      }
    });
  };
  return link;
}
