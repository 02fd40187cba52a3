// SPDX-License-Identifier: MIT
// Programs of the world on real ports: bytes and datagrams arrive, ends are orderly, cuts are cuts.
import { createSocket } from "node:dgram";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import mqtt from "mqtt";
import { afterEach, describe, expect, it } from "vitest";
import { createBroker } from "../../../sim/broker/broker.ts";
import { createRealClock } from "../../../sim/clock/real-clock.ts";
import type { Peer, PeerConnection } from "../../../sim/network/peer.ts";
import { serveReal } from "../../../sim/network/serve-real.ts";
import type { RealServer, ServeOptions } from "../../../sim/network/serve-real.ts";
import { createTimeServer } from "../../../sim/peers/time-server.ts";
import { createWebSocketListener } from "../../../sim/peers/websocket-listener.ts";
import { mqttOverWebSocket } from "../../../sim/peers/websocket-programs.ts";
import { createRandom } from "../../../sim/random.ts";
import { createCertificate } from "../../helpers/certificate.ts";

const servers: RealServer[] = [];
const sockets: Socket[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function serve(peer: Parameters<typeof serveReal>[0], options?: ServeOptions) {
  const server = await serveReal(peer, options);
  servers.push(server);
  return server;
}

/** Connects; `ended` resolves with everything received, or rejects with the socket's error. */
function dialReal(socket: Socket) {
  sockets.push(socket);
  const parts: Buffer[] = [];
  socket.on("data", (bytes) => parts.push(bytes));
  const ended = new Promise<string>((resolve, reject) => {
    socket.on("error", reject);
    socket.on("end", () => resolve(Buffer.concat(parts).toString()));
  });
  return { socket, ended };
}

/** Says hello, repeats what it hears in capitals, and ends after a full stop. */
function createShouter(): Peer {
  return {
    accept: (connection) => {
      connection.write(Buffer.from("hello "));
      return {
        onData: (bytes) => {
          connection.write(Buffer.from(bytes.toString().toUpperCase()));
          if (bytes.includes(".")) connection.end();
        },
        onClose: () => {},
      };
    },
  };
}

describe("a stream program on a real port", () => {
  it.each([
    ["plain", false],
    ["TLS", true],
  ])("speaks and ends in good order (%s)", async (_name, isSecure) => {
    const tls = { tls: createCertificate("localhost") };
    const { port } = await serve(createShouter(), isSecure ? tls : {});
    const { socket, ended } = dialReal(
      isSecure
        ? connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false })
        : connect(port, "127.0.0.1"),
    );
    socket.write("you.");
    expect(await ended).toBe("hello YOU.");
  });

  it("resets what it cuts, and is told once when the far end goes", async () => {
    let closed = 0;
    const { port } = await serve({
      accept: (connection) => ({
        onData: () => connection.destroy(),
        onClose: () => closed++,
      }),
    });
    const { socket, ended } = dialReal(connect(port, "127.0.0.1"));
    socket.write("x");
    await expect(ended).rejects.toMatchObject({ code: "ECONNRESET" });
    await expect.poll(() => closed).toBe(1);
  });

  it("tells when everything has left, and does not read while it is paused", async () => {
    const big = Buffer.alloc(8_000_000, "x");
    let connection: PeerConnection | undefined;
    const heard: string[] = [];
    const drained = new Promise<number>((resolve) => {
      void serve({
        accept: (accepted) => {
          connection = accepted;
          accepted.pause();
          accepted.write(big);
          return {
            onData: (bytes) => heard.push(bytes.toString()),
            onDrain: () => resolve(accepted.unsentBytes),
            onClose: () => {},
          };
        },
      }).then(({ port }) => {
        const { socket } = dialReal(connect(port, "127.0.0.1"));
        socket.write("x");
        return undefined;
      });
    });
    expect(await drained).toBe(0);
    expect(heard).toEqual([]);
    connection?.resume();
    await expect.poll(() => heard).toEqual(["x"]);
  });

  it("rejects with the host's code when the port is taken", async () => {
    const { port } = await serve(createShouter());
    await expect(serveReal(createShouter(), { port })).rejects.toMatchObject({
      code: "EADDRINUSE",
    });
  });

  it("serves MQTT over WebSocket to a client of somebody else's making", async () => {
    const clock = createRealClock();
    const broker = createBroker({ clock, random: createRandom(1), name: "b" });
    const program = mqttOverWebSocket(broker.peer);
    const { port } = await serve(createWebSocketListener({ clock, program }).peer);
    const client = await mqtt.connectAsync(`ws://127.0.0.1:${port}/mqtt`, { reconnectPeriod: 0 });
    const heard = new Promise<string>((resolve) => {
      client.on("message", (_topic, payload) => resolve(payload.toString()));
    });
    await client.subscribeAsync("t", { qos: 1 });
    await client.publishAsync("t", "y".repeat(70_000), { qos: 2 });
    expect((await heard).length).toBe(70_000);
    await client.endAsync();
    expect(broker.stats()).toMatchObject({ disconnects: 1, protocolErrors: 0 });
  });
});

describe("a datagram program on a real port", () => {
  it("answers who asked", async () => {
    const { port } = await serve(createTimeServer({ clock: createRealClock() }).peer);
    const socket = createSocket("udp4");
    const answer = new Promise<Buffer>((resolve) => {
      socket.once("message", resolve);
    });
    socket.send(Buffer.from(`23${"00".repeat(47)}`, "hex"), port, "127.0.0.1");
    expect([...(await answer).subarray(0, 2)]).toEqual([0x24, 2]);
    socket.close();
  });
});
