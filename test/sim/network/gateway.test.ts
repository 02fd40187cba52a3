// SPDX-License-Identifier: MIT
// Real sockets of this process through the gateway into a world: what a fault of the virtual
// network looks like to the kernel and its clients.
import { createSocket } from "node:dgram";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { connect as tlsConnect } from "node:tls";
import { afterEach, describe, expect, it } from "vitest";
import { World } from "../../../sim/index.ts";
import type { Peer } from "../../../sim/index.ts";
import { createCertificate } from "../../helpers/certificate.ts";
import { delay, waitFor } from "../../helpers/wait.ts";

const BOUND_MS = 8000;
const PORT = 1883;

const cleanups: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean();
});

/** Answers what it gets; counts the ends of its connections. */
function echo(): Peer & { ends: number } {
  const peer = {
    ends: 0,
    accept: (connection: Parameters<Peer["accept"]>[0]) => ({
      onData: (bytes: Buffer) => connection.write(bytes),
      onClose: () => void peer.ends++,
    }),
  };
  return peer;
}

/** A world with one server, and the way to it. */
async function open(peer: Peer = echo()) {
  const world = new World({ realtime: true });
  cleanups.push(() => world.close());
  world.serve("server", PORT, peer);
  const gateway = await world.gateway({ from: "dut", to: "server", port: PORT });
  return { world, gateway };
}

/** A client of this machine with all that happened to it. */
function client(port: number) {
  const socket: Socket = connect({ port, host: "127.0.0.1", noDelay: true });
  const seen = { data: "", pieces: [] as string[], events: [] as string[] };
  socket.setEncoding("latin1");
  socket.on("data", (text: string) => {
    seen.data += text;
    seen.pieces.push(text);
  });
  for (const event of ["connect", "end", "close"]) socket.on(event, () => seen.events.push(event));
  socket.on("error", (error: NodeJS.ErrnoException) => seen.events.push(error.code ?? "?"));
  cleanups.push(() => void socket.destroy());
  return {
    socket,
    seen,
    happens: (event: string) =>
      waitFor(() => seen.events.includes(event), BOUND_MS, `${event} after ${seen.events.join()}`),
    receives: (text: string) =>
      waitFor(
        () => seen.data === text,
        BOUND_MS,
        () => `"${text}", not "${seen.data}"`,
      ),
  };
}

