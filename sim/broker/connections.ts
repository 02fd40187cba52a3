// SPDX-License-Identifier: MIT
// The broker's side towards the network: connections come in, bytes become packets, a rule may make
// the broker misbehave, a handler does what the packet asks for.
import type { Packet } from "mqtt-packet";
import type { Peer, PeerConnection, PeerHandlers } from "../network/peer.ts";
import type { Rules } from "../peers/rules.ts";
import type { Core } from "./core.ts";
import { createFrameReader } from "./frames.ts";
import type { FrameReader } from "./frames.ts";
import type { BrokerLimits } from "./limits.ts";
import { Link } from "./link.ts";
import type { LinkBounds } from "./link.ts";
import { respondBytes } from "./misbehaviour.ts";
import type { BrokerRule, Misdeed } from "./misbehaviour.ts";
import { createPacketParser } from "./packet-parser.ts";
import type { ForeignConnect } from "./packet-parser.ts";
import { refuse } from "./packets/connect.ts";
import { handlePacket } from "./packets/index.ts";

/** All connections of a broker. */
export interface Connections {
  readonly peer: Peer;
  /** Takes connections, or refuses them by cutting each. */
  isRunning: boolean;
  /** Ends all; wills are published where they were left in place. */
  closeAll(how: "end" | "cut" | "leave"): void;
}

type Acceptable = Packet | ForeignConnect;

function handle(core: Core, link: Link, packet: Acceptable): void {
  if (packet.cmd === "foreign")
    refuse(core, link, 1); // [MQTT-3.1.2-2]
  else handlePacket(core, link, packet);
}

/** Does the wrong thing, for all misdeeds that are done at once. */
function misbehave(core: Core, link: Link, packet: Acceptable, misdeed: Misdeed): void {
  if (misdeed === "ignore") return;
  if (misdeed === "close") core.close(link, "script");
  else if (misdeed === "reset") core.close(link, "script", undefined, "cut");
  else if (typeof misdeed === "string") {
    link.wrong = misdeed;
    handle(core, link, packet);
    link.wrong = null;
  } else if ("respond" in misdeed) link.write(respondBytes(misdeed.respond));
  else if ("returnCode" in misdeed)
    refuse(core, link, misdeed.returnCode, packet.cmd === "connect" ? packet.clientId : "");
}

/** Creates the front; connections are taken at once. */
export function createConnections(
  core: Core,
  limits: BrokerLimits,
  rules: Rules<BrokerRule>,
): Connections {
  const parse = createPacketParser();
  const links = new Set<Link>();
  const { clock } = core;
  const bounds: LinkBounds = {
    maxUnsentBytes: limits.maxUnsentBytes,
    onSent: (bytes) => {
      core.counters.bytesOut += bytes;
    },
  };

  /** Holds a packet and all that follow it back for a while. */
  function hold(link: Link, reader: FrameReader, packet: Acceptable, delayMs: number): void {
    link.connection.pause();
    link.stall = clock.setTimer(() => {
      link.stall = null;
      link.heardMs = clock.now();
      handle(core, link, packet);
      if (link.isOpen) check(link, reader.resume());
      if (link.isOpen && !link.stall) link.endStall();
    }, delayMs);
  }

  function check(link: Link, problem: string | null): void {
    if (problem !== null) core.close(link, "protocol", problem); // [MQTT-4.8.0-1]
  }

  function onFrame(link: Link, reader: FrameReader, frame: Buffer): void {
    link.heardMs = clock.now(); // Whole packets count, not bytes [MQTT-3.1.2-24].
    const packet = parse(frame);
    if (packet.cmd === "bad") return check(link, packet.reason);
    const name = packet.cmd === "foreign" ? "CONNECT" : packet.cmd.toUpperCase();
    const rule = rules.take(name, packet.cmd === "connect" ? packet.clientId : link.clientId);
    if (!rule) return handle(core, link, packet);
    if (typeof rule.do === "object" && "delayMs" in rule.do)
      return hold(link, reader, packet, rule.do.delayMs);
    return misbehave(core, link, packet, rule.do);
  }

  function accept(connection: PeerConnection): PeerHandlers {
    if (!connections.isRunning) {
      connection.destroy();
      return { onData: () => {}, onClose: () => {} };
    }
    const link = new Link(connection, bounds, clock.now(), limits.connectTimeoutMs);
    const reader: FrameReader = createFrameReader(limits.maxPacketBytes, (frame) => {
      onFrame(link, reader, frame);
      return link.isOpen && link.stall === null;
    });
    links.add(link);
    core.wheel.add(link);
    return {
      onData: (bytes) => {
        // A connection of an earlier run of the broker is unknown to this one: its host cuts it.
        if (!link.isOpen && link.isForgotten && connections.isRunning) connection.destroy();
        if (!link.isOpen) return;
        core.counters.bytesIn += bytes.length;
        check(link, reader.feed(bytes));
      },
      onDrain: () => {
        if (!link.isOpen) return;
        link.onDrain();
        link.session?.pump();
      },
      onClose: () => {
        links.delete(link);
        core.close(link, "gone", undefined, "leave");
      },
    };
  }

  const connections: Connections = {
    peer: { accept },
    isRunning: true,
    closeAll: (how) => {
      for (const link of links) {
        if (!link.isOpen) continue;
        if (how !== "end") link.will = null;
        link.isForgotten = how === "leave";
        core.close(link, "stop", undefined, how);
      }
    },
  };
  return connections;
}
