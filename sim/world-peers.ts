// SPDX-License-Identifier: MIT
// The servers that a world has ready: MQTT broker, HTTP endpoint, time server, each on a host of its
// own and each with what faults need of it.
import { createBroker } from "./broker/broker.ts";
import type { Broker, BrokerOptions } from "./broker/broker.ts";
import type { SimClock } from "./clock/clock.ts";
import type {
  FaultBroker,
  FaultEndpoint,
  FaultTimeServer,
  HttpMisbehaviour,
  SntpLie,
} from "./faults/targets.ts";
import type { VirtualHost } from "./network/virtual-network.ts";
import { createHeartbeatReceiver } from "./peers/heartbeat-receiver.ts";
import { createHttpEndpoint } from "./peers/http-endpoint.ts";
import type { BadAnswer, HttpEndpoint, HttpEndpointOptions } from "./peers/http-endpoint.ts";
import { createTimeServer, NTP_ERA_1_MS } from "./peers/time-server.ts";
import type { TimeLie, TimeServer } from "./peers/time-server.ts";
import type { Random } from "./random.ts";
import type { Trace } from "./trace.ts";

/** What of a world its servers are made of. */
export interface PeerSurroundings {
  name: string;
  host: VirtualHost;
  clock: SimClock;
  trace: Trace;
  random: Random;
}

const NTP_PORT = 123;

/** How a world's broker is. */
export interface WorldBrokerOptions extends Pick<
  BrokerOptions,
  "limits" | "authenticate" | "authorise"
> {
  /** 1883 unless given. */
  port?: number;
}

/** A broker at a host of a world. */
export interface WorldBroker extends Broker {
  readonly name: string;
  readonly host: VirtualHost;
  /** How faults see it. */
  readonly faults: FaultBroker;
}

/** Puts a broker on a host. */
export function createWorldBroker(
  surroundings: PeerSurroundings,
  options: WorldBrokerOptions,
): WorldBroker {
  const { name, host } = surroundings;
  const { port = 1883, ...rest } = options;
  const broker = createBroker({ ...surroundings, ...rest });
  let server = host.serve(port, broker.peer);
  // Two faults may keep it down at once; it starts when the last of them has healed.
  let stops = 0;
  const faults: FaultBroker = {
    name,
    stop: (how) => {
      stops++;
      broker.stop(how);
      // Nobody listens any more; a host that has lost its power does not even say so.
      server.close();
      if (how.connections === "leave") host.setUp(false);
      return () => {
        if (--stops > 0) return;
        host.setUp(true);
        server = host.serve(port, broker.peer);
        broker.start();
      };
    },
    refuse: (returnCode) =>
      broker.misbehave({ on: "CONNECT", do: { returnCode: returnCode as 1 | 2 | 3 | 4 | 5 } }),
    takeOver: () => {
      for (const { clientId } of broker.clients()) broker.takeOver(clientId);
    },
  };
  return {
    ...broker,
    get isRunning() {
      return broker.isRunning;
    },
    name,
    host,
    faults,
  };
}

/** How a world's HTTP endpoint is. */
export interface WorldHttpOptions extends Partial<Pick<HttpEndpointOptions, "handle" | "limits">> {
  /** 80 unless given. */
  port?: number;
}

/** An HTTP endpoint at a host of a world. */
export interface WorldHttp extends HttpEndpoint {
  readonly name: string;
  readonly host: VirtualHost;
  readonly faults: FaultEndpoint;
}

function badAnswer(how: HttpMisbehaviour): BadAnswer {
  switch (how.kind) {
    case "status":
      return { status: how.status };
    case "slow":
      return { delayMs: how.delayMs };
    default:
      return { bodyBytes: how.bytes };
  }
}

/** Puts an HTTP endpoint on a host; it receives heartbeats unless a handler is given. */
export function createWorldHttp(
  { name, host, clock }: PeerSurroundings,
  options: WorldHttpOptions,
): WorldHttp {
  const { port = 80, handle = createHeartbeatReceiver({ clock }), ...rest } = options;
  const endpoint = createHttpEndpoint({ clock, handle, ...rest });
  host.serve(port, endpoint.peer);
  const faults: FaultEndpoint = {
    name,
    misbehave: (how) => endpoint.misbehave({ on: "*", do: badAnswer(how) }),
  };
  return { ...endpoint, name, host, faults };
}

/** A time server at a host of a world. */
export interface WorldTime extends TimeServer {
  readonly name: string;
  readonly host: VirtualHost;
  readonly faults: FaultTimeServer;
}

function timeLie(how: SntpLie, offsetMs: number, nowMs: number): "silent" | TimeLie {
  switch (how) {
    case "kiss-of-death":
      return { kissOfDeath: "RATE" };
    case "stratum-0":
      return { stratum: 0 };
    case "leap-3":
      return { leap: 3 };
    case "wrong-origin":
      return { hasWrongOrigin: true };
    case "offset":
      return { offsetMs };
    case "era-2036":
      return { offsetMs: NTP_ERA_1_MS + 60_000 - nowMs };
    default:
      return "silent";
  }
}

/** Puts a time server on port 123 of a host. */
export function createWorldTime({ name, host, clock }: PeerSurroundings): WorldTime {
  const server = createTimeServer({ clock });
  host.serveUdp(NTP_PORT, server.peer);
  const faults: FaultTimeServer = {
    name,
    lie: (how, offsetMs) =>
      server.misbehave({ on: "request", do: timeLie(how, offsetMs, clock.now()) }),
  };
  return { ...server, name, host, faults };
}
