// SPDX-License-Identifier: MIT
// A broker on a virtual clock and clients that speak to it packet by packet, in memory and without
// any delay, so that a test reads as a dialogue.
import mqtt from "mqtt-packet";
import type { IConnectPacket, Packet, QoS } from "mqtt-packet";
import { createBroker } from "../../../sim/broker/broker.ts";
import type { Broker, BrokerOptions } from "../../../sim/broker/broker.ts";
import { createVirtualClock } from "../../../sim/clock/virtual-clock.ts";
import type { VirtualClock } from "../../../sim/clock/virtual-clock.ts";
import type { Peer } from "../../../sim/network/peer.ts";
import { createRandom } from "../../../sim/random.ts";
import { createTrace } from "../../../sim/trace.ts";
import type { Trace } from "../../../sim/trace.ts";
import { dialRaw } from "../peers/dial.ts";
import type { RawClient } from "../peers/dial.ts";

/** The client's end of one connection. */
export interface Client extends RawClient {
  /** Packets received and not yet looked at by `take`, in order. */
  received: Packet[];
  /** Sends packets: as objects, as hex with spaces, or as bytes. */
  send(...packets: (Packet | string | Buffer)[]): void;
  /** Gives what has been received since the last time, in short: see `brief`. */
  take(): string[];
}

/** A packet in a few words: `publish 1 a/b hello id=3 dup retain`. */
export function brief(packet: Packet): string {
  const words: (string | number)[] = [packet.cmd];
  if (packet.cmd === "connack") words.push(packet.returnCode ?? "?");
  if (packet.cmd === "connack" && packet.sessionPresent) words.push("present");
  if (packet.cmd === "publish") words.push(packet.qos, packet.topic, packet.payload.toString());
  if (packet.messageId !== undefined) words.push(`id=${packet.messageId}`);
  if (packet.cmd === "publish" && packet.dup) words.push("dup");
  if (packet.cmd === "publish" && packet.retain) words.push("retain");
  if (packet.cmd === "suback") words.push(packet.granted.map(Number).join(","));
  return words.join(" ");
}

function bytesOf(packet: Packet | string | Buffer): Buffer {
  if (typeof packet === "string") return Buffer.from(packet.replaceAll(" ", ""), "hex");
  return Buffer.isBuffer(packet) ? packet : mqtt.generate(packet);
}

/** Connects to a program and reads what comes as MQTT packets. */
export function dial(peer: Peer): Client {
  const parser = mqtt.parser({ protocolVersion: 4 });
  const received: Packet[] = [];
  parser.on("packet", (packet: Packet) => received.push(packet));
  parser.on("error", () => {});
  const raw = dialRaw(peer, (bytes) => parser.parse(bytes));
  const { send } = raw;
  return Object.assign(raw, {
    received,
    send: (...packets: (Packet | string | Buffer)[]) => {
      for (const packet of packets) send(bytesOf(packet));
    },
    take: () => received.splice(0).map(brief),
  });
}

/** CONNECT with what matters in a test. */
export function connect(clientId: string, rest: Partial<IConnectPacket> = {}): IConnectPacket {
  return { cmd: "connect", clientId, clean: true, keepalive: 0, protocolVersion: 4, ...rest };
}

/** PUBLISH from a client. */
export function publish(
  topic: string,
  payload: string,
  qos: QoS = 0,
  rest: { messageId?: number; dup?: boolean; retain?: boolean } = {},
): Packet {
  const id = qos > 0 ? { messageId: 1 } : {};
  return { cmd: "publish", topic, payload, qos, dup: false, retain: false, ...id, ...rest };
}

/** SUBSCRIBE to filters with one QoS. */
export function subscribe(qos: QoS, ...filters: string[]): Packet {
  const subscriptions = filters.map((topic) => ({ topic, qos }));
  return { cmd: "subscribe", messageId: 1, subscriptions };
}

/** A broker and its surroundings. */
export interface BrokerLab {
  broker: Broker;
  clock: VirtualClock;
  trace: Trace;
  /** Connects without saying anything. */
  dial(): Client;
  /** Connects, sends CONNECT and takes the CONNACK away; throws when it is not accepted. */
  join(clientId: string, rest?: Partial<IConnectPacket>): Client;
  /** Lets time pass. */
  pass(ms: number): void;
  /** Events of the broker's trace, each as `event` and the members asked for. */
  events(...members: string[]): string[];
}

/** Creates a broker called `b` with seed 1. */
export function createBrokerLab(options: Partial<BrokerOptions> = {}): BrokerLab {
  const clock = createVirtualClock();
  const startMs = clock.now();
  const trace = createTrace({
    nowUs: () => Math.round((clock.now() - startMs) * 1000),
    keepRows: true,
  });
  const broker = createBroker({ clock, random: createRandom(1), name: "b", trace, ...options });
  return {
    broker,
    clock,
    trace,
    dial: () => dial(broker.peer),
    join: (clientId, rest) => {
      const client = dial(broker.peer);
      client.send(connect(clientId, rest));
      const [first, ...others] = client.take();
      if (!first?.startsWith("connack 0")) throw new Error(`not accepted: ${first}`);
      if (others.length > 0) throw new Error(`more than CONNACK: ${others.join()}`);
      return client;
    },
    pass: (ms) => clock.run(clock.now() + ms),
    events: (...members) =>
      trace.rows
        .filter((row) => row.on === "broker/b")
        .map((row) => [row.ev, ...members.map((name) => row[name] ?? "-")].join(" ")),
  };
}
