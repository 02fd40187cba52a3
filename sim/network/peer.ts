// SPDX-License-Identifier: MIT
// A server program of the world (broker, HTTP endpoint, WebSocket front), seen from the network:
// it gets connections and bytes, and knows neither clocks nor sockets of the host. The virtual
// network serves it at a virtual host; serve-real.ts serves the same program on a real port.

/** One accepted connection, as the program uses it. */
export interface PeerConnection {
  /** Name or address of the host that connected. */
  readonly remote: string;
  /** Bytes written that the far end's network has not taken yet. */
  readonly unsentBytes: number;
  /** Queues bytes. Bounded by the program: it looks at `unsentBytes` and waits for `onDrain`. */
  write(bytes: Uint8Array): void;
  /** Ends orderly after what was written. */
  end(): void;
  /** Cuts the connection at once: the far end sees a reset. */
  destroy(): void;
  /** Stops and resumes reading: a slow reader. */
  pause(): void;
  resume(): void;
}

/** What the program does with it. Never called after `onClose`. */
export interface PeerHandlers {
  /** The bytes are the program's to keep. */
  onData(bytes: Buffer): void;
  /** Everything that was written has left. */
  onDrain?(): void;
  /** The connection is gone, however it ended; called exactly once. */
  onClose(): void;
}

/** A server program for streams. */
export interface Peer {
  /** Called for each connection that is made. */
  accept(connection: PeerConnection): PeerHandlers;
}

/** A server program for datagrams. */
export interface DatagramPeer {
  /** Called for each datagram; `reply` may be called any number of times, also later. */
  onMessage(
    bytes: Buffer,
    from: { address: string; port: number },
    reply: (bytes: Uint8Array) => void,
  ): void;
}
