// SPDX-License-Identifier: MIT
// The state of a broker and what all packet handlers do with it: answering, ending connections,
// accepting messages. Where packets come from is connections.ts; what they mean is packets/.
import mqtt from "mqtt-packet";
import type { SimClock } from "../clock/clock.ts";
import type { RandomStream } from "../random.ts";
import type { Trace } from "../trace.ts";
import type { Authenticate, Authorise, BrokerContext, CloseCause } from "./context.ts";
import { createKeepAliveWheel } from "./keep-alive-wheel.ts";
import { writeFrequent } from "./frequent-packets.ts";
import type { BrokerLimits } from "./limits.ts";
import type { Link } from "./link.ts";
import type { Message, PublishInfo, Qos } from "./message.ts";
import { wrongAnswer } from "./misbehaviour.ts";
import { unsubscribe } from "./packets/subscribe.ts";
import { createRetained } from "./retained.ts";
import type { Session } from "./session.ts";
import { SharedGroup } from "./shared-group.ts";
import { createCounters } from "./stats.ts";
import type { BrokerCounters } from "./stats.ts";
import { createTopicTree } from "./topic-tree.ts";
import type { TopicTree } from "./topic-tree.ts";

/** A program of the owner's that sees messages; one object for each subscription. */
export interface Observer {
  fn: (topic: string, payload: Buffer, info: PublishInfo) => void;
}

/** What a core is made of. */
export interface CoreOptions {
  clock: SimClock;
  random: RandomStream;
  limits: BrokerLimits;
  authenticate: Authenticate;
  authorise: Authorise;
  trace: Trace | undefined;
  /** `broker/<name>`, who speaks in the trace. */
  traceName: string;
}

/** The broker's inside. */
export interface Core extends BrokerContext {
  readonly observers: TopicTree<Observer>;
}

/** What counts how a connection ended. */
const COUNTER_OF: Partial<Record<CloseCause, keyof BrokerCounters>> = {
  disconnect: "disconnects",
  gone: "gone",
  "keep-alive": "keepAliveTimeouts",
  "connect-timeout": "connectTimeouts",
  takeover: "takeovers",
  protocol: "protocolErrors",
};

/** Hands an accepted message to the subscribers, each once with its highest QoS [MQTT-3.3.5-1]. */
function distribute(core: Core, message: Message, levels: readonly string[]): void {
  const sessions = new Map<Session, number>();
  const groups: SharedGroup[] = [];
  core.subscriptions.match(levels, (subscriber, qos) => {
    if (subscriber instanceof SharedGroup) groups.push(subscriber);
    else if (qos > (sessions.get(subscriber) ?? -1)) sessions.set(subscriber, qos);
  });
  // Never with more than its publisher's QoS (section 4.3); RETAIN is not set [MQTT-3.3.1-9].
  for (const [session, qos] of sessions)
    session.deliver(message, Math.min(message.qos, qos) as Qos);
  for (const group of groups) group.deliver(message);
}

/** Tells the connection's network, as wanted, and takes it out of the broker's books. */
function release(core: Core, link: Link, how: "end" | "cut" | "leave"): void {
  link.isOpen = false;
  core.wheel.remove(link);
  if (link.stall) core.clock.clearTimer(link.stall);
  link.stall = null;
  const { session } = link;
  if (session) {
    core.links.delete(session.clientId);
    session.detach();
    if (session.isClean) core.endSession(session); // [MQTT-3.1.2-6]
  }
  if (how === "end") link.connection.end();
  if (how === "cut") link.connection.destroy();
}

/** Publishes the will that a connection left behind, once [MQTT-3.1.2-8], [MQTT-3.1.2-10]. */
function publishWill(core: Core, link: Link): void {
  const { will } = link;
  link.will = null;
  if (!will) return;
  core.counters.wills++;
  core.trace("will", { client: will.clientId, topic: will.topic });
  core.accept(will, { dup: false, acked: false, isWill: true });
}

/** Creates an empty broker's inside. */
export function createCore(options: CoreOptions): Core {
  const { clock, random, trace, traceName } = options;
  const counters = createCounters();
  const core: Core = {
    clock,
    counters,
    sessionBounds: {
      maxInFlight: options.limits.maxInFlight,
      maxQueued: options.limits.maxQueued,
      onDropped: () => counters.dropped++,
    },
    sessions: new Map(),
    links: new Map(),
    subscriptions: createTopicTree(),
    groups: new Map(),
    retained: createRetained(),
    observers: createTopicTree(),
    wheel: createKeepAliveWheel<Link>(clock, (link) => {
      if (!link.stall) return core.close(link, link.session ? "keep-alive" : "connect-timeout");
      // The broker itself held a packet back; the client is not to blame.
      link.heardMs = clock.now();
      return core.wheel.add(link);
    }),
    authenticate: options.authenticate,
    authorise: options.authorise,
    newClientId: () => {
      for (;;) {
        const id = `auto-${random.integer(0, 0xffffffff).toString(16).padStart(8, "0")}`;
        if (!core.sessions.has(id)) return id;
      }
    },
    answer: (link, packet) => {
      const how = link.wrong;
      if (how === null) return link.write(writeFrequent(packet) ?? mqtt.generate(packet));
      link.write(wrongAnswer(packet, how, random));
      // Nothing may follow half a packet, nor come before a CONNACK.
      const isConnackGone = packet.cmd === "connack" && (how === "mute" || how === "garbage");
      if (how === "half-packet" || isConnackGone) link.isMute = true;
      return undefined;
    },
    close: (link, cause, detail, how = "end") => {
      if (!link.isOpen) return;
      const client = link.clientId;
      const counter = COUNTER_OF[cause];
      if (counter) counters[counter]++;
      core.trace("close", { client, cause, ...(detail === undefined ? {} : { detail }) });
      release(core, link, how);
      publishWill(core, link);
    },
    accept: (message, how) => {
      const { topic, payload, qos, retain, clientId } = message;
      counters.publishes++;
      core.trace("publish", { topic, bytes: payload.length, qos, client: clientId });
      if (retain) core.retained.set(message);
      const levels = topic.split("/");
      core.observers.match(levels, (observer) =>
        observer.fn(topic, payload, { qos, retain, clientId, ...how }),
      );
      distribute(core, message, levels);
    },
    endSession: (session) => {
      for (const text of session.subscriptions.keys()) unsubscribe(core, session, text);
      core.sessions.delete(session.clientId);
    },
    trace: (event, members) => trace?.add(traceName, event, members),
  };
  return core;
}
