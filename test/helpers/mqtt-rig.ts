// SPDX-License-Identifier: MIT
// An MQTT client on a fake board: what it tells its owner and what became of each message is
// collected as text, what it sent is read by mqtt-packet. The broker's half is the test's.
import type { Packet } from "mqtt-packet";
import { createMqttLink } from "../../firmware/mqtt/client.ts";
import type { MqttConfig, MqttOwner } from "../../firmware/mqtt/client.ts";
import type { Message, Published } from "../../firmware/core/message.ts";
import type { Link, LinkTarget } from "../../firmware/transport/link.ts";
import { createFakeBoard } from "./fake-board.ts";
import type { FakeBoard, FakeSocket } from "./fake-board.ts";
import { connack, parseAll } from "./packets.ts";

/** Where the link is opened to. */
export const TARGET: LinkTarget = { scheme: "mqtt", host: "broker", port: 1883, path: "/" };

/** A message with QoS 1. */
export const BEAT: Message = { topic: "t", body: "beat", qos: 1 };

/** A client with everything around it. */
export interface MqttRig {
  board: FakeBoard;
  link: Link;
  /** `online ...`, `fail ...`, `message topic payload`, in order. */
  events: string[];
  /** `name ok` or `name E_CODE`, in the order of the answers. */
  outcomes: string[];
  /** Times of all writes, ms. */
  sentAtMs: number[];
  /** The connection tried last. */
  socket(): FakeSocket;
  /** Connects, up to the CONNECT. */
  dial(target?: LinkTarget): void;
  /** Connects and is accepted; forgets what was sent and told, a SUBSCRIBE too. */
  goOnline(present?: boolean): void;
  /** The connection is lost, and its owner cleans up. */
  lose(): void;
  /** The broker sends. */
  feed(bytes: string): void;
  /** The broker accepts. */
  accept(present?: boolean): void;
  /** Publishes, and collects the outcome under a name. */
  publish(message: Message, name: string): void;
  /** Collects an outcome under a name. */
  outcome(name: string): Published;
  /** What was sent since the last call. */
  sent(): Packet[];
  /** The same by name of packet. */
  cmds(): string[];
}

/**
 * Creates a client that has no Keep Alive, no filters and a persistent session unless changed.
 * @param draw random number from which the first packet identifier of a persistent session is made
 */
export function createMqttRig(
  change: Partial<MqttConfig> = {},
  ownerChange: Partial<MqttOwner> = {},
  draw = 0,
): MqttRig {
  const board = createFakeBoard();
  if (!change.clean_session) board.draws.push(draw);
  board.advance(1000);
  const events: string[] = [];
  const outcomes: string[] = [];
  const sentAtMs: number[] = [];
  const read = new WeakMap<FakeSocket, number>();
  board.net.onConnect = (socket) => {
    socket.onWrite = () => sentAtMs.push(board.nowMs());
  };
  const config: MqttConfig = {
    keep_alive_s: 0,
    ping_timeout_s: 4,
    ack_timeout_s: 10,
    clean_session: false,
    ...change,
  };
  const link = createMqttLink(board, config, {
    dial: board.connect,
    hello: () => ({ id: "kitchen", token: "token", willTopic: "w", willPayload: "{}" }),
    seal: (body) => body,
    topicFilters: [],
    filterQos: 1,
    onOnline: (detail) => events.push(`online ${detail}`),
    onFail: (failure, isRefused) => events.push(`fail ${failure}${isRefused ? " refused" : ""}`),
    onMessage: (topic, payload) => events.push(`message ${topic} ${payload}`),
    onTime: () => undefined,
    ...ownerChange,
  });
  const rig: MqttRig = {
    board,
    link,
    events,
    outcomes,
    sentAtMs,
    socket: () => board.net.last(),
    dial: (target = TARGET) => {
      link.open(target);
      rig.socket().open();
    },
    goOnline: (present = false) => {
      rig.dial();
      rig.accept(present);
      rig.sent();
      events.length = 0;
    },
    lose: () => {
      rig.socket().close("ended");
      link.close();
      events.length = 0;
    },
    feed: (bytes) => rig.socket().receive(bytes),
    accept: (present = false) => {
      rig.feed(connack(0, present));
      board.advance(0);
    },
    publish: (message, name) => link.publish(message, rig.outcome(name)),
    outcome: (name) => (failure) =>
      outcomes.push(`${name} ${failure === undefined ? "ok" : failure.split(" ")[0]}`),
    sent: () => {
      const socket = rig.socket();
      const bytes = socket.written.slice(read.get(socket) ?? 0);
      read.set(socket, socket.written.length);
      return parseAll(bytes);
    },
    cmds: () => rig.sent().map((packet) => packet.cmd),
  };
  return rig;
}
