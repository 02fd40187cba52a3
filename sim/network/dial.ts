// SPDX-License-Identifier: MIT
// A board makes a connection in the virtual network. The call blocks on the board: its outcome is
// decided now, from the world as it is now, and `blockedMs` says how long it took.
//
//   now --name--> +dns --SYN--> +there: accepted --SYN-ACK--> +back: the call returns
//
// lwIP repeats a lost SYN every 1.5 s, twelve times, and then gives up.
import { BoardSocket } from "./board-socket.ts";
import type { Combined } from "./conditions.ts";
import { Connection } from "./connection.ts";
import { refusePlain, shakeHands } from "./handshake.ts";
import { isOnline, pathRandom } from "./host.ts";
import type { Host, Wiring } from "./host.ts";
import { NetworkError } from "./network.ts";
import type { NetworkFailure, SimSocket } from "./network.ts";
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
  const socket = new BoardSocket(wiring.clock, server, { blockedMs: 0, isSecuring: false });
  socket.onChange = listener.onConnection(socket);
}

/** What a connection costs or why it fails, at this moment. */
type Outcome =
  | { failure: null; thereMs: number; totalMs: number }
  | { failure: NetworkFailure; totalMs: number };

function decide(wiring: Wiring, from: Host, to: Host | undefined, port: number): Outcome {
  const { conditions, random, connectTimeoutMs } = wiring;
  if (from.link !== "up") return { failure: "unreachable", totalMs: 0 };
  const noAnswer: Outcome = { failure: "unreachable", totalMs: connectTimeoutMs };
  if (!to || !isOnline(to)) return noAnswer;
  const there = conditions.view(from.name, to.name, port).now;
  const back = conditions.view(to.name, from.name, port).now;
  if (there.isBlackHole || there.isBlocked || back.isBlocked) return noAnswer;
  const tripMs = (effect: Readonly<Combined>, a: Host, b: Host): number => {
    let ms = effect.latencyMs;
    const stream = pathRandom(random, a.name, b.name);
    if (effect.jitterMs > 0) ms += stream.next() * effect.jitterMs;
    while (ms < connectTimeoutMs && effect.lossRate > 0 && stream.next() < effect.lossRate) {
      ms += RTO_MS;
    }
    return ms;
  };
  const outMs = tripMs(there, from, to);
  const homeMs = tripMs(back, to, from);
  if (outMs + homeMs >= connectTimeoutMs) return noAnswer;
  const thereMs = outMs + there.connectMs;
  const totalMs = thereMs + homeMs;
  if (there.isRefused || !to.listeners.has(port)) return { failure: "refused", totalMs };
  return { failure: null, thereMs, totalMs };
}

/**
 * Connects from a host; see {@link SimNetwork.connect}.
 *
 * @param isTls secures the connection once it is made
 */
export function dial(
  wiring: Wiring,
  from: Host,
  name: string,
  port: number,
  onChange: () => void,
  isTls: boolean,
): SimSocket {
  const { clock, dns, hostAt, note } = wiring;
  const startMs = Math.max(clock.now(), from.busyUntilMs);
  const block = (ms: number): number => {
    from.busyUntilMs = startMs + ms;
    return ms;
  };
  const { address, delayMs } = dns.ask(from, name);
  if (address === null) {
    note("unresolved", from.name, name, port);
    throw new NetworkError("unresolved", block(delayMs));
  }
  const to = hostAt(address, from);
  const toName = to?.name ?? address;
  const outcome = decide(wiring, from, to, port);
  const blockedMs = block(delayMs + outcome.totalMs);
  if (outcome.failure !== null || !to) {
    note(outcome.failure === "refused" ? "refused" : "timeout", from.name, toName, port);
    throw new NetworkError(outcome.failure ?? "unreachable", blockedMs);
  }
  note("connect", from.name, toName, port);
  const connection = new Connection(wiring, { from, to, port, openAtMs: startMs + blockedMs });
  const arriveInMs = startMs + delayMs + outcome.thereMs - clock.now();
  const socket = new BoardSocket(clock, connection.client, { blockedMs, isSecuring: isTls });
  socket.onChange = onChange;
  clock.setTimer(() => accept(connection, isTls), arriveInMs);
  if (isTls) shakeHands(connection, socket);
  return socket;
}
