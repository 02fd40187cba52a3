// SPDX-License-Identifier: MIT
// All sockets of one board, whichever module opened them: their order in a pass of the loop (ports
// that listen, connections to them, connections from here), their number, and what the network
// below says when it refuses.
// Not for: what a script sees of them (link.ts, http-server.ts, dgram.ts).
import { NetworkError } from "../../network/network.ts";
import type { SimSocket, SimUdp, TlsOptions } from "../../network/network.ts";
import { listenerCount } from "../events.ts";
import type { ModuleHost } from "./index.ts";

/** Error codes of sockets, as scripts get them. */
export const SOCKET_CODES = {
  CLOSED: -1,
  NOT_FOUND: -6,
  UNSENT_DATA: -8,
  NO_CONNECTION: -11,
  NO_RESPONSE: -15,
  /** The peer ended a secured connection in an orderly way. */
  TLS_CLOSE_NOTIFY: -30848,
} as const;

const TEXTS: Readonly<Record<number, string>> = {
  [SOCKET_CODES.NOT_FOUND]: "not found",
  [SOCKET_CODES.UNSENT_DATA]: "unsent data",
  [SOCKET_CODES.NO_CONNECTION]: "no connection",
  [SOCKET_CODES.NO_RESPONSE]: "no response",
};

/** What a socket sends and receives in one pass, bytes. */
export const CHUNK_BYTES = 536;

/** Something that the board polls in each pass. */
export interface Polled {
  /** One pass; returns true when it got something done, and another pass may too. */
  poll(): boolean;
  /** True once it is to be forgotten. */
  isOver(): boolean;
  /** Bytes that it holds for the network or for the script. */
  bufferedBytes(): number;
  /** Number of the network's sockets that it holds. */
  socketCount(): number;
  /** Objects that the script has of it. */
  objects(): readonly object[];
  /** The board's power is gone. */
  destroy(): void;
}

/** Where a polled thing stands in a pass: these groups, and in order of creation in each. */
export type PollGroup = "listening" | "incoming" | "outgoing";

/** The sockets of one board. */
export interface Sockets {
  add(group: PollGroup, item: Polled): void;
  remove(group: PollGroup, item: Polled): void;
  /**
   * Opens a connection; the board stands still as long as the network says.
   * @throws the InternalError of the interpreter
   */
  connect(address: { host: string; port: number }, tls?: TlsOptions): SimSocket;
  /**
   * Listens on a port; `onConnection` is called between passes.
   * @returns null when the board has no socket left, which the script is not told
   * @throws the InternalError of the interpreter
   */
  listen(port: number, onConnection: (socket: SimSocket) => void): { close(): void } | null;
  /**
   * Opens a port for datagrams, one of the network's choice for null.
   * @throws the InternalError of the interpreter
   */
  openUdp(
    port: number | null,
    onMessage: (bytes: string, from: { address: string; port: number }) => void,
  ): SimUdp;
  /** True when the board can have one more. */
  hasRoom(): boolean;
}

const made = new WeakMap<object, Sockets>();

/** The sockets of a board; all its modules get the same. */
export function socketsOf(host: ModuleHost): Sockets {
  let sockets = made.get(host.loop);
  if (!sockets) {
    sockets = createSockets(host);
    made.set(host.loop, sockets);
  }
  return sockets;
}

/** What listeners of 'error' get. */
export function socketError(host: ModuleHost, code: number): object {
  return host.realm.objectOf({ code, message: TEXTS[code] ?? "unknown error" });
}

/** What is left of a connection whose peer shows a certificate that nothing vouches for. */
function refuseCertificate(socket: SimSocket): SimSocket {
  socket.destroy();
  return {
    state: "closed",
    failure: "tls",
    blockedMs: socket.blockedMs,
    isSecuring: false,
    hasUnread: false,
    send: () => 0,
    receive: () => "",
    close: () => {},
    destroy: () => {},
  };
}

function createSockets(host: ModuleHost): Sockets {
  const { realm, loop, network, profile, bugs, write } = host;
  const blocks = bugs["connect-blocks"];
  const verifies = !bugs["tls-verifies-nothing"];
  const groups: Record<PollGroup, Set<Polled>> = {
    listening: new Set(),
    incoming: new Set(),
    outgoing: new Set(),
  };
  const inOrder = [groups.listening, groups.incoming, groups.outgoing];
  const sum = (of: (item: Polled) => number): number => {
    let total = 0;
    for (const group of inOrder) for (const item of group) total += of(item);
    return total;
  };
  const hasRoom = (): boolean => sum((item) => item.socketCount()) < profile.maxSockets;

  loop.addModule({
    idle: () => {
      let isBusy = false;
      for (const group of inOrder) {
        for (const item of group) {
          if (item.poll()) isBusy = true;
          if (item.isOver()) group.delete(item);
        }
      }
      return isBusy;
    },
    isOpen: () => inOrder.some((group) => group.size > 0),
    counts: () => ({
      sockets: sum((item) => item.socketCount()),
      bufferedBytes: sum((item) => item.bufferedBytes()),
    }),
    listeners: () => sum((item) => item.objects().reduce((n, o) => n + listenerCount(o), 0)),
  });
  host.onPowerOff(() => {
    for (const group of inOrder) {
      for (const item of group) item.destroy();
      group.clear();
    }
  });

  const refuse = (line: string): never => {
    write(`ERROR: ${line}\n`);
    return realm.fail("InternalError", "Unable to create socket");
  };
  return {
    add: (group, item) => {
      groups[group].add(item);
      loop.wake();
    },
    remove: (group, item) => {
      groups[group].delete(item);
    },
    hasRoom,
    connect: ({ host: name, port }, tls) => {
      if (!hasRoom()) return refuse("Socket creation failed");
      try {
        const socket = network.connect(name, port, () => loop.wake(), tls);
        if (blocks && socket.blockedMs > 0) loop.block(socket.blockedMs);
        return verifies && tls && !tls.ca ? refuseCertificate(socket) : socket;
      } catch (error) {
        if (!(error instanceof NetworkError)) throw error;
        if (blocks && error.blockedMs > 0) loop.block(error.blockedMs);
        if (error.failure === "unresolved") {
          return realm.fail("InternalError", "Unable to locate host");
        }
        return refuse(`Connect failed (err ${error.failure === "refused" ? 111 : 113})`);
      }
    },
    listen: (port, onConnection) => {
      if (!hasRoom()) {
        write("ERROR: Socket creation failed\n");
        return null;
      }
      try {
        return network.listen(port, (socket) => {
          onConnection(socket);
          loop.wake();
          return () => loop.wake();
        });
      } catch (error) {
        if (!(error instanceof NetworkError)) throw error;
        return refuse("Socket bind failed");
      }
    },
    openUdp: (port, onMessage) => {
      if (!hasRoom()) return refuse("Socket creation failed");
      try {
        return network.openUdp(port, (bytes, from) => {
          onMessage(bytes, from);
          loop.wake();
        });
      } catch (error) {
        if (!(error instanceof NetworkError)) throw error;
        return refuse("Socket bind failed");
      }
    },
  };
}
