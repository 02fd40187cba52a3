// SPDX-License-Identifier: MIT
// The peer of a fake network: answers as a broker does, one millisecond later, unless the test
// switches an answer off. It records every packet of the device, read by mqtt-packet.
import type { Packet } from "mqtt-packet";
import type { FakeBoard, FakeSocket } from "./fake-board.ts";
import { connack, parseAll, pingresp, puback, suback } from "./packets.ts";

/** What the broker does. Change it at any time. */
export interface FakeBroker {
  /** Accepts TCP connections; otherwise they are refused. */
  isUp: boolean;
  /** Return code of CONNACK, or undefined for none. */
  connack: number | undefined;
  sessionPresent: boolean;
  acksPublish: boolean;
  acksSubscribe: boolean;
  answersPing: boolean;
  /** Everything received over all connections. */
  packets: Packet[];
  /** Payloads of the messages on a topic that ends with this, as text. */
  payloads(topicEnd: string): string[];
  /** Names of the packets received. */
  cmds(): string[];
}

/** Puts a broker behind the board's network. */
export function createFakeBroker(board: FakeBoard): FakeBroker {
  const { clock, net } = board;
  const broker: FakeBroker = {
    isUp: true,
    connack: 0,
    sessionPresent: false,
    acksPublish: true,
    acksSubscribe: true,
    answersPing: true,
    packets: [],
    payloads: (topicEnd) =>
      broker.packets.flatMap((packet) =>
        packet.cmd === "publish" && packet.topic.endsWith(topicEnd)
          ? [packet.payload.toString("latin1")]
          : [],
      ),
    cmds: () => broker.packets.map((packet) => packet.cmd),
  };

  function answer(packet: Packet): string {
    if (packet.cmd === "connect" && broker.connack !== undefined)
      return connack(broker.connack, broker.sessionPresent && broker.connack === 0);
    if (packet.cmd === "publish" && packet.qos === 1 && broker.acksPublish)
      return puback(packet.messageId ?? 0);
    if (packet.cmd === "subscribe" && broker.acksSubscribe) return suback(packet.messageId ?? 0, 1);
    if (packet.cmd === "pingreq" && broker.answersPing) return pingresp();
    return "";
  }

  function later(socket: FakeSocket, fn: () => void): void {
    clock.after(1, () => {
      if (socket.state === "connecting" || socket.state === "open") fn();
    });
  }

  net.onConnect = (socket) => {
    if (!broker.isUp) return later(socket, () => socket.close("refused"));
    later(socket, () => socket.open());
    socket.onWrite = (bytes) => {
      for (const packet of parseAll(bytes)) {
        broker.packets.push(packet);
        const bytesBack = answer(packet);
        if (bytesBack) later(socket, () => socket.receive(bytesBack));
      }
    };
    return undefined;
  };
  return broker;
}
