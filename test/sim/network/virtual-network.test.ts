// SPDX-License-Identifier: MIT
// Connections of the virtual network where nothing disturbs them, and how they end.
import { describe, expect, it } from "vitest";
import type { SimSocket } from "../../../sim/index.ts";
import { RECEIVE_BUFFER_BYTES, SEND_BUFFER_BYTES } from "../../../sim/network/network.ts";
import { MSS_BYTES } from "../../../sim/network/path.ts";
import { DNS_MS, LATENCY_MS, PORT, bytesIn, createNetLab, failureOf } from "./net-lab.ts";

const RTT_MS = 2 * LATENCY_MS;

describe("connect", () => {
  it("stands still for the name and one round trip, and is accepted half way", () => {
    const lab = createNetLab();
    const { socket } = lab.dial("server");
    expect([socket.state, socket.blockedMs]).toEqual(["open", DNS_MS + RTT_MS]);
    lab.wait(100);
    expect(lab.seen).toEqual(["14 accept board"]);
    expect(lab.rows()).toEqual([`0 connect board server ${PORT}`]);
  });

  it("counts from the end of a call that the board stood still in before", () => {
    const lab = createNetLab();
    lab.dial();
    lab.dial();
    lab.wait(100);
    expect(lab.seen).toEqual(["10 accept board", "30 accept board"]);
  });

  it("is refused after a round trip where nobody listens", () => {
    const lab = createNetLab();
    expect(failureOf(() => lab.dial("server", 1))).toBe("refused after 24 ms");
    expect(lab.rows()).toEqual(["0 refused board server 1"]);
  });

  it("gives up on a host that is not there when lwIP does", () => {
    const lab = createNetLab();
    expect(failureOf(() => lab.dial("192.0.2.1"))).toBe("unreachable after 18500 ms");
    lab.server.setUp(false);
    expect(failureOf(() => lab.dial())).toBe("unreachable after 18500 ms");
    expect(lab.rows()[0]).toBe(`0 timeout board 192.0.2.1 ${PORT}`);
  });

  it("finds no address for a name that nobody has", () => {
    const lab = createNetLab();
    expect(failureOf(() => lab.dial("nobody"))).toBe("unresolved after 4 ms");
    expect(lab.rows()).toEqual([`0 unresolved board nobody ${PORT}`]);
  });

  it("reaches the board itself at 127.0.0.1", () => {
    const lab = createNetLab();
    lab.board.network.listen(7, (socket) => () => void socket.send(socket.receive(9)));
    const { socket, text } = lab.dial("localhost", 7);
    socket.send("echo");
    lab.wait(100);
    expect(text()).toBe("echo");
  });
});

