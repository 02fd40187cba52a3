// SPDX-License-Identifier: MIT
// TCP peers that a board may meet in place of a broker: silent, refusing, lying, broken. One table,
// used on virtual boards and on the real interpreter. Bytes are written as hex, split by field.
import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import mqttPacket from "mqtt-packet";
import type { Packet } from "mqtt-packet";
import type { Config } from "../../firmware/wire/config.ts";
import { findFreePort } from "./free-port.ts";

/** One way to be hostile and what the board makes of it. */
export interface HostilePeer {
  name: string;
  /** Handles one connection; absent: nobody listens on the port. */
  meet?: (socket: Socket, random: () => number) => void;
  /** The console line that names what is wrong. */
  log: RegExp;
  /** True: the board gives the connection up and tries again; false: the peer will do. */
  isGivenUp: boolean;
  /** Evaluated on the board once it runs: for a board that is hostile to itself. */
  planted?: string;
  /** Over the quick configuration. */
  settings?: Partial<Config>;
}

function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(" ", ""), "hex");
}

// For peers that are slow or odd but will do: on a busy machine they must not miss a deadline.
const PATIENT: Partial<Config> = {
  interval_s: 0.5,
  connect_timeout_s: 10,
  keep_alive_s: 10,
  ping_timeout_s: 5,
  ack_timeout_s: 5,
};

const CONNACK_OK = hex("20 02 00 00");

/** What a well-behaved broker answers to one packet. */
function answerTo(packet: Packet): Buffer | undefined {
  switch (packet.cmd) {
    case "connect":
      return CONNACK_OK;
    case "publish":
      if (packet.qos === 0) return undefined;
      return mqttPacket.generate({ cmd: "puback", messageId: packet.messageId ?? 0 });
    case "subscribe":
      return mqttPacket.generate({
        cmd: "suback",
        messageId: packet.messageId ?? 0,
        granted: packet.subscriptions.map(() => 1),
      });
    case "pingreq":
      return hex("d0 00");
    default:
      return undefined;
  }
}

/** Calls `onPacket` for each packet of the board. */
function listen(socket: Socket, onPacket: (packet: Packet) => void): void {
  const parser = mqttPacket.parser({ protocolVersion: 4 });
  parser.on("packet", onPacket);
  parser.on("error", () => socket.destroy());
  socket.on("data", (chunk) => parser.parse(chunk));
}

/** Answers as a broker should, then `extra` after each answer. */
function behave(socket: Socket, extra?: (packet: Packet) => void): void {
  listen(socket, (packet) => {
    const answer = answerTo(packet);
    if (answer) socket.write(answer);
    extra?.(packet);
  });
}

/** Sends the same bytes to every CONNECT and never anything else. */
function greet(bytes: Buffer): (socket: Socket) => void {
  return (socket) =>
    listen(socket, (packet) => {
      if (packet.cmd === "connect") socket.write(bytes);
    });
}

/** Repeats `step` with a pause until the connection is over. */
function every(socket: Socket, pauseMs: number, step: () => void): void {
  const timer = setInterval(step, pauseMs);
  socket.on("close", () => clearInterval(timer));
}

function writeByteByByte(socket: Socket, pauseMs: number): (bytes: Buffer) => void {
  let queue: number[] = [];
  every(socket, pauseMs, () => {
    const [byte, ...rest] = queue;
    queue = rest;
    if (byte !== undefined) socket.write(Buffer.of(byte));
  });
  return (bytes) => queue.push(...bytes);
}

function sendGarbage(socket: Socket, random: () => number): void {
  every(socket, 5, () => {
    socket.write(Buffer.from(Array.from({ length: 100 }, () => Math.floor(random() * 256))));
  });
}

const refusal = (code: number): HostilePeer => ({
  name: `answers CONNACK ${code}`,
  meet: greet(Buffer.of(0x20, 2, 0, code)),
  log: new RegExp(`E uplink refused code=E_MQTT_REFUSED connack=${code}$`),
  isGivenUp: true,
});

