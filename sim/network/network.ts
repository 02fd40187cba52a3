// SPDX-License-Identifier: MIT
// The network as a board sees it: sockets in the manner of a small TCP stack, which the board
// polls. `send` takes what fits, `receive` gives what is there, and a change is announced by one
// callback without content. Every buffer is bounded on both sides, so a board that does not read
// makes its peer wait, and a peer that does not read makes the board's own queue grow.
// Not for: what the interpreter makes of it (board/modules/), servers that are no boards (peer.ts).

/** Why a connection could not be made or ended. */
export type NetworkFailure =
  | "refused" // nobody listens
  | "unresolved" // the name has no address
  | "unreachable" // no route, or no answer
  | "reset" // the peer, or the network below, cut it
  | "tls" // the handshake failed
  | "in-use"; // the port is taken

/** Thrown when a failure is known at once. */
export class NetworkError extends Error {
  readonly failure: NetworkFailure;
  /** Virtual time for which the call stood still before it threw, ms. */
  readonly blockedMs: number;
  constructor(failure: NetworkFailure, blockedMs = 0) {
    super(`connection failed: ${failure}`);
    this.failure = failure;
    this.blockedMs = blockedMs;
  }
}

/** How a connection is secured: DER or PEM bytes, one per character; nothing is verified. */
export interface TlsOptions {
  ca?: string;
  cert?: string;
  key?: string;
}

/** One TCP connection. */
export interface SimSocket {
  /** `closed`: failed, or the peer has ended and everything it sent has been received. */
  readonly state: "connecting" | "open" | "closed";
  /** Set once the state is `closed`; null after an orderly end. */
  readonly failure: NetworkFailure | null;
  /**
   * Virtual time for which `connect` stood still, ms: the board that called must do nothing more
   * before it has passed. 0 on the real network, where the call really takes that long.
   */
  readonly blockedMs: number;
  /** True while a TLS handshake is under way; `send` takes nothing until it is over. */
  readonly isSecuring: boolean;
  /** True while `receive` has something to give. */
  readonly hasUnread: boolean;
  /** Takes as many of the bytes (one per character) as fit now; returns how many. */
  send(bytes: string): number;
  /** Gives up to `maxBytes` received bytes, one per character; "" when there are none. */
  receive(maxBytes: number): string;
  /** Ends orderly once what was taken has been sent; nothing is received any more. */
  close(): void;
  /** Ends at once; what was taken may be lost. */
  destroy(): void;
}

/** An open port for datagrams. */
export interface SimUdp {
  readonly port: number;
  /** Sends one datagram; a host that is not found or not there loses it. Never throws. */
  send(bytes: string, host: string, port: number): void;
  close(): void;
}

/** What boards communicate through. */
export interface SimNetwork {
  /**
   * Opens a connection, as the interpreter does: the call may block while the connection is made,
   * for a bounded time, and then goes on in state `connecting`.
   *
   * @param onChange called from the clock, never from within a call of the socket, after bytes have
   *   arrived or left, or the state has changed; not after close or destroy
   * @throws NetworkError when the connection is known to have failed
   */
  connect(host: string, port: number, onChange: () => void, tls?: TlsOptions): SimSocket;
  /** Finds the IPv4 address of a name, null if it has none; `done` is never called at once. */
  resolve(host: string, done: (address: string | null) => void): void;
  /**
   * Accepts connections on a port.
   *
   * @param onConnection gets each connection and gives the callback for its changes
   * @throws NetworkError `in-use`
   */
  listen(port: number, onConnection: (socket: SimSocket) => () => void): { close(): void };
  /**
   * Opens a port for datagrams; null lets the network choose one.
   *
   * @throws NetworkError `in-use`
   */
  openUdp(
    port: number | null,
    onMessage: (bytes: string, from: { address: string; port: number }) => void,
  ): SimUdp;
  /** Ends all connections, lets last bytes of closed ones go, frees what the network holds. */
  close(): Promise<void>;
}

/** Bytes that a socket takes before its peer's network has taken them (lwIP: 4 x MSS 1440). */
export const SEND_BUFFER_BYTES = 5760;
/** Bytes that a socket receives ahead of its reader. */
export const RECEIVE_BUFFER_BYTES = 5760;