describe("bytes", () => {
  it("arrive in order, not before the call of connect has ended", () => {
    const lab = createNetLab();
    const { socket, got } = lab.dial();
    socket.send("abc");
    socket.send("\xff\x00");
    lab.wait(100);
    lab.accepted[0]?.write(Buffer.from([0, 255]));
    lab.wait(100);
    expect(lab.seen.slice(1)).toEqual(["30 data abc", "30 data \xff\x00", "110 drain"]);
    expect(got).toEqual(["110 \x00\xff"]);
  });

  it("are taken up to the send buffer, and the board hears when there is room", () => {
    const lab = createNetLab();
    let changes = 0;
    const socket = lab.board.network.connect(lab.server.address, PORT, () => changes++);
    expect(socket.send("x".repeat(SEND_BUFFER_BYTES + 1))).toBe(SEND_BUFFER_BYTES);
    expect(socket.send("y")).toBe(0);
    lab.waitUntil(39);
    expect(changes).toBe(0);
    // Out and back again: the acknowledgement.
    lab.waitUntil(40);
    expect(changes).toBe(1);
    expect(socket.send("y")).toBe(1);
  });

  it("wait for a program that does not read, both at its end and at the board", () => {
    const lab = createNetLab();
    const { socket } = lab.dial();
    lab.wait(50);
    lab.accepted[0]?.pause();
    let sent = 0;
    for (let i = 0; i < 10; i++) {
      sent += socket.send("x".repeat(4000));
      lab.wait(100);
    }
    // No part of a segment is sent for the little room that is left.
    expect(sent).toBeGreaterThan(RECEIVE_BUFFER_BYTES + SEND_BUFFER_BYTES - MSS_BYTES);
    expect(sent).toBeLessThanOrEqual(RECEIVE_BUFFER_BYTES + SEND_BUFFER_BYTES);
    expect(lab.seen).toHaveLength(1);
    lab.accepted[0]?.resume();
    lab.wait(100);
    expect(bytesIn(lab.seen.slice(1))).toBe(sent);
    expect(socket.send("x")).toBe(1);
  });

  it("wait for a board that does not read", () => {
    const lab = createNetLab();
    const socket = lab.board.network.connect(lab.server.address, PORT, () => {});
    lab.wait(50);
    lab.accepted[0]?.write(Buffer.alloc(20_000, "z"));
    lab.wait(1000);
    expect(lab.accepted[0]?.unsentBytes).toBe(20_000 - RECEIVE_BUFFER_BYTES);
    let got = 0;
    for (let i = 0; i < 10; i++) {
      got += socket.receive(1e9).length;
      lab.wait(100);
    }
    expect([got, lab.accepted[0]?.unsentBytes]).toEqual([20_000, 0]);
    expect(lab.seen.at(-1)).toMatch(/drain$/);
  });
});

describe("the end", () => {
  it("comes behind the bytes when the board closes", () => {
    const lab = createNetLab();
    const { socket } = lab.dial();
    socket.send("last");
    socket.close();
    expect(socket.state).toBe("closed");
    lab.wait(100);
    expect(lab.seen).toEqual(["10 accept board", "30 data last", "30 close"]);
    expect(lab.rows().at(-1)).toBe(`0 close board server ${PORT}`);
    expect(lab.network.connections()).toEqual([]);
  });

  it("is the last that the board hears of it when it closes itself", () => {
    const lab = createNetLab();
    let changes = 0;
    const socket = lab.board.network.connect(lab.server.address, PORT, () => changes++);
    // More than fits, so that it would hear of room.
    socket.send("x".repeat(SEND_BUFFER_BYTES + 1));
    socket.close();
    lab.wait(1000);
    expect([changes, bytesIn(lab.seen)]).toEqual([0, "board".length + SEND_BUFFER_BYTES]);
  });

  it("comes behind the bytes when the program ends", () => {
    const lab = createNetLab();
    const { socket, got } = lab.dial();
    lab.wait(50);
    lab.accepted[0]?.write(Buffer.from("bye"));
    lab.accepted[0]?.end();
    lab.wait(50);
    expect(got).toEqual(["60 bye", "60 closed well"]);
    expect(lab.network.connections()).toHaveLength(1);
    socket.close();
    lab.wait(50);
    expect(lab.seen.at(-1)).toBe("110 close");
    expect(lab.network.connections()).toEqual([]);
  });

  it("is a reset that overtakes the bytes when one side destroys", () => {
    const lab = createNetLab({ defaults: { latencyMs: LATENCY_MS, bytesPerSec: 1000 } });
    const first = lab.dial();
    first.socket.send("x".repeat(500));
    first.socket.destroy();
    lab.wait(1000);
    expect(lab.seen).toEqual(["10 accept board", "30 close"]);
    const second = lab.dial();
    lab.wait(100);
    lab.accepted[1]?.write(Buffer.alloc(500));
    lab.accepted[1]?.destroy();
    lab.wait(1000);
    expect(second.got).toEqual(["1110 closed reset"]);
    expect(lab.seen.at(-1)).toBe("1100 close");
    expect(lab.rows().map((row) => row.split(" ")[1])).toEqual([
      "connect",
      "reset",
      "connect",
      "reset",
    ]);
  });

  it("is a reset for who writes to a board that has closed", () => {
    const lab = createNetLab();
    const { socket } = lab.dial();
    lab.wait(50);
    socket.close();
    lab.accepted[0]?.write(Buffer.from("too late"));
    lab.wait(50);
    expect(lab.seen.at(-1)).toBe("60 close");
    expect(lab.network.connections()).toEqual([]);
  });

  it("is not told by a host without power; writing to it when it is back is answered by a reset", () => {
    const lab = createNetLab();
    const { socket, got } = lab.dial();
    lab.wait(50);
    lab.server.setUp(false);
    expect(lab.seen.at(-1)).toBe("50 close");
    lab.wait(1000);
    expect([socket.state, got]).toEqual(["open", []]);
    lab.server.setUp(true);
    lab.wait(1000);
    expect(got).toEqual([]);
    socket.send("anyone?");
    lab.wait(1000);
    expect(got).toEqual(["2070 closed reset"]);
  });

  it("is a reset at both ends when a fault wants it", () => {
    const lab = createNetLab();
    const { got } = lab.dial();
    lab.wait(50);
    expect(lab.network.resetConnections({ from: "b*", port: PORT })).toBe(1);
    expect(lab.network.resetConnections({ from: "server" })).toBe(0);
    lab.wait(1);
    expect([got, lab.seen.at(-1)]).toEqual([["50 closed reset"], "50 close"]);
  });

  it("never comes on a frozen connection, until TCP gives up what was written", () => {
    const lab = createNetLab();
    const { socket, got } = lab.dial();
    lab.wait(50);
    expect(lab.network.freezeConnections({ to: "server" })).toBe(1);
    lab.accepted[0]?.end();
    lab.wait(3_600_000);
    expect([socket.state, got]).toEqual(["open", []]);
    socket.send("x");
    lab.wait(900_000);
    expect(got).toEqual([]);
    lab.wait(900_000);
    expect(got[0]).toMatch(/closed unreachable$/);
  });
});

