// SPDX-License-Identifier: MIT
// A WebSocket server on a port of this machine that says exactly what a test tells it to, byte by
// byte, and keeps what the client sends.
import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { answerTo } from "./websocket-rig.ts";
import type { AnswerChanges } from "./websocket-rig.ts";

/** One connection of a client. */
export interface PeerClient {
  path: string;
  request: string;
  /** What came after the handshake. */
  received: string;
  socket: Socket;
  send(bytes: string): void;
}

/** What the server does. */
export interface PeerScript {
  /** Changes of the right answer; frames can come with it. */
  answer?(path: string): AnswerChanges;
  /** The answer has been sent. */
  onOpen?(client: PeerClient): void;
  /** The client has sent more. */
  onData?(client: PeerClient): void;
}

/** The server. */
export interface WebSocketPeer {
  port: number;
  /** All that have finished their request, in order. */
  clients: PeerClient[];
  close(): Promise<void>;
}

/** Starts a server. */
export async function startWebSocketPeer(script: PeerScript): Promise<WebSocketPeer> {
  const clients: PeerClient[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    let head = "";
    let client: PeerClient | undefined;
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    socket.on("data", (data) => {
      if (client) {
        client.received += data.toString("latin1");
        script.onData?.(client);
        return;
      }
      head += data.toString("latin1");
      if (!head.endsWith("\r\n\r\n")) return;
      const path = head.split(" ")[1] ?? "";
      client = {
        path,
        request: head,
        received: "",
        socket,
        send: (bytes) => void socket.write(Buffer.from(bytes, "latin1")),
      };
      clients.push(client);
      client.send(answerTo(head, script.answer?.(path)));
      script.onOpen?.(client);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    clients,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