/** All of them. */
export const HOSTILE_PEERS: HostilePeer[] = [
  {
    name: "is not there",
    log: /W uplink failed code=E_NET reason=refused/,
    isGivenUp: true,
  },
  {
    name: "accepts and says nothing",
    meet: (socket) => socket.resume(),
    log: /W uplink failed code=E_MQTT_TIMEOUT wait=connack/,
    isGivenUp: true,
  },
  ...[1, 2, 3, 4, 5].map(refusal),
  {
    name: "answers a CONNACK code that does not exist",
    meet: greet(hex("20 02 00 06")),
    log: /[EW] uplink failed code=E_MQTT_PROTOCOL what=connack$/,
    isGivenUp: true,
  },
  {
    name: "sends CONNACK 0 and all else in single bytes with pauses",
    meet: (socket) => {
      const write = writeByteByByte(socket, 10);
      listen(socket, (packet) => {
        const answer = answerTo(packet);
        if (answer) write(answer);
      });
    },
    log: /D heartbeat sent seq=/,
    isGivenUp: false,
    settings: PATIENT,
  },
  {
    name: "acknowledges identifiers that nobody uses",
    meet: (socket) =>
      // PUBACK and SUBACK of id 60,000; a board subscribes to two topics.
      behave(socket, () => socket.write(hex("40 02 ea60  90 04 ea60 0000"))),
    log: /W mqtt ack-unknown type=4/,
    isGivenUp: false,
    settings: PATIENT,
  },
  {
    name: "announces a packet of 268,435,455 bytes",
    meet: greet(hex("30 ffffff7f 0001 61")),
    log: /[EW] uplink failed code=E_MQTT_PROTOCOL what=size/,
    isGivenUp: true,
  },
  {
    name: "announces one after CONNACK 0 and sends on",
    meet: (socket) =>
      listen(socket, (packet) => {
        if (packet.cmd !== "connect") return;
        socket.write(Buffer.concat([CONNACK_OK, hex("30 ffffff7f 0001 61")]));
        every(socket, 5, () => socket.write(Buffer.alloc(1000, "a")));
      }),
    log: /[EW] uplink failed code=E_MQTT_TIMEOUT wait=/,
    isGivenUp: true,
  },
  {
    name: "sends a fifth length byte",
    meet: greet(hex("30 ffffffff01")),
    log: /[EW] uplink failed code=E_MQTT_PROTOCOL what=size/,
    isGivenUp: true,
  },
  {
    name: "sends garbage in place of CONNACK",
    meet: sendGarbage,
    log: /[EW] uplink failed code=E_MQTT_PROTOCOL what=/,
    isGivenUp: true,
  },
  {
    name: "sends garbage after CONNACK 0",
    meet: (socket, random) => {
      socket.write(CONNACK_OK);
      sendGarbage(socket, random);
    },
    log: /[EW] uplink failed code=E_MQTT_PROTOCOL what=/,
    isGivenUp: true,
  },
  {
    name: "sends CONNACK twice",
    meet: greet(Buffer.concat([CONNACK_OK, CONNACK_OK])),
    log: /[EW] uplink failed code=E_MQTT_PROTOCOL what=/,
    isGivenUp: true,
  },
  {
    name: "sends a message of QoS 3",
    meet: greet(Buffer.concat([CONNACK_OK, hex("36 06 0001 61 0001 62")])),
    log: /[EW] uplink failed code=E_MQTT_PROTOCOL what=publish/,
    isGivenUp: true,
  },
  {
    name: "closes right after CONNACK",
    meet: (socket) =>
      listen(socket, (packet) => {
        if (packet.cmd === "connect") socket.end(CONNACK_OK);
      }),
    log: /W uplink failed code=E_NET reason=(ended|error)/,
    isGivenUp: true,
  },
  {
    name: "reads CONNECT and never again",
    meet: (socket) =>
      socket.once("data", () => {
        socket.pause();
        socket.write(CONNACK_OK);
      }),
    log: /W uplink failed code=E_MQTT_TIMEOUT wait=(ack|pingresp)/,
    isGivenUp: true,
  },
  {
    name: "sends half a CONNACK and then nothing",
    meet: greet(hex("20 02 00")),
    log: /W uplink failed code=E_MQTT_TIMEOUT wait=connack/,
    isGivenUp: true,
  },
  {
    name: "sends half a message after CONNACK and then nothing",
    meet: greet(Buffer.concat([CONNACK_OK, hex("30 64 0001 61 62")])),
    log: /W uplink failed code=E_MQTT_TIMEOUT wait=(ack|pingresp)/,
    isGivenUp: true,
  },
  {
    name: "takes messages but acknowledges none",
    meet: (socket) =>
      listen(socket, (packet) => {
        const answer = packet.cmd === "publish" ? undefined : answerTo(packet);
        if (answer) socket.write(answer);
      }),
    log: /W uplink failed code=E_MQTT_TIMEOUT wait=ack/,
    isGivenUp: true,
  },
  {
    name: "does not answer PINGREQ",
    meet: (socket) =>
      listen(socket, (packet) => {
        const answer = packet.cmd === "pingreq" ? undefined : answerTo(packet);
        if (answer) socket.write(answer);
      }),
    log: /W uplink failed code=E_MQTT_TIMEOUT wait=pingresp/,
    isGivenUp: true,
    // Nothing comes back for these beats: the peer is silent but for PINGRESP.
    settings: { qos: 0 },
  },
  {
    name: "accepts and resets",
    meet: (socket) => socket.resetAndDestroy(),
    log: /W uplink failed code=E_NET reason=(ended|error|refused)/,
    isGivenUp: true,
  },
];

/** A running peer. */
export interface RunningPeer {
  /** `mqtt://127.0.0.1:port`. */
  readonly url: string;
  /** Connections so far; undefined when nobody listens. */
  connections(): number | undefined;
  /** Ends every connection and the port. */
  close(): Promise<void>;
}

/** Starts a peer; `random` is its source of garbage. */
export async function startHostilePeer(
  peer: HostilePeer,
  random: () => number,
): Promise<RunningPeer> {
  const { meet } = peer;
  if (!meet)
    return {
      url: `mqtt://127.0.0.1:${await findFreePort()}`,
      connections: () => undefined,
      close: async () => {},
    };
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((socket) => {
    connections++;
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    // Writing on after the board has hung up is what some of them do.
    socket.on("error", () => {});
    meet(socket, random);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`,
    connections: () => connections,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