describe("ports", () => {
  it("of boards accept connections of boards", () => {
    const lab = createNetLab();
    const other = lab.network.addHost("other", { kind: "board" });
    const sockets: SimSocket[] = [];
    const listener = other.network.listen(80, (socket) => {
      sockets.push(socket);
      return () => void socket.send(socket.receive(100).toUpperCase());
    });
    const { socket, got } = lab.dial("other", 80);
    socket.send("get");
    lab.wait(100);
    expect(got).toEqual(["44 GET"]);
    expect(failureOf(() => other.network.listen(80, () => () => {}))).toBe("in-use after 0 ms");
    listener.close();
    expect(failureOf(() => lab.dial("other", 80))).toBe("refused after 24 ms");
    sockets[0]?.close();
    lab.wait(100);
    expect(got.at(-1)).toMatch(/closed well$/);
  });

  it("that close before a connection arrives reset it", () => {
    const lab = createNetLab();
    const service = lab.server.serve(9, { accept: () => ({ onData() {}, onClose() {} }) });
    const { got } = lab.dial("server", 9);
    service.close();
    lab.wait(100);
    expect(got).toEqual(["24 closed reset"]);
  });
});

describe("hosts", () => {
  it("have names and addresses of their own", () => {
    const { network, board, server } = createNetLab();
    expect([board.address, server.address]).toEqual(["10.1.0.1", "198.18.0.1"]);
    expect(() => network.addHost("board")).toThrow("host board exists already");
    expect(() => network.addHost("x", { address: "10.1.0.1" })).toThrow(
      "host board has address 10.1.0.1 already",
    );
    expect(network.host("server")).toBe(server);
  });

  it("resolve names without standing still", () => {
    const lab = createNetLab();
    const answers: unknown[] = [];
    for (const name of ["server", "nobody", "192.0.2.9"]) {
      lab.board.network.resolve(name, (address) => answers.push(address, lab.nowMs()));
    }
    expect(answers).toEqual([]);
    lab.wait(100);
    expect(answers).toEqual(["192.0.2.9", 0, "198.18.0.1", 4, null, 4]);
  });
});

