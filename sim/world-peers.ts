// SPDX-License-Identifier: MIT
// The servers that a world has ready: MQTT broker, HTTP endpoint, time server, each on a host of its
// own and each with what faults need of it.
import { createBroker } from "./broker/broker.ts";
import type { Broker, BrokerOptions } from "./broker/broker.ts";
import type { SimClock } from "./clock/clock.ts";
import type { FaultBroker } from "./faults/targets.ts";
import type { VirtualHost } from "./network/virtual-network.ts";
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
  host.serve(port, broker.peer);
  // Two faults may keep it down at once; it starts when the last of them has healed.
  let stops = 0;
  const faults: FaultBroker = {
    name,
    stop: (how) => {
      stops++;
      broker.stop(how);
      return () => {
        if (--stops === 0) broker.start();
      };
    },
    refuse: (returnCode) =>
      broker.misbehave({ on: "CONNECT", do: { returnCode: returnCode as 1 | 2 | 3 | 4 | 5 } }),
    takeOver: () => {
      for (const { clientId } of broker.clients()) broker.takeOver(clientId);
    },
  };
  return Object.assign(Object.create(broker) as Broker, { name, host, faults });
}
