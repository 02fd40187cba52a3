// SPDX-License-Identifier: MIT
// TLS as a board sees it in the virtual network: two round trips before the first byte, and what
// happens when only one side speaks it. Nothing is encrypted and nothing is verified.
import type { BoardSocket } from "./board-socket.ts";
import type { Connection, End } from "./connection.ts";
import { acceptByPeer } from "./peer-socket.ts";

/** Bytes of the four flights of a TLS 1.2 handshake with one RSA certificate, about. */
const HELLO_BYTES = 200;
const CERTIFICATE_BYTES = 1400;
const KEY_BYTES = 340;
const FINISHED_BYTES = 60;
const ALERT_BYTES = 7;

/** Secures a connection; the program gets it when the handshake is over. */
export function shakeHands(connection: Connection, socket: BoardSocket): void {
  const { wiring, client, server, from, to, port } = connection;
  client.send(HELLO_BYTES, () => {
    if (client.leaving.tlsStall) return;
    const listener = to.listeners.get(port);
    if (listener?.kind !== "program" || !listener.isTls) {
      return server.send(ALERT_BYTES, () => socket.refuse("tls"));
    }
    server.send(CERTIFICATE_BYTES, () => {
      client.send(KEY_BYTES, () => {
        acceptByPeer(wiring.clock, server, listener.peer, from.name);
        server.send(FINISHED_BYTES, () => socket.reach("open"));
      });
    });
  });
}

/** Ends a connection that talks plainly to a port that expects a handshake. */
export function refusePlain(server: End): void {
  const end = (): void => {
    server.finish();
    server.release();
  };
  server.driver = {
    unreadBytes: () => 0,
    onBytes: end,
    onEnd: end,
    onFail: () => {},
    onLeft: () => {},
  };
}
