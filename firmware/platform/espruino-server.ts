// SPDX-License-Identifier: MIT
// `Board.listen` on Espruino, apart from the board because only few programs need it. Measured on
// 2v29: connections outlive the port, `close` comes exactly once, a port that is in use is no error.
import type { Socket, SocketEvents } from "./board.ts";

/** Accepts TCP connections: the `listen` of a board. */
export function listen(port: number, accept: (socket: Socket) => SocketEvents): () => void {
  const server = require("net").createServer(function (client) {
    let isOver = false;
    let queuedBytes = 0;
    // What waits for the last bytes to leave.
    let flushed: (() => void) | undefined;

    function abort(): void {
      isOver = true;
      client.end();
      // As in espruino.ts: `end` alone waits for a peer that reads.
      client.clsNow = true;
    }

    const events = accept({
      write: function (bytes) {
        if (isOver) return false;
        client.write(bytes);
        queuedBytes += bytes.length;
        return true;
      },
      pendingBytes: function () {
        return queuedBytes;
      },
      abort,
      end: function (flushMs, done) {
        if (isOver) return done();
        isOver = true;
        const timer = setTimeout(abort, flushMs);
        flushed = function () {
          clearTimeout(timer);
          done();
        };
        client.end();
        return undefined;
      },
    });
    client.on("data", function (bytes) {
      if (!isOver) events.onData(bytes);
    });
    client.on("drain", function () {
      queuedBytes = 0;
    });
    client.on("close", function () {
      const wasOver = isOver;
      isOver = true;
      if (flushed) flushed();
      else if (!wasOver) events.onClose("ended");
    });
  });
  server.listen(port);
  return function () {
    server.close();
  };
}
