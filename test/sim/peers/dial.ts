// SPDX-License-Identifier: MIT
// The client's end of a connection to a server program, in memory and without any delay: bytes are
// there when the call that sent them returns.
import type { Peer, PeerHandlers } from "../../../sim/network/peer.ts";

/** One connection. */
export interface RawClient {
  /** What the program has written. */
  bytes: Buffer[];
  /** How the program has ended it, if it has. */
  ended: "no" | "end" | "cut";
  isPaused: boolean;
  /** What the program takes for bytes that have not left. */
  unsentBytes: number;
  send(bytes: Buffer): void;
  /** Ends the connection without a word. */
  drop(): void;
  /** Everything written has left. */
  drain(): void;
  /** Takes everything that was written since the last time as text, a character for each byte. */
  text(): string;
}

/**
 * Connects to a program.
 *
 * @param onBytes told of what the program writes
 */
export function dialRaw(peer: Peer, onBytes: (bytes: Buffer) => void = () => {}): RawClient {
  let handlers: PeerHandlers | null = null;
  const client: RawClient = {
    bytes: [],
    ended: "no",
    isPaused: false,
    unsentBytes: 0,
    send: (bytes) => handlers?.onData(bytes),
    drop: () => {
      handlers?.onClose();
      handlers = null;
    },
    drain: () => {
      client.unsentBytes = 0;
      handlers?.onDrain?.();
    },
    text: () => Buffer.concat(client.bytes.splice(0)).toString("latin1"),
  };
  const finish = (how: "end" | "cut"): void => {
    if (client.ended === "no") client.ended = how;
  };
  handlers = peer.accept({
    remote: "10.0.0.9",
    get unsentBytes() {
      return client.unsentBytes;
    },
    write: (bytes) => {
      if (client.ended !== "no") throw new Error("written after the end");
      const copy = Buffer.from(bytes);
      client.bytes.push(copy);
      onBytes(copy);
    },
    end: () => finish("end"),
    destroy: () => finish("cut"),
    pause: () => {
      client.isPaused = true;
    },
    resume: () => {
      client.isPaused = false;
    },
  });
  return client;
}
