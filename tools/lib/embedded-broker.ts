// SPDX-License-Identifier: MIT
// An MQTT 3.1.1 broker inside this process, on loopback only. For demonstrations and tests: it
// keeps nothing across a restart and asks nobody for a password.
import { randomInt } from "node:crypto";
import { createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { Aedes } from "aedes";
import { DEVICE_ID_MAX_CHARS } from "../../firmware/wire/topics.ts";
import { createBrokerConnection } from "./broker-connection.ts";
import type { BrokerConnection } from "./broker-connection.ts";
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

/**
 * Ports to try when any will do: not from the range that systems use for outgoing connections
 * (32768 and up on Linux), where a client that keeps trying while we are stopped may be given this
 * very port as its own, connect to itself, and take it from us. The last resort is any port.
 */
function freePorts(): number[] {
  return [...Array.from({ length: 20 }, () => randomInt(15_000, 30_000)), 0];
}

/** Listens on the first of `ports` that is not in use; rejects with the error of the last. */
async function listen(server: Server, ports: number[]): Promise<void> {
  for (const [index, port] of ports.entries())
    try {
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen(port, HOST, () => {
          server.off("error", reject);
          resolve();
        });
      });
      return;
    } catch (error) {
      if (systemCode(error) !== "EADDRINUSE" || index === ports.length - 1) throw error;
    }
}

/** Starts a broker on `port`, 0 for a free one. Fails with `E_PORT_IN_USE` or `E_LISTEN`. */
export async function startEmbeddedBroker(port = 0): Promise<EmbeddedBroker> {
  let aedes: Aedes;
  let server: Server;
  let boundPort = port;
  const sockets = new Set<Socket>();

  const connections = new WeakMap<object, BrokerConnection>();

  async function start(): Promise<void> {
    aedes = await Aedes.createBroker({
      // The default limits ids to 23 characters, as MQTT 3.1 did.
      maxClientsIdLength: DEVICE_ID_MAX_CHARS,
      authorizePublish: (client, packet, done) => {
        const isWill = client?.closed === true;
        const isSuppressed = isWill && connections.get(client.conn)?.hasSaidGoodbye();
        done(isSuppressed ? new Error(`no will after DISCONNECT: ${packet.topic}`) : null);
      },
    });
    server = createServer((socket) => {
      sockets.add(socket);
      socket.on("close", () => sockets.delete(socket));
      const connection = createBrokerConnection(socket);
      connections.set(connection.stream, connection);
      aedes.handle(connection.stream);
    });
    try {
      await listen(server, boundPort === 0 ? freePorts() : [boundPort]);
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
