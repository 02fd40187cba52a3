// SPDX-License-Identifier: MIT
// The door of a server: passes bytes on as they are, or lets a board down below the protocol, which
// is the same for every carrier.
import type { Peer, PeerConnection, PeerHandlers } from "../../sim/index.ts";

/** What a new connection meets, see firmware-failures.ts. */
export type DoorMode = "open" | "closed" | "silent" | "drip" | "cut" | "garbage";

/** A door with its server behind it. */
export interface Door {
  readonly peer: Peer;
  /** Connections so far. */
  readonly connections: number;
  /** What is met by connections from now on. */
  mode: DoorMode;
  /** Ends every connection that there is, orderly or by a reset, or lets nothing more through it. */
  each(how: "end" | "cut" | "deafen"): void;
}

/** Where a reset follows bytes, these have so long to arrive, ms. */
const ARRIVE_MS = 20;

/** No packet, no status line and no frame begins so. */
const GARBAGE = Buffer.from("f0ff00ff0a0d2f7b", "hex");

/**
 * Makes a door, open.
 * @param dripMs pause between two bytes of an answer that drips.
 */
export function createDoor(front: Peer, dripMs: number): Door {
  const there = new Set<{ connection: PeerConnection; isDeaf: boolean }>();
  const door = { connections: 0, mode: "open" as DoorMode, peer: { accept }, each };

  /** The connection as its server sees it: what it writes meets the door. */
  function inside(connection: PeerConnection, mode: DoorMode, isDeaf: () => boolean) {
    let dripping: Buffer[] = [];
    let timer: NodeJS.Timeout | undefined;
    function drip(): void {
      const bytes = Buffer.concat(dripping);
      connection.write(bytes.subarray(0, 1));
      dripping = [bytes.subarray(1)];
      timer = bytes.length > 1 ? setTimeout(drip, dripMs) : undefined;
    }
    const written: PeerConnection = {
      remote: connection.remote,
      get unsentBytes() {
        return connection.unsentBytes;
      },
      write: (bytes) => {
        if (isDeaf()) return;
        if (mode === "open") connection.write(bytes);
        else if (mode === "garbage") connection.write(GARBAGE);
        else if (mode === "cut") {
          connection.write(bytes.subarray(0, bytes.length >> 1));
          timer ??= setTimeout(() => connection.destroy(), ARRIVE_MS);
        } else {
          dripping.push(Buffer.from(bytes));
          timer ??= setTimeout(drip, dripMs);
        }
      },
      // The board ends it in these cases.
      end: () => {
        if (!isDeaf() && mode === "open") connection.end();
      },
      destroy: () => connection.destroy(),
      pause: () => connection.pause(),
      resume: () => connection.resume(),
    };
    return { written, close: () => clearTimeout(timer) };
  }

  function accept(connection: PeerConnection): PeerHandlers {
    const { mode } = door;
    const entry = { connection, isDeaf: false };
    door.connections++;
    there.add(entry);
    if (mode === "closed" || mode === "silent")
      return {
        onData: () => {
          if (mode === "closed") connection.end();
        },
        onClose: () => there.delete(entry),
      };
    const { written, close } = inside(connection, mode, () => entry.isDeaf);
    const handlers = front.accept(written);
    return {
      onData: (bytes) => {
        if (!entry.isDeaf) handlers.onData(bytes);
      },
      onDrain: () => handlers.onDrain?.(),
      onClose: () => {
        there.delete(entry);
        close();
        handlers.onClose();
      },
    };
  }

  function each(how: "end" | "cut" | "deafen"): void {
    for (const entry of there)
      if (how === "end") entry.connection.end();
      else if (how === "cut") entry.connection.destroy();
      else entry.isDeaf = true;
  }
  return door;
}
