// SPDX-License-Identifier: MIT
// An MQTT 3.1.1 broker for the virtual network: clauses in square brackets are those of the OASIS
// standard. Time comes from the clock, chance from its own stream, so a run repeats to the byte.
// It can be stopped and started as a process is, and told to misbehave.
// Not for: production. Nothing is stored, and nobody is kept out unless the hooks do it.
import type { SimClock } from "../clock/clock.ts";
import type { Peer } from "../network/peer.ts";
import { createRules } from "../peers/rules.ts";
import type { Random } from "../random.ts";
import type { Trace } from "../trace.ts";
import { createConnections } from "./connections.ts";
import type { Authenticate, Authorise } from "./context.ts";
import { createCore } from "./core.ts";
import type { Core, Observer } from "./core.ts";
import { BROKER_LIMITS } from "./limits.ts";
import type { BrokerLimits } from "./limits.ts";
import type { Qos } from "./message.ts";
import type { BrokerRule } from "./misbehaviour.ts";
import type { BrokerStats } from "./stats.ts";
import { isTopicFilter, isTopicName } from "./topic.ts";

/** What a broker is made of. */
export interface BrokerOptions {
  clock: SimClock;
  random: Random;
  /** Its name in the trace (`broker/<name>`) and of its random stream. */
  name: string;
  trace?: Trace | undefined;
  limits?: Partial<BrokerLimits> | undefined;
  /** Lets everybody in unless given. */
  authenticate?: Authenticate | undefined;
  /** Allows everything unless given. */
  authorise?: Authorise | undefined;
}

/** One client's session as its owner sees it. */
export interface ClientInfo {
  clientId: string;
  isConnected: boolean;
  isClean: boolean;
  /** 0 without a connection. */
  keepAliveSec: number;
  /** Filters as subscribed to, with the QoS granted. */
  subscriptions: { filter: string; qos: Qos }[];
  /** Messages sent to it and not acknowledged, and those that wait behind them. */
  inFlight: number;
  queued: number;
}

/** How a broker stops. */
export interface StopOptions {
  /** Whether persistent sessions and retained messages are there after `start`. */
  keepsState: boolean;
  /**
   * What clients see. `end`: an orderly shutdown, wills are published. `cut`: the process was
   * killed, connections are reset. `leave`: its host lost power, clients are told nothing, and
   * learn of it by a reset when they send something after `start`. `end` unless given.
   */
  connections?: "end" | "cut" | "leave";
}

/** A broker. */
export interface Broker {
  /** The program to serve at a host and port. While stopped it cuts each new connection. */
  readonly peer: Peer;
  /**
   * Sees each message once, when it is accepted, before any subscriber gets it; a QoS 1 message
   * that its publisher sends again is accepted again. Retained messages are not told later.
   *
   * @returns ends it
   * @throws Error for a malformed filter
   */
  subscribe(filter: string, fn: Observer["fn"]): () => void;
  /**
   * Publishes in the owner's name.
   *
   * @returns false when the broker is stopped: nothing was done
   * @throws Error for a malformed topic
   */
  publish(
    topic: string,
    payload: string | Buffer,
    options?: { qos?: Qos; retain?: boolean },
  ): boolean;
  /** All sessions, connected or not, in the order of their making. */
  clients(): ClientInfo[];
  /** Does to a connected client what a stranger with its identifier does. False: not connected. */
  takeOver(clientId: string): boolean;
  /** Puts rules of misbehaviour in force; the function given back ends them. */
  misbehave(rules: BrokerRule | readonly BrokerRule[]): () => void;
  stop(options: StopOptions): void;
  start(): void;
  readonly isRunning: boolean;
  stats(): BrokerStats;
}

function clientInfo(core: Core): ClientInfo[] {
  return [...core.sessions.values()].map((session) => ({
    clientId: session.clientId,
    isConnected: session.isConnected,
    isClean: session.isClean,
    keepAliveSec: core.links.get(session.clientId)?.keepAliveSec ?? 0,
    subscriptions: [...session.subscriptions].map(([filter, qos]) => ({ filter, qos })),
    inFlight: session.inFlightCount,
    queued: session.queuedCount,
  }));
}

function statsOf(core: Core): BrokerStats {
  let waiting = 0;
  for (const session of core.sessions.values())
    waiting += session.inFlightCount + session.queuedCount;
  return {
    ...core.counters,
    clients: core.links.size,
    sessions: core.sessions.size,
    retained: core.retained.size,
    waiting,
  };
}

/** Creates a broker that is running. */
export function createBroker(options: BrokerOptions): Broker {
  const limits = { ...BROKER_LIMITS, ...options.limits };
  const traceName = `broker/${options.name}`;
  const core = createCore({
    clock: options.clock,
    random: options.random.stream(traceName),
    limits,
    authenticate: options.authenticate ?? (() => 0),
    authorise: options.authorise ?? (() => true),
    trace: options.trace,
    traceName,
  });
  const rules = createRules<BrokerRule>((rule) => rule.client);
  const connections = createConnections(core, limits, rules);

  return {
    peer: connections.peer,
    get isRunning() {
      return connections.isRunning;
    },
    subscribe: (filter, fn) => {
      if (!isTopicFilter(filter)) throw new Error(`not a topic filter: ${filter}`);
      const observer = { fn };
      core.observers.add(filter, observer, 0);
      return () => core.observers.remove(filter, observer);
    },
    publish: (topic, payload, { qos = 0, retain = false } = {}) => {
      if (!isTopicName(topic)) throw new Error(`not a topic name: ${topic}`);
      if (!connections.isRunning) return false;
      const message = { topic, payload: Buffer.from(payload), qos, retain, clientId: "" };
      core.accept(message, { dup: false, acked: false, isWill: false });
      return true;
    },
    clients: () => clientInfo(core),
    takeOver: (clientId) => {
      const link = core.links.get(clientId);
      if (link) core.close(link, "takeover");
      return link !== undefined;
    },
    misbehave: (added) => {
      for (const rule of Array.isArray(added) ? added : [added])
        if (typeof rule.do === "object" && "returnCode" in rule.do && rule.on !== "CONNECT")
          throw new Error("only a CONNECT can be refused with a return code");
      return rules.add(added);
    },
    stop: ({ keepsState, connections: how = "end" }) => {
      if (!connections.isRunning) return;
      connections.isRunning = false;
      core.trace("stop", { keepsState, connections: how });
      connections.closeAll(how);
      for (const session of core.sessions.values())
        if (!keepsState || session.isClean) core.endSession(session);
      if (!keepsState) core.retained.clear();
    },
    start: () => {
      if (connections.isRunning) return;
      connections.isRunning = true;
      core.trace("start", {});
    },
    stats: () => statsOf(core),
  };
}