describe("a gateway", () => {
  it("carries bytes both ways and the end of either side", async () => {
    const peer = echo();
    const { world, gateway } = await open(peer);
    const { socket, happens, receives } = client(gateway.port);
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i)).toString("latin1");
    const text = bytes.repeat(100);
    socket.write(text, "latin1");
    await receives(text);
    expect(world.network.connections()).toEqual([{ from: "dut", to: "server", port: PORT }]);
    socket.end();
    await happens("close");
    await waitFor(() => peer.ends === 1, BOUND_MS, "the server's end");
    await waitFor(() => world.network.connections().length === 0, BOUND_MS, "nothing left");
  });

  it("hands the last bytes of a server over before its end", async () => {
    const { gateway } = await open({
      accept: (connection) => {
        connection.write(Buffer.from("bye"));
        connection.end();
        return { onData: () => {}, onClose: () => {} };
      },
    });
    const { seen, happens } = client(gateway.port);
    await happens("close");
    expect(seen.data).toBe("bye");
    expect(seen.events).toEqual(["connect", "end", "close"]);
  });

  it("refuses as the kernel does while connections are refused, and keeps those that stand", async () => {
    const { world, gateway } = await open();
    const first = client(gateway.port);
    await first.happens("connect");
    const fault = world.fault("refused", { target: "dut" });
    await waitFor(() => gateway.door === "shut", BOUND_MS, "the door to shut");
    const second = client(gateway.port);
    await second.happens("ECONNREFUSED");
    first.socket.write("still here");
    await first.receives("still here");
    fault.end();
    await waitFor(() => gateway.door === "open", BOUND_MS, "the door to open");
    await client(gateway.port).happens("connect");
  });

  it("refuses while nobody serves the port", async () => {
    const world = new World({ realtime: true });
    cleanups.push(() => world.close());
    const host = world.network.addHost("server");
    const gateway = await world.gateway({ from: "dut", to: "server", port: PORT });
    await waitFor(() => gateway.door === "shut", BOUND_MS, "the door to shut");
    host.serve(PORT, echo());
    await waitFor(() => gateway.door === "open", BOUND_MS, "the door to open");
  });

  it("swallows attempts in a black hole, which get through when it has gone", async () => {
    const { world, gateway } = await open();
    const first = client(gateway.port);
    await first.happens("connect");
    const fault = world.fault("black-hole", { target: "dut" });
    await waitFor(() => gateway.door === "silent", BOUND_MS, "silence");
    const second = client(gateway.port);
    first.socket.write("still here");
    await first.receives("still here");
    await delay(1200); // The kernel has asked twice by now.
    expect(second.seen.events).toEqual([]);
    fault.end();
    second.socket.write("hello");
    await second.receives("hello");
  });

  it("lets an attempt wait as long as connecting takes", async () => {
    const { world, gateway } = await open();
    world.fault("blocking-connect", { target: "dut", block_ms: 500 });
    await waitFor(() => gateway.door === "silent", BOUND_MS, "silence");
    const startMs = performance.now();
    const { happens } = client(gateway.port);
    await happens("connect");
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(500);
  });

  it("keeps no client from connecting because another's attempt takes long", async () => {
    const { world, gateway } = await open();
    const fault = world.fault("latency", { target: "dut", delay_ms: 5000, jitter_ms: 0 });
    const first = client(gateway.port);
    await waitFor(() => world.network.connections().length === 1, BOUND_MS, "the attempt");
    first.socket.destroy();
    fault.end();
    // It would be open after ten seconds, if it had to wait for the first.
    const { socket, receives } = client(gateway.port);
    socket.write("x");
    await receives("x");
  });

  it("resets real connections", async () => {
    const { world, gateway } = await open();
    const { socket, receives, happens } = client(gateway.port);
    socket.write("x");
    await receives("x");
    world.fault("reset", { target: "dut" });
    await happens("ECONNRESET");
  });

  it("leaves half-open connections open and silent", async () => {
    const peer = echo();
    const { world, gateway } = await open(peer);
    const { socket, seen, receives } = client(gateway.port);
    socket.write("x");
    await receives("x");
    world.fault("half-open", { target: "dut" });
    socket.write("more");
    await delay(300);
    expect(seen).toMatchObject({ data: "x", events: ["connect"] });
    expect(peer.ends).toBe(0);
  });

  it("holds bytes back during a partition and delivers them after it", async () => {
    const { world, gateway } = await open();
    const { socket, seen, receives } = client(gateway.port);
    socket.write("a");
    await receives("a");
    const fault = world.fault("partition", { target: "dut" });
    socket.write("b");
    await delay(200);
    expect(seen.data).toBe("a");
    fault.end();
    await receives("ab");
  });

  it("delays by what the network delays", async () => {
    const { world, gateway } = await open();
    world.fault("latency", { target: "dut", delay_ms: 150, jitter_ms: 0 });
    const { socket, receives } = client(gateway.port);
    const startMs = performance.now();
    socket.write("x");
    await receives("x");
    // There and back for the connection, and again for the byte.
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(600);
  });

  it("hands split bytes over one by one", async () => {
    const { world, gateway } = await open();
    world.fault("split", { target: "dut", bytes: 1 });
    const { socket, seen, receives } = client(gateway.port);
    socket.write("abcdef");
    await receives("abcdef");
    expect(seen.pieces).toEqual(["a", "b", "c", "d", "e", "f"]);
  });

  it("makes a client wait for a server that reads slowly", async () => {
    const { world, gateway } = await open();
    world.fault("slow-reader", { target: "dut", bytes_per_s: 0 });
    const { socket, happens } = client(gateway.port);
    await happens("connect");
    // More than the kernel holds for both sides.
    socket.write(Buffer.alloc(16_000_000));
    await delay(300);
    expect(socket.writableLength).toBeGreaterThan(0);
    expect(world.network.connections()).toHaveLength(1);
  });

  it("says nothing to the server when the client's host loses its power", async () => {
    const peer = echo();
    const { world, gateway } = await open(peer);
    const { socket, receives, happens } = client(gateway.port);
    socket.write("x");
    await receives("x");
    world.network.host("dut")?.setUp(false);
    await happens("close");
    await delay(100);
    expect(peer.ends).toBe(0);
  });

  it("ends a client's TLS, whose handshake waits for the virtual one", async () => {
    const world = new World({ realtime: true });
    cleanups.push(() => world.close());
    world.serve("server", 8883, echo(), { tls: true });
    const certificate = createCertificate("server");
    const options = { from: "dut", to: "server", port: 8883, tls: certificate };
    const gateway = await world.gateway(options);
    const dial = () => {
      const { port } = gateway;
      const socket = tlsConnect({ port, host: "127.0.0.1", rejectUnauthorized: false });
      cleanups.push(() => void socket.destroy());
      const seen = { isSecure: false, data: "" };
      socket.on("secureConnect", () => (seen.isSecure = true));
      socket.on("data", (bytes: Buffer) => (seen.data += bytes.toString("latin1")));
      socket.on("error", () => {});
      socket.write("secret");
      return seen;
    };
    const fault = world.fault("tls-stall", { target: "dut" });
    const stalled = dial();
    await waitFor(() => world.network.connections().length === 1, BOUND_MS, "the connection");
    await delay(300);
    fault.end();
    const good = dial();
    await waitFor(() => good.data === "secret", BOUND_MS, "an answer over TLS");
    expect(stalled).toEqual({ isSecure: false, data: "" });
  });

  it("carries datagrams and their answers, each to its sender", async () => {
    const world = new World({ realtime: true });
    cleanups.push(() => world.close());
    world.serveUdp("server", 123, {
      onMessage: (bytes, _from, reply) => reply(Buffer.from(`to ${bytes.toString("latin1")}`)),
    });
    const gateway = await world.gateway({ from: "dut", to: "server", port: 123, isUdp: true });
    const answers = await Promise.all(
      ["one", "two"].map((text) => {
        const socket = createSocket("udp4");
        cleanups.push(() => void socket.close());
        return new Promise<string>((resolve) => {
          socket.once("message", (bytes) => resolve(bytes.toString("latin1")));
          socket.send(text, gateway.port, "127.0.0.1");
        });
      }),
    );
    expect(answers).toEqual(["to one", "to two"]);
  });

  it("frees its port and resets what is connected when it is closed", async () => {
    const { world, gateway } = await open();
    const { socket, receives, happens } = client(gateway.port);
    socket.write("x");
    await receives("x");
    await gateway.close();
    await happens("close");
    await client(gateway.port).happens("ECONNREFUSED");
    await waitFor(() => world.network.connections().length === 0, BOUND_MS, "nothing left");
  });

  it("is refused in virtual time", async () => {
    const world = new World();
    await expect(world.gateway({ from: "dut", to: "server", port: 1 })).rejects.toThrow(
      "a gateway needs a world in real time",
    );
  });
});

describe("a device", () => {
  it("cannot be hit by what nobody can do to it", async () => {
    const world = new World({ realtime: true });
    cleanups.push(() => world.close());
    let cuts = 0;
    world.device("dut", { brownout: () => void cuts++ });
    world.fault("brownout", { target: "dut" });
    expect(cuts).toBe(1);
    expect(() => world.fault("wifi-drop", { target: "dut" })).toThrow("drop the Wi-Fi of");
  });
});
