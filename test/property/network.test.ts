// SPDX-License-Identifier: MIT
// Any mixture of connections, writes and effects that come and go: what arrives is what was sent,
// in order; once nothing disturbs any more, all of it has arrived on connections that still stand;
// once they are closed, nothing is left; and the same seed does the same again.
import { describe, expect, it } from "vitest";
import { NetworkError, createRandom } from "../../sim/index.ts";
import type { SimSocket } from "../../sim/index.ts";
import { createVirtualClock } from "../../sim/clock/virtual-clock.ts";
import type { Effect } from "../../sim/network/conditions.ts";
import type { PeerConnection } from "../../sim/network/peer.ts";
import { createVirtualNetwork } from "../../sim/network/virtual-network.ts";
import { createTrace } from "../../sim/trace.ts";
import { seedOf } from "../helpers/seeds.ts";

const RUNS = 40;
const STEPS = 300;
const BOARDS = 4;
const HOUR_MS = 3_600_000;
const EFFECTS: readonly Effect[] = [
  { latencyMs: 200 },
  { jitterMs: 100 },
  { bytesPerSec: 500 },
  { lossRate: 0.3 },
  { segmentBytes: 7 },
  { coalesceMs: 100 },
  { isBlocked: true },
  { readBytesPerSec: 100 },
  { readBytesPerSec: 0 },
];

/** One end: what it sent and what it got. */
interface Side {
  sent: string;
  got: string;
}
interface Client extends Side {
  board: string;
  socket: SimSocket;
  /** How the board ended it. */
  ended: "" | "close" | "destroy";
}
interface Accepted extends Side {
  connection: PeerConnection;
  closes: number;
}

const agree = (client: Client, server: Accepted): boolean =>
  client.sent.startsWith(server.got) && server.sent.startsWith(client.got);

/** Runs one story; gives the hash of its trace. */
function run(seed: number): string {
  const clock = createVirtualClock();
  const random = createRandom(seed);
  const dice = random.stream("story");
  const pick = <T>(items: readonly T[]): T | undefined => items[dice.integer(0, items.length - 1)];
  const startMs = clock.now();
  const nowUs = (): number => Math.round((clock.now() - startMs) * 1000);
  const trace = createTrace({ nowUs, keepRows: false });
  const network = createVirtualNetwork({ clock, random, trace, defaults: { jitterMs: 5 } });
  const accepted: Accepted[] = [];
  const clients: Client[] = [];
  const heals: (() => void)[] = [];
  const wait = (ms: number): void => void clock.run(clock.now() + ms);
  const boards = Array.from({ length: BOARDS }, (_, i) => network.addHost(`board${i}`));
  network.addHost("server").serve(1, {
    accept: (connection) => {
      const side: Accepted = { connection, sent: "", got: "", closes: 0 };
      accepted.push(side);
      return {
        onData: (bytes) => {
          expect(side.closes).toBe(0);
          side.got += bytes.toString("latin1");
        },
        onClose: () => void side.closes++,
      };
    },
  });

  const open = (): void => {
    const board = pick(boards);
    if (!board) return;
    const client = { board: board.name, sent: "", got: "", ended: "" } as Client;
    const onChange = (): void => {
      expect(client.ended).toBe("");
      for (let part = " "; part !== "";) {
        part = client.socket.receive(dice.integer(1, 600));
        client.got += part;
      }
    };
    try {
      client.socket = board.network.connect("server", 1, onChange);
      clients.push(client);
    } catch (error) {
      if (!(error instanceof NetworkError)) throw error;
    }
  };
  const letters = (most: number): string =>
    String.fromCharCode(dice.integer(97, 122)).repeat(dice.integer(1, most));
  const actions: (() => void)[] = [
    open,
    () => {
      const client = pick(clients.filter(({ ended }) => ended === ""));
      const text = letters(3000);
      if (client) client.sent += text.slice(0, client.socket.send(text));
    },
    () => {
      const side = pick(accepted.filter(({ closes }) => closes === 0));
      const text = letters(9000);
      side?.connection.write(Buffer.from(text));
      if (side) side.sent += text;
    },
    () => {
      const name = pick(boards)?.name ?? "";
      const effect = pick(EFFECTS) ?? {};
      const match = dice.next() < 0.5 ? { from: name } : { to: name };
      heals.push(network.conditions.add({ ...match, effect }));
    },
    () => heals.splice(dice.integer(0, heals.length), 1)[0]?.(),
    () => {
      const client = pick(clients);
      if (!client || client.ended !== "" || dice.next() < 0.7) return;
      client.ended = dice.next() < 0.5 ? "close" : "destroy";
      client.socket[client.ended]();
    },
    () => {
      const connection = pick(accepted)?.connection;
      if (dice.next() < 0.3) connection?.pause();
      else connection?.resume();
    },
    () => void (dice.next() < 0.1 && network.resetConnections({ from: pick(boards)?.name ?? "" })),
    () => wait(dice.integer(0, 2000)),
    () => wait(dice.integer(0, 2000)),
  ];
  for (let step = 0; step < STEPS; step++) pick(actions)?.();

  for (const heal of heals) heal();
  for (const { connection } of accepted) connection.resume();
  wait(HOUR_MS);
  // A reset that vanished leaves the far end half-open for ever, and so does giving up.
  let mayRemain = 0;
  for (const client of clients) {
    const { ended, socket, board } = client;
    const candidates = accepted.filter(({ connection }) => connection.remote === board);
    if (ended === "destroy" || socket.failure !== null) mayRemain++;
    // One that got nothing may have ended before it was accepted.
    const isKnown = client.got === "" || candidates.some((side) => agree(client, side));
    expect(isKnown).toBe(true);
    if (ended !== "" || socket.state !== "open") continue;
    const isWhole = (side: Accepted): boolean =>
      side.got === client.sent && client.got === side.sent;
    expect(candidates.some(isWhole)).toBe(true);
  }
  for (const client of clients) {
    if (client.ended === "") client.socket.close();
    client.ended ||= "close";
  }
  wait(HOUR_MS);
  expect(accepted.filter(({ closes }) => closes > 1)).toEqual([]);
  expect(network.connections().length).toBeLessThanOrEqual(mayRemain);
  expect(clock.nextMs()).toBe(Infinity);
  return trace.hash();
}

describe("the virtual network in any weather", () => {
  it("loses nothing, invents nothing and keeps nothing", () => {
    for (let i = 0; i < RUNS; i++) run(seedOf(`network ${i}`));
  });

  it("does the same again with the same seed", () => {
    for (let i = 0; i < 3; i++) {
      const seed = seedOf(`network ${i}`);
      expect(run(seed)).toBe(run(seed));
    }
  });
});
