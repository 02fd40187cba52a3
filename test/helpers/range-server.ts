// SPDX-License-Identifier: MIT
// A file on an HTTP server that answers ranges (RFC 9110 section 14), on the fake board's network;
// a test can make it lie.
import type { FakeBoard, FakeSocket } from "./fake-board.ts";

/** What the server does. */
export interface RangeServer {
  /** Ranges that were asked for, `from-to`. */
  asked: string[];
  /** Replaces an answer; undefined: the right one; empty: none. */
  lie?: ((from: number, to: number, right: string) => string | undefined) | undefined;
}

/** Starts it: it takes every connection of the board. */
export function serveRanges(board: FakeBoard, body: string): RangeServer {
  const server: RangeServer = { asked: [] };
  board.net.onConnect = (socket: FakeSocket) => {
    board.clock.after(5, () => socket.open());
    socket.onWrite = (text) => {
      const range = /Range: bytes=(\d+)-(\d+)\r\n/.exec(text) as RegExpExecArray;
      const [from, to] = [Number(range[1]), Number(range[2])];
      server.asked.push(`${from}-${to}`);
      const right = rangeAnswer(body.slice(from, to + 1), `${from}-${to}/${body.length}`);
      const answer = server.lie?.(from, to, right) ?? right;
      if (answer) board.clock.after(5, () => socket.receive(answer));
    };
  };
  return server;
}

/** Makes an answer with a part of a file; `range` is `from-to/size`. */
export function rangeAnswer(part: string, range: string, status = "206 Partial Content"): string {
  return (
    `HTTP/1.1 ${status}\r\nContent-Range: bytes ${range}\r\n` +
    `Content-Length: ${part.length}\r\n\r\n${part}`
  );
}
