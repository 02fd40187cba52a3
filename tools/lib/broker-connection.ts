// SPDX-License-Identifier: MIT
// A client's connection as Aedes 1.2.0 needs it. That broker reads a connection only when it has
// dealt with what it read before, and drops what it has not read when the connection ends. So a
// DISCONNECT behind another packet can go unseen, and the will is published against [MQTT-3.14.4-3];
// most of all when the peer's kernel ends with RST, because something for it was still on the way.
//
//   socket   data data+DISCONNECT end         read at once, DISCONNECT noted
//   Aedes         data ........... data  end  the end comes later
//
// To be removed once a fixed version is out.
import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import { parser as createParser } from "mqtt-packet";

/** How long the end of a connection is held back, ms. */
const END_DELAY_MS = 50;

/** A connection that knows whether its client has said goodbye. */
export interface BrokerConnection {
  /** What the broker gets. */
  stream: Duplex;
  /** A DISCONNECT has come. */
  hasSaidGoodbye(): boolean;
}

/** Wraps the socket of a client. */
export function createBrokerConnection(socket: Socket): BrokerConnection {
  let hasGoodbye = false;
  const parser = createParser();
  parser.on("packet", ({ cmd }) => {
    hasGoodbye ||= cmd === "disconnect";
  });
  // What is no MQTT is refused by the broker.
  parser.on("error", () => {});

  const stream = new Duplex({
    read: () => void socket.resume(),
    write: (chunk: Buffer, _encoding, done) => void socket.write(chunk, () => done()),
    final: (done) => void socket.end(() => done()),
    destroy: (error, done) => {
      socket.destroy();
      done(error);
    },
  });
  socket.on("data", (bytes) => {
    parser.parse(bytes);
    if (!stream.push(bytes)) socket.pause();
  });
  // An error is followed by `close`, which tells all that matters here.
  socket.on("error", () => {});
  socket.on("close", () => setTimeout(() => stream.destroy(), END_DELAY_MS));
  return { stream, hasSaidGoodbye: () => hasGoodbye };
}
