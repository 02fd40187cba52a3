// SPDX-License-Identifier: MIT
// An MQTT 3.1.1 broker inside this process, on loopback only. For demonstrations and tests: it
// keeps nothing across a restart and asks nobody for a password.
import { createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { Aedes } from "aedes";
import { parser as createParser } from "mqtt-packet";
import { DEVICE_ID_MAX_CHARS } from "../../firmware/wire/topics.ts";
import { AppError, errorText, systemCode } from "./errors.ts";

const HOST = "127.0.0.1";

/** A running broker. */
export interface EmbeddedBroker {
  /** `mqtt://127.0.0.1:port`. */
  readonly url: string;
  readonly port: number;
  /** Closes every connection without a word and the port with them. */
  stop(): Promise<void>;
  /** Listens again on the same port, with an empty memory. Only after `stop`. */
  start(): Promise<void>;
}

/** Starts a broker on `port`, 0 for a free one. Fails with `E_PORT_IN_USE` or `E_LISTEN`. */
export async function startEmbeddedBroker(port = 0): Promise<EmbeddedBroker> {
  let aedes: Aedes;
  let server: Server;
  let boundPort = port;
  const sockets = new Set<Socket>();

  // Aedes 1.2.0 publishes the will of a client whose DISCONNECT waits behind another packet when
  // the connection ends, against [MQTT-3.14.4-3]. So DISCONNECT is looked for here as well, and
  // that will is kept back; to be removed once a fixed version is out.
  const goodbyes = new WeakSet<Socket>();
  function noteGoodbye(socket: Socket): void {
    const parser = createParser();
    parser.on("packet", ({ cmd }) => {
      if (cmd === "disconnect") goodbyes.add(socket);
    });
    // What is no MQTT is refused by the broker.
    parser.on("error", () => {});
    // Beside a `readable` listener, `data` repeats what that one reads.
    socket.on("data", (bytes) => parser.parse(bytes));
  }

  async function start(): Promise<void> {
    aedes = await Aedes.createBroker({
      // The default limits ids to 23 characters, as MQTT 3.1 did.
      maxClientsIdLength: DEVICE_ID_MAX_CHARS,
      authorizePublish: (client, packet, done) => {
        const isWill = client?.closed === true;
        const isSuppressed = isWill && goodbyes.has(client.conn as Socket);
        done(isSuppressed ? new Error(`no will after DISCONNECT: ${packet.topic}`) : null);
      },
    });
    server = createServer((socket) => {
      sockets.add(socket);
      noteGoodbye(socket);
      // Aedes reports the same failure as `clientError` or `connectionError`.
      socket.on("error", () => {});
      socket.on("close", () => sockets.delete(socket));
      aedes.handle(socket);
    });
    try {
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen(boundPort, HOST, resolve);
      });
    } catch (error) {
      aedes.close();
      if (systemCode(error) === "EADDRINUSE")
        throw new AppError("E_PORT_IN_USE", `port ${boundPort} on ${HOST} is in use`, {
          cause: error,
        });
      throw new AppError("E_LISTEN", `cannot listen on port ${boundPort}: ${errorText(error)}`, {
        cause: error,
      });
    }
    boundPort = (server.address() as { port: number }).port;
  }

  async function stop(): Promise<void> {
    const isClosed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of sockets) socket.destroy();
    await isClosed;
    await new Promise<void>((resolve) => aedes.close(resolve));
  }

  await start();
  return {
    get url() {
      return `mqtt://${HOST}:${boundPort}`;
    },
    get port() {
      return boundPort;
    },
    start,
    stop,
  };
}
