// SPDX-License-Identifier: MIT
// A board makes a connection in the virtual network. The call blocks on the board: its outcome is
// decided now, from the world as it is now, and `blockedMs` says how long it took.
//
//   now --name--> +dns --SYN--> +there: accepted --SYN-ACK--> +back: the call returns
//
// lwIP repeats a lost SYN every 1.5 s, twelve times, and then gives up.
import type { Bridge } from "./bridge.ts";
import { BoardSocket } from "./board-socket.ts";
import type { Combined } from "./conditions.ts";
import { Connection } from "./connection.ts";
import { refusePlain, shakeHands } from "./handshake.ts";
import { findHost, isOnline, pathRandom } from "./host.ts";
import type { Host, Wiring } from "./host.ts";
import { NetworkError } from "./network.ts";
import type { NetworkFailure, SimSocket, TlsOptions } from "./network.ts";
import { RTO_MS } from "./path.ts";
import { acceptByPeer } from "./peer-socket.ts";

/** Gives a connection that has come in to who listens at the port by now. */
function accept({ wiring, server, port, from, to }: Connection, isTls: boolean): void {
  if (!isOnline(to) || server.isReleased) return;
  const listener = to.listeners.get(port);
  if (!listener) return server.abort();
  if (listener.kind === "program") {
    if (!listener.isTls) acceptByPeer(wiring.clock, server, listener.peer, from.name);
    else if (!isTls) refusePlain(server);
    return;
  }
  const socket = new BoardSocket(wiring.clock, server, { blockedMs: 0, phase: "open" });
  socket.onChange = listener.onConnection(socket);
}

/** What a connection costs or why it fails, at this moment. */
type Outcome =
  | { failure: null; thereMs: number; totalMs: number }
  | { failure: NetworkFailure; totalMs: number };

function decide(wiring: Wiring, from: Host, to: Host | null, port: number): Outcome {
  const { conditions, random, connectTimeoutMs } = wiring;
  if (from.link !== "up") return { failure: "unreachable", totalMs: 0 };
  const noAnswer: Outcome = { failure: "unreachable", totalMs: connectTimeoutMs };
  if (!to || !isOnline(to)) return noAnswer;
  const there = conditions.view(from.name, to.name, port).now;
  const back = conditions.view(to.name, from.name, port).now;
  if (there.isBlackHole || there.isBlocked || back.isBlocked) return noAnswer;
  const tripMs = (effect: Readonly<Combined>, a: Host, b: Host): number => {
    let ms = effect.latencyMs;
    const draw = (): number => pathRandom(random, a.name, b.name).next();
    if (effect.jitterMs > 0) ms += draw() * effect.jitterMs;
    while (ms < connectTimeoutMs && effect.lossRate > 0 && draw() < effect.lossRate) {
      ms += RTO_MS;
    }
    return ms;
  };
  const outMs = tripMs(there, from, to);
  const homeMs = tripMs(back, to, from);
  if (outMs + homeMs >= connectTimeoutMs) return noAnswer;
  // A real board has waited for that long already, before its gateway heard of the attempt.
  const thereMs = outMs + (from.isDevice ? 0 : there.connectMs);
  const totalMs = thereMs + homeMs;
  const isServed = to.isOuter || to.listeners.has(port);
  if (there.isRefused || !isServed) return { failure: "refused", totalMs };
  return { failure: null, thereMs, totalMs };
}

/** A call of connect. */
export interface Call {
  name: string;
  port: number;
  onChange: () => void;
  tls: TlsOptions | undefined;
}

/** Connects from a host; see {@link SimNetwork.connect}. */
export function dial(
  wiring: Wiring,
  from: Host,
  { name, port, onChange, tls }: Call,
  bridge: Bridge | null,
): SimSocket {
  const { clock, dns, note } = wiring;
  const startMs = Math.max(clock.now(), from.busyUntilMs);
  const block = (ms: number): number => {
    if (!from.isDevice) from.busyUntilMs = startMs + ms;
    return ms;
  };
  const answer = dns.ask(from, name);
  const to = findHost(wiring, from, name, port, answer);
  if (!to && answer.address === null) {
    note("unresolved", from.name, name, port);
    throw new NetworkError("unresolved", block(answer.delayMs));
  }
  const toName = to?.name ?? name;
  const outcome = decide(wiring, from, to, port);
  const blockedMs = block(answer.delayMs + outcome.totalMs);
  const openAtMs = startMs + blockedMs;
  const fail = (failure: NetworkFailure): never => {
    const isNamed = failure === "refused" || failure === "unresolved";
    note(isNamed ? failure : "timeout", from.name, toName, port);
    throw new NetworkError(failure, blockedMs);
  };
  if (outcome.failure !== null || !to) return fail(outcome.failure ?? "unreachable");
  if (to.isOuter && bridge) {
    try {
      const outer = { from, to, port, openAtMs, blockedMs, tls, onChange };
      const socket = bridge.connect(outer);
      note("connect", from.name, toName, port);
      return socket;
    } catch (error) {
      if (error instanceof NetworkError) return fail(error.failure);
      throw error;
    }
  }
  note("connect", from.name, toName, port);
  const connection = new Connection(wiring, { from, to, port, openAtMs });
  const isTls = tls !== undefined;
  const phase = isTls ? "securing" : "open";
  const socket = new BoardSocket(clock, connection.client, { blockedMs, phase });
  socket.onChange = onChange;
  const arriveInMs = startMs + answer.delayMs + outcome.thereMs - clock.now();
  clock.setTimer(() => accept(connection, isTls), arriveInMs);
  if (isTls) shakeHands(connection, socket);
  return socket;
}
