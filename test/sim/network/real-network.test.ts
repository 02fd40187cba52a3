// SPDX-License-Identifier: MIT
// Sockets of virtual boards on the host's network, against servers of the test on loopback.
import { createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import type { TLSSocket } from "node:tls";
import { afterEach, describe, expect, it } from "vitest";
import { NetworkError, createRealNetwork } from "../../../sim/index.ts";
import type { SimNetwork, SimSocket } from "../../../sim/index.ts";
import { RECEIVE_BUFFER_BYTES, SEND_BUFFER_BYTES } from "../../../sim/network/network.ts";
import { createCertificate } from "../../helpers/certificate.ts";
import { findFreePort } from "../../helpers/free-port.ts";
import { waitFor } from "../../helpers/wait.ts";

const BOUND_MS = 5000;
const CERTIFICATE = createCertificate("localhost");
const cleanups: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean();
});

function createNetwork(): SimNetwork {
  const network = createRealNetwork();
  cleanups.push(() => network.close());
  return network;
}

async function listen(onSocket: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    onSocket(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}

async function serveTls(onSocket: (socket: TLSSocket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const options = { ...CERTIFICATE, requestCert: true, rejectUnauthorized: false };
  const server = createTlsServer(options, (socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    onSocket(socket);
  });
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}

const closed = (socket: SimSocket): Promise<true> =>
  waitFor(
    () => socket.state === "closed" || undefined,
    BOUND_MS,
    () => "the socket to close",
  );

function failureOf(fn: () => unknown): string {
  try {
    fn();
  } catch (error) {
    if (error instanceof NetworkError) return error.failure;
    throw error;
  }
  return "none";
}

describe("real network", () => {
  it("is open when connect returns, and carries all bytes both ways", async () => {
    const port = await listen((socket) => socket.pipe(socket));
    const socket = createNetwork().connect("127.0.0.1", port, () => {});
    expect(socket.state).toBe("open");
    const all = String.fromCharCode(...Array.from({ length: 256 }, (_, i) => i));
    expect(socket.send(all)).toBe(256);
    let got = "";
    await waitFor(
      () => {
        got += socket.receive(100);
        return got.length >= 256 || undefined;
      },
      BOUND_MS,
      () => "the echo",
    );
    expect(got).toBe(all);
  });

  it("throws from connect when nobody listens", async () => {
    const network = createNetwork();
    const port = await findFreePort();
    expect(failureOf(() => network.connect("127.0.0.1", port, () => {}))).toBe("refused");
  });

  it("goes on in the background when an outcome takes longer than the wait", async () => {
    const port = await listen((socket) => socket.end("late"));
    const network = createRealNetwork({ loopbackWaitMs: 0 });
    cleanups.push(() => network.close());
    network.connect("127.0.0.1", port, () => {}).destroy();
    let changes = 0;
    const socket = network.connect("127.0.0.1", port, () => changes++);
    expect(socket.state).toBe("connecting");
    await waitFor(
      () => socket.receive(100) === "late" || undefined,
      BOUND_MS,
      () => "the bytes",
    );
    await closed(socket);
    expect(socket.failure).toBeNull();
    expect(changes).toBeGreaterThan(1);
  });

  it("is closed by the peer only after everything was received", async () => {
    const port = await listen((socket) => socket.end("bye"));
    const socket = createNetwork().connect("127.0.0.1", port, () => {});
    await waitFor(
      () => socket.receive(1) === "b" || undefined,
      BOUND_MS,
      () => "the first byte",
    );
    expect(socket.state).toBe("open");
    expect(socket.receive(10)).toBe("ye");
    await closed(socket);
  });

  it("takes no more than its buffer from a board whose peer does not read", async () => {
    const port = await listen((socket) => socket.pause());
    const socket = createNetwork().connect("127.0.0.1", port, () => {});
    expect(socket.send("x".repeat(SEND_BUFFER_BYTES + 1))).toBe(SEND_BUFFER_BYTES);
    expect(socket.send("y")).toBe(0);
  });

  it("makes a peer wait for a board that does not read", async () => {
    let server: Socket | undefined;
    const port = await listen((socket) => (server = socket));
    const socket = createNetwork().connect("127.0.0.1", port, () => {});
    await waitFor(
      () => server,
      BOUND_MS,
      () => "the connection",
    );
    const big = 16 * 1024 * 1024;
    server?.write(Buffer.alloc(big));
    await new Promise((resolve) => setTimeout(resolve, 100));
    let got = 0;
    for (let part = socket.receive(1e9); part !== ""; part = socket.receive(1e9))
      got += part.length;
    expect(got).toBeLessThan(RECEIVE_BUFFER_BYTES + 256 * 1024);
    expect(got).toBeGreaterThan(0);
  });

  it("flushes on close and resets on destroy", async () => {
    const seen: string[] = [];
    const port = await listen((socket) => {
      let text = "";
      socket.on("data", (bytes) => (text += bytes.toString()));
      socket.on("error", (error: NodeJS.ErrnoException) => (text += error.code));
      socket.on("close", () => seen.push(text));
    });
    const network = createNetwork();
    const orderly = network.connect("127.0.0.1", port, () => {});
    orderly.send("last words");
    orderly.close();
    await waitFor(
      () => seen.length === 1 || undefined,
      BOUND_MS,
      () => "the end",
    );
    network.connect("127.0.0.1", port, () => {}).destroy();
    await waitFor(
      () => seen.length === 2 || undefined,
      BOUND_MS,
      () => "the reset",
    );
    expect(seen).toEqual(["last words", "ECONNRESET"]);
  });

  it("lets the last bytes of a closed connection go when it is closed itself", async () => {
    let text = "";
    const port = await listen((socket) => socket.on("data", (bytes) => (text += bytes.toString())));
    const network = createNetwork();
    const socket = network.connect("127.0.0.1", port, () => {});
    socket.send("x".repeat(5000));
    socket.close();
    await network.close();
    await waitFor(() => text.length === 5000, BOUND_MS, "the last bytes");
  });

  it("resolves names and tells those without an address", async () => {
    const network = createNetwork();
    const addressOf = (host: string): Promise<string | null> =>
      new Promise((resolve) => network.resolve(host, resolve));
    expect(await addressOf("localhost")).toBe("127.0.0.1");
    expect(await addressOf("127.0.0.9")).toBe("127.0.0.9");
  });

  it("accepts connections on a port, and tells of one in use", async () => {
    const port = await findFreePort();
    const network = createNetwork();
    let changes = 0;
    const accepted: SimSocket[] = [];
    const listener = network.listen(port, (socket) => {
      accepted.push(socket);
      return () => changes++;
    });
    expect(failureOf(() => network.listen(port, () => () => {}))).toBe("in-use");
    const socket = network.connect("127.0.0.1", port, () => {});
    socket.send("ping");
    let got = "";
    await waitFor(
      () => (got += accepted[0]?.receive(2) ?? "") === "ping" || undefined,
      BOUND_MS,
      () => "the bytes",
    );
    expect(accepted[0]?.send("pong")).toBe(4);
    accepted[0]?.close();
    got = "";
    await waitFor(
      () => (got += socket.receive(2)) === "pong" || undefined,
      BOUND_MS,
      () => "the answer",
    );
    await closed(socket);
    expect(changes).toBeGreaterThan(0);
    listener.close();
    expect(failureOf(() => network.connect("127.0.0.1", port, () => {}))).toBe("refused");
  });

  it("carries datagrams between ports", async () => {
    const network = createNetwork();
    const seen: string[] = [];
    const a = network.openUdp(null, (bytes, from) => {
      seen.push(bytes);
      expect(from).toEqual({ address: "127.0.0.1", port: b.port });
    });
    const b = network.openUdp(null, (bytes, from) =>
      b.send(`${bytes}\xff`, from.address, from.port),
    );
    expect(failureOf(() => network.openUdp(a.port, () => {}))).toBe("in-use");
    a.send("hi", "localhost", b.port);
    await waitFor(
      () => seen.length === 1 || undefined,
      BOUND_MS,
      () => "the answer",
    );
    expect(seen).toEqual(["hi\xff"]);
    a.close();
    a.send("after close", "127.0.0.1", b.port);
  });

  it("secures a connection, verifies nothing and shows the board's certificate", async () => {
    let server: TLSSocket | undefined;
    const port = await serveTls((socket) => {
      server = socket;
      socket.pipe(socket);
    });
    const der = (pem: string): string =>
      Buffer.from(pem.replace(/-----.*-----|\n/g, ""), "base64").toString("latin1");
    let changes = 0;
    const socket = createNetwork().connect("127.0.0.1", port, () => changes++, {
      ca: der(CERTIFICATE.cert),
      cert: der(CERTIFICATE.cert),
      key: der(CERTIFICATE.key),
    });
    expect([socket.state, socket.isSecuring, socket.send("early")]).toEqual(["open", true, 0]);
    await waitFor(() => !socket.isSecuring, BOUND_MS, "the handshake");
    expect(socket.send("secret")).toBe(6);
    let got = "";
    await waitFor(() => (got += socket.receive(100)) === "secret", BOUND_MS, "the echo");
    // No server name was sent, and the version is one that boards have.
    expect([server?.servername, server?.getProtocol()]).toEqual([false, "TLSv1.2"]);
    expect(server?.getPeerCertificate().subject.CN).toBe("localhost");
    server?.end();
    await closed(socket);
    expect([socket.failure, changes > 2]).toEqual([null, true]);
  });

  it("fails with tls at a port that speaks plainly, and with a key that is none", async () => {
    const port = await listen((socket) => socket.end("who is there?"));
    const plain = createNetwork().connect("127.0.0.1", port, () => {}, {});
    await closed(plain);
    expect(plain.failure).toBe("tls");
    const secure = await serveTls(() => {});
    const keyless = createNetwork().connect("127.0.0.1", secure, () => {}, {
      cert: CERTIFICATE.cert,
      key: "x",
    });
    await closed(keyless);
    expect(keyless.failure).toBe("tls");
  });

  it("can be used again after close", async () => {
    const port = await listen((socket) => socket.pipe(socket));
    const network = createNetwork();
    const before = network.connect("127.0.0.1", port, () => {});
    await network.close();
    expect(before.state).toBe("closed");
    expect(network.connect("127.0.0.1", port, () => {}).state).toBe("open");
  });
});
