// SPDX-License-Identifier: MIT
// A virtual network with one board's host and one server, on a virtual clock, and a server program
// that notes what it gets.
import { NetworkError, createRandom } from "../../../sim/index.ts";
import type { SimSocket } from "../../../sim/index.ts";
import { createVirtualClock } from "../../../sim/clock/virtual-clock.ts";
import type { VirtualClock } from "../../../sim/clock/virtual-clock.ts";
import type { PeerConnection } from "../../../sim/network/peer.ts";
import { createVirtualNetwork } from "../../../sim/network/virtual-network.ts";
import type {
  VirtualHost,
  VirtualNetwork,
  VirtualNetworkOptions,
} from "../../../sim/network/virtual-network.ts";
import { createTrace } from "../../../sim/trace.ts";

/** Latency of the lab's network in each direction, ms. */
export const LATENCY_MS = 10;
/** Time of an answer of its name server, ms. */
export const DNS_MS = 4;
/** Port of the lab's server. */
export const PORT = 1883;

/** A network and its two ends. */
export interface NetLab {
  clock: VirtualClock;
  network: VirtualNetwork;
  board: VirtualHost;
  server: VirtualHost;
  /** What the program has seen: `<ms> accept board`, `<ms> data abc`, `<ms> drain`, `<ms> close`. */
  seen: string[];
  /** The program's connections, the latest last. */
  accepted: PeerConnection[];
  /** Rows of the trace as `<ms> <event> <from> <to> <port>`. */
  rows(): string[];
  nowMs(): number;
  /** Lets time pass. */
  wait(ms: number): void;
  /** Lets time pass until a moment counted from the start. */
  waitUntil(ms: number): void;
  /** Connects the board and reads what it gets into `got`. */
  dial(name?: string, port?: number): Dialled;
}

/** The board's side of a connection. */
export interface Dialled {
  socket: SimSocket;
  /** What has arrived, with its time: `<ms> abc`. */
  got: string[];
  /** What has arrived. */
  text(): string;
}

/** Creates the lab. */
export function createNetLab(options: Partial<VirtualNetworkOptions> = {}): NetLab {
  const clock = createVirtualClock();
  const startMs = clock.now();
  const nowMs = (): number => Math.round((clock.now() - startMs) * 1000) / 1000;
  const trace = createTrace({ nowUs: () => Math.round(nowMs() * 1000), keepRows: true });
  const network = createVirtualNetwork({
    clock,
    random: createRandom(1),
    trace,
    defaults: { latencyMs: LATENCY_MS },
    dnsMs: DNS_MS,
    ...options,
  });
  const board = network.addHost("board", { kind: "board" });
  const server = network.addHost("server");
  const seen: string[] = [];
  const accepted: PeerConnection[] = [];
  server.serve(PORT, {
    accept: (connection) => {
      const note = (what: string): void => void seen.push(`${nowMs()} ${what}`);
      note(`accept ${connection.remote}`);
      accepted.push(connection);
      return {
        onData: (bytes) => note(`data ${bytes.toString("latin1")}`),
        onDrain: () => note("drain"),
        onClose: () => note("close"),
      };
    },
  });
  const wait = (ms: number): void => void clock.run(clock.now() + ms);
  return {
    clock,
    network,
    board,
    server,
    seen,
    accepted,
    rows: () =>
      trace.rows.map(({ t, ev, from, to, port }) => `${t / 1000} ${ev} ${from} ${to} ${port}`),
    nowMs,
    wait,
    waitUntil: (ms) => wait(ms - nowMs()),
    dial: (name = server.address, port = PORT) => {
      const got: string[] = [];
      const socket = board.network.connect(name, port, () => {
        for (let part = socket.receive(536); part !== ""; part = socket.receive(536)) {
          got.push(`${nowMs()} ${part}`);
        }
        if (socket.state === "closed") got.push(`${nowMs()} closed ${socket.failure ?? "well"}`);
      });
      return { socket, got, text: () => got.map((line) => line.split(" ")[1]).join("") };
    },
  };
}

/** What a call that fails says: `refused after 20 ms`. */
export function failureOf(fn: () => unknown): string {
  try {
    fn();
  } catch (error) {
    if (error instanceof NetworkError) return `${error.failure} after ${error.blockedMs} ms`;
    throw error;
  }
  return "none";
}

/** Number of bytes in lines such as `14 data abc`. */
export function bytesIn(lines: readonly string[]): number {
  return lines.reduce((sum, line) => sum + (line.split(" ")[2] ?? "").length, 0);
}