describe("datagrams", () => {
  it("reach programs and boards, and answers come back", () => {
    const lab = createNetLab();
    lab.server.serveUdp(123, {
      onMessage: (bytes, from, reply) => reply(Buffer.from(`${from.port}:${bytes.toString()}`)),
    });
    const got: string[] = [];
    const udp = lab.board.network.openUdp(null, (bytes, from) =>
      got.push(`${lab.nowMs()} ${bytes} from ${from.address}:${from.port}`),
    );
    expect(udp.port).toBe(49_152);
    expect(failureOf(() => lab.board.network.openUdp(udp.port, () => {}))).toBe(
      "in-use after 0 ms",
    );
    udp.send("hi", "server", 123);
    udp.send("lost", "nobody", 123);
    udp.send("lost", "server", 124);
    lab.wait(100);
    expect(got).toEqual(["24 49152:hi from 198.18.0.1:123"]);
    udp.close();
    udp.send("closed", "server", 123);
    lab.wait(100);
    expect(got).toHaveLength(1);
  });

  it("are lost with a host's power", () => {
    const lab = createNetLab();
    let count = 0;
    lab.server.serveUdp(123, { onMessage: () => count++ });
    const udp = lab.board.network.openUdp(5000, () => {});
    udp.send("on its way", lab.server.address, 123);
    lab.server.setUp(false);
    udp.send("lost", lab.server.address, 123);
    lab.wait(100);
    expect(count).toBe(0);
  });
});

describe("TLS", () => {
  it("takes two round trips after connect, and the program sees bytes only", () => {
    const lab = createNetLab();
    const seen: string[] = [];
    lab.server.serve(
      8883,
      {
        accept: (connection) => {
          seen.push(`${lab.nowMs()} accept`);
          connection.write(Buffer.from("hello"));
          return { onData: (bytes) => seen.push(`${lab.nowMs()} ${String(bytes)}`), onClose() {} };
        },
      },
      { tls: true },
    );
    const got: string[] = [];
    const socket = lab.board.network.connect(
      lab.server.address,
      8883,
      () => got.push(`${lab.nowMs()} ${socket.isSecuring} ${socket.receive(9)}`),
      {},
    );
    expect([socket.blockedMs, socket.isSecuring, socket.send("early")]).toEqual([20, true, 0]);
    lab.waitUntil(59);
    expect([socket.isSecuring, socket.state]).toEqual([true, "open"]);
    lab.waitUntil(60);
    expect(socket.isSecuring).toBe(false);
    expect(socket.send("late")).toBe(4);
    lab.wait(100);
    expect(seen).toEqual(["50 accept", "70 late"]);
    expect(got.join()).toContain("hello");
  });

  it("fails at a port without it, and the program's connection is cut", () => {
    const lab = createNetLab();
    let end = "";
    const socket = lab.board.network.connect(
      lab.server.address,
      PORT,
      () => (end = `${lab.nowMs()} ${socket.state} ${socket.failure}`),
      {},
    );
    lab.wait(100);
    expect(end).toBe("40 closed tls");
    expect(lab.seen).toEqual(["10 accept board", "50 close"]);
  });

  it("ends a connection that talks plainly to it", () => {
    const lab = createNetLab();
    let count = 0;
    const peer = { accept: () => (count++, { onData() {}, onClose() {} }) };
    lab.server.serve(8883, peer, { tls: true });
    const { socket, got } = lab.dial("server", 8883);
    lab.wait(100);
    expect(got).toEqual([]);
    socket.send("CONNECT");
    lab.wait(100);
    expect([got, count]).toEqual([["120 closed well"], 0]);
  });

  it("never ends the handshake while a fault stalls it", () => {
    const lab = createNetLab();
    lab.network.conditions.add({ from: "board", to: "server", effect: { tlsStall: true } });
    lab.server.serve(8883, { accept: () => ({ onData() {}, onClose() {} }) }, { tls: true });
    const socket = lab.board.network.connect(lab.server.address, 8883, () => {}, {});
    lab.wait(3_600_000);
    expect([socket.isSecuring, socket.state]).toEqual([true, "open"]);
  });
});
