// SPDX-License-Identifier: MIT
// A TCP proxy between boards and a broker that keeps every byte each board sends. It changes
// nothing, but can reset what is open: a connection that breaks without the broker's doing.
import { connect, createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import mqttPacket from "mqtt-packet";
import type { Packet } from "mqtt-packet";

/** One connection that a board opened. */
export interface TapConnection {
  /** Everything the board has sent in it. */
  sent(): Buffer;
  /** Who ended it; undefined while it is open. */
  endedBy(): "board" | "broker" | "tap" | undefined;
}

/** A proxy at work. */
export interface Tap {
  /** `mqtt://127.0.0.1:port`. */
  readonly url: string;
  /** In the order in which they were opened. */
  readonly connections: readonly TapConnection[];
  /** Resets every open connection, both sides. Returns how many there were. */
  drop(): number;
  /** Resets everything and closes the port. */
  close(): Promise<void>;
}

/**
 * Parses what a board sent in one connection.
 * @returns the packets and how many bytes at the end are no complete packet
 * @throws when the bytes are not MQTT 3.1.1
 */
export function readPackets(bytes: Buffer): { packets: Packet[]; restBytes: number } {
  const packets: Packet[] = [];
  let restBytes = bytes.length;
  const parser = mqttPacket.parser({ protocolVersion: 4 });
  parser.on("packet", (packet) => {
    packets.push(packet);
    restBytes -= sizeBytes(packet.length ?? 0);
  });
  parser.on("error", (error: Error) => {
    throw error;
  });
  // Its own answer does not count the header of a packet whose body is missing.
  parser.parse(bytes);
  return { packets, restBytes };
}

/** Size of a packet by its remaining length: one byte, one per seven bits of length, the rest. */
function sizeBytes(remaining: number): number {
  return (
    1 + (remaining < 128 ? 1 : remaining < 16_384 ? 2 : remaining < 2_097_152 ? 3 : 4) + remaining
  );
}

/** Ends a connection with RST. One that is ending already just goes: Node 20 never finishes a reset
 * in the middle of an orderly end. */
function reset(socket: Socket): void {
  if (socket.connecting || socket.writableEnded || socket.readableEnded) socket.destroy();
  else socket.resetAndDestroy();
}

/** Starts a proxy to a port of 127.0.0.1. A connection that the broker refuses is reset. */
export async function startTap(brokerPort: number): Promise<Tap> {
  const connections: TapConnection[] = [];
  const open = new Set<() => void>();

  function join(board: Socket): void {
    const chunks: Buffer[] = [];
    let endedBy: "board" | "broker" | "tap" | undefined;
    const broker = connect(brokerPort, "127.0.0.1");
    const endFrom = (who: "board" | "broker") => () => (endedBy ??= who);
    function drop(): void {
      endedBy ??= "tap";
      reset(board);
      reset(broker);
    }
    connections.push({ sent: () => Buffer.concat(chunks), endedBy: () => endedBy });
    open.add(drop);

    board.on("data", (chunk) => chunks.push(chunk));
    board.on("end", endFrom("board"));
    broker.on("end", endFrom("broker"));
    board.on("error", () => {
      endFrom("board")();
      reset(broker);
    });
    broker.on("error", () => {
      endFrom("broker")();
      reset(board);
    });
    board.on("close", () => {
      open.delete(drop);
      broker.destroy();
    });
    board.pipe(broker);
    broker.pipe(board);
  }

  const server: Server = createServer(join);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;

  function dropAll(): number {
    const count = open.size;
    for (const drop of open) drop();
    return count;
  }
  return {
    url: `mqtt://127.0.0.1:${port}`,
    connections,
    drop: dropAll,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        dropAll();
      }),
  };
}
