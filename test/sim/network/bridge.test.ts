// SPDX-License-Identifier: MIT
// A virtual network in front of another one. What stands for the real network here is a second
// virtual one, so that time stands still; real sockets are in real-network.test.ts.
import { describe, expect, it } from "vitest";
import { createRandom } from "../../../sim/index.ts";
import type { SimSocket } from "../../../sim/index.ts";
import { createVirtualNetwork } from "../../../sim/network/virtual-network.ts";
import type { VirtualHost, VirtualNetwork } from "../../../sim/network/virtual-network.ts";
import { PORT, bytesIn, createNetLab, failureOf } from "./net-lab.ts";
import type { NetLab } from "./net-lab.ts";

interface Joint {
  /** The network outside; its board is what the inner network uses. */
  outer: NetLab;
  inner: VirtualNetwork;
  board: VirtualHost;
  /** Lines `<ms> <bytes>` and `<ms> <state> <failure>` of the board's sockets. */
  got: string[];
  connect(name: string, port?: number, isTls?: boolean): SimSocket;
}

function create(): Joint {
  const outer = createNetLab({ defaults: { latencyMs: 1 }, dnsMs: 1 });
  const { clock, nowMs } = outer;
  const inner = createVirtualNetwork({
    clock,
    random: createRandom(2),
    defaults: { latencyMs: 100 },
    dnsMs: 0,
    outside: outer.board.network,
  });
  const board = inner.addHost("board", { kind: "board" });
  const got: string[] = [];
  return {
    outer,
    inner,
    board,
    got,
    connect: (name, port = PORT, isTls = false) => {
      const onChange = (): void => {
        for (let part = socket.receive(536); part !== ""; part = socket.receive(536)) {
          got.push(`${nowMs()} data ${part}`);
        }
        if (socket.state === "closed") got.push(`${nowMs()} closed ${socket.failure}`);
      };
      const socket = board.network.connect(name, port, onChange, isTls ? {} : undefined);
      return socket;
    },
  };
}

describe("bridge", () => {
  it("carries bytes and ends both ways, behind the virtual way's delay", () => {
    const { outer, connect, got, inner } = create();
    const socket = connect("server");
    expect([socket.state, socket.blockedMs]).toEqual(["open", 200]);
    socket.send("hello");
    outer.waitUntil(1000);
    expect(outer.seen).toEqual(["2 accept board", "301 data hello"]);
    outer.accepted[0]?.write(Buffer.from("\xfa", "latin1"));
    outer.accepted[0]?.end();
    outer.waitUntil(2000);
    expect(got).toEqual(["1101 data \xfa", "1101 closed null"]);
    socket.close();
    outer.waitUntil(3000);
    expect(outer.seen.at(-1)).toMatch(/close$/);
    expect([inner.connections(), outer.network.connections()]).toEqual([[], []]);
  });

  it("carries bytes at the pace of who reads them", () => {
    const { outer, connect } = create();
    const socket = connect("server");
    outer.waitUntil(1000);
    outer.accepted[0]?.pause();
    let sent = 0;
    for (let i = 0; i < 20; i++) {
      sent += socket.send("x".repeat(5760));
      outer.wait(1000);
    }
    expect(sent).toBeLessThan(5 * 5760);
    outer.accepted[0]?.resume();
    outer.wait(5000);
    expect(bytesIn(outer.seen.slice(1))).toBe(sent);
  });

  it("carries resets both ways", () => {
    const { outer, connect, got } = create();
    connect("server");
    outer.waitUntil(1000);
    outer.accepted[0]?.destroy();
    outer.waitUntil(2000);
    expect(got).toEqual(["1101 closed reset"]);
    const second = connect("server");
    outer.waitUntil(3000);
    second.destroy();
    outer.waitUntil(4000);
    expect(outer.seen.at(-1)).toBe("3101 close");
  });

  it("fails as the network outside does, and is disturbed by names", () => {
    const { connect, inner } = create();
    expect(failureOf(() => connect("server", 9))).toBe("refused after 200 ms");
    expect(failureOf(() => connect("nobody"))).toBe("unresolved after 200 ms");
    const end = inner.conditions.add({ to: "server", effect: { isBlackHole: true } });
    expect(failureOf(() => connect("server"))).toBe("unreachable after 18500 ms");
    end();
    inner.conditions.add({ to: "server", effect: { dns: "fail" } });
    expect(failureOf(() => connect("server"))).toBe("unresolved after 0 ms");
  });

  it("finds addresses outside, and knows whose they are", () => {
    const { outer, board, inner, connect } = create();
    const answers: unknown[] = [];
    for (const name of ["server", "board", "nobody"]) {
      board.network.resolve(name, (address) => answers.push(name, address));
    }
    outer.wait(100);
    expect(answers).toEqual(["board", "10.1.0.1", "server", "198.18.0.1", "nobody", null]);
    inner.conditions.add({ to: "server", effect: { isRefused: true } });
    expect(failureOf(() => connect("198.18.0.1"))).toBe("refused after 200 ms");
  });

  it("waits for the handshake outside", () => {
    const { outer, connect } = create();
    outer.server.serve(8883, { accept: () => ({ onData() {}, onClose() {} }) }, { tls: true });
    const socket = connect("server", 8883, true);
    expect([socket.isSecuring, socket.send("x")]).toEqual([true, 0]);
    outer.wait(1000);
    expect([socket.isSecuring, socket.send("x")]).toEqual([false, 1]);
  });

  it("carries datagrams and their answers", () => {
    const { outer, board } = create();
    outer.server.serveUdp(123, { onMessage: (bytes, _from, reply) => reply(bytes) });
    const got: string[] = [];
    const udp = board.network.openUdp(null, (bytes, from) =>
      got.push(`${outer.nowMs()} ${bytes} ${from.address}:${from.port}`),
    );
    udp.send("tick", "server", 123);
    outer.wait(1000);
    expect(got).toEqual(["203 tick 198.18.0.1:123"]);
  });

  it("is behind the ports of the board itself that nobody serves", () => {
    const { outer, board, connect, got } = create();
    board.network.listen(PORT, (socket) => () => void socket.send(socket.receive(9)));
    connect("127.0.0.1").send("own");
    outer.wait(1000);
    expect(got.map((line) => line.slice(4))).toEqual(["data own"]);
    expect(failureOf(() => connect("127.0.0.1", 9))).toBe("refused after 200 ms");
  });
});
