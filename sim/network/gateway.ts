// SPDX-License-Identifier: MIT
// A way from this machine into a virtual network: whoever connects to the gateway's port of
// 127.0.0.1 - the real interpreter, any client - does so as a host of the virtual network and meets
// a virtual server behind that network's conditions. So each fault exists once, and is seen by a
// virtual board and by a real one alike.
//
//   real client -> 127.0.0.1:port -> virtual host "dut" -> conditions -> virtual host "broker"
//
// A real connection is established before anybody here hears of it, so what concerns the attempt
// itself must be in the kernel's hands before: the port is open, shut or silent as the network is
// at the moment, looked at every few milliseconds. What the kernel cannot be made to do: delays of
// the network shorter than a repeated attempt (1 s) come behind the attempt, before the first byte.
// Not for: virtual time; the real client lives in the host's.
import type { Socket } from "node:net";
import type { ClockTimer, SimClock } from "../clock/clock.ts";
import { openDatagramPort } from "./gateway-datagrams.ts";
import { openDoor } from "./gateway-door.ts";
import type { DoorState } from "./gateway-door.ts";
import { attemptsAt } from "./gateway-kernel.ts";
import { carryStream } from "./gateway-stream.ts";
import type { GatewayTls } from "./gateway-stream.ts";
import type { VirtualHost, VirtualNetwork } from "./virtual-network.ts";

/** From where to where a gateway leads. */
export interface GatewayOptions {
  /** Name of the virtual host in whose name the real client acts. */
  from: string;
  /** Name of the virtual host with the server. */
  to: string;
  /** The server's port there. */
  port: number;
  /** Datagrams instead of connections. */
  isUdp?: boolean;
  /** The server is one that takes TLS connections: the real client's TLS ends here. */
  tls?: GatewayTls;
}

/** An open gateway. */
export interface Gateway {
  /** Real port of 127.0.0.1. */
  readonly port: number;
  /** What a real attempt to connect meets by now; it follows a fault by some milliseconds. */
  readonly door: DoorState;
  /** Resets what is connected and frees the port. */
  close(): Promise<void>;
}

/** What a gateway is made of. */
export interface GatewayHost {
  /** A real clock. */
  clock: SimClock;
  network: VirtualNetwork;
}

/** How often the state of the virtual network is looked at. */
const LOOK_MS = 10;

/** What an attempt to connect would meet now, and how long it would take. */
function outlook(
  network: VirtualNetwork,
  from: VirtualHost,
  to: VirtualHost,
  port: number,
): { door: DoorState; connectMs: number } {
  const silent: { door: DoorState; connectMs: number } = { door: "silent", connectMs: 0 };
  for (const host of [from, to]) if (!host.isUp || host.link !== "up") return silent;
  const there = network.conditions.view(from.name, to.name, port).now;
  const back = network.conditions.view(to.name, from.name, port).now;
  if (there.isBlackHole || there.isBlocked || back.isBlocked) return silent;
  const isOpen = !there.isRefused && to.isServing(port);
  return { door: isOpen ? "open" : "shut", connectMs: there.connectMs };
}

function hostOf(network: VirtualNetwork, name: string): VirtualHost {
  const host = network.host(name);
  if (!host) throw new RangeError(`there is no host "${name}"`);
  return host;
}

/**
 * Opens a gateway.
 *
 * @throws RangeError (rejects) for a host that the network lacks
 */
export async function openGateway(host: GatewayHost, options: GatewayOptions): Promise<Gateway> {
  const { clock, network } = host;
  const from = hostOf(network, options.from);
  const to = hostOf(network, options.to);
  const { port, tls } = options;
  if (options.isUdp === true) {
    const opened = await openDatagramPort({ network: from.network, address: to.address, port });
    return { port: opened.port, door: "open", close: opened.close };
  }

  const sockets = new Set<Socket>();
  const door = await openDoor((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    carryStream(socket, {
      clock,
      tls,
      // By address: names are the resolver's business, and real names the host's resolver's.
      dial: (onChange) => from.network.connect(to.address, port, onChange, tls && {}),
      isInPieces: () =>
        network.conditions.view(to.name, from.name, port).now.segmentBytes < Infinity,
    });
  });
  /** Attempts that are under way while connecting takes time, and since when. */
  let sinceMs = new Map<string, number>();
  const hasWaited = (connectMs: number): boolean => {
    const nowMs = clock.now();
    sinceMs = new Map(attemptsAt(door.port).map((who) => [who, sinceMs.get(who) ?? nowMs]));
    return [...sinceMs.values()].some((since) => nowMs - since >= connectMs);
  };
  let timer: ClockTimer | null = null;
  const look = (): void => {
    const { door: found, connectMs } = outlook(network, from, to, port);
    const mustWait = found === "open" && connectMs > 0 && !hasWaited(connectMs);
    door.set(mustWait ? "silent" : found);
    timer = clock.setTimer(look, LOOK_MS);
  };
  look();
  return {
    port: door.port,
    get door() {
      return door.state;
    },
    close: async () => {
      if (timer) clock.clearTimer(timer);
      timer = null;
      await door.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
