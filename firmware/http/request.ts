// SPDX-License-Identifier: MIT
// HTTP/1.1 client on raw sockets (RFC 9110, RFC 9112), because the interpreter's own cuts bodies,
// hides truncation and cannot be aborted. One request at a time. Redirects are not followed, cookies
// and compression unknown, HEAD cannot be used.
//
// A connection is kept for the next request when the server does not object (RFC 9112 section 9.3):
// a new one blocks the interpreter while it connects, and with TLS takes a second and tens of
// kilobytes. A server may close a kept one at any moment; a request that is lost by that, before a
// byte of its answer, is sent once more on a new connection (section 9.3.1). It may arrive twice, so
// what it asks for must bear that: a beat's `seq` does, a GET does.
//
// step    | entered when              | bound  | leaves on
// connect | `request`, kept one lost  | waitMs | connected -> head
// head    | request written           | waitMs | final head read -> body (1xx is skipped)
// body    | head read                 | waitMs | length, last chunk or close reached -> answered
import { indexIn } from "../lib/find.ts";
import type { Failure, Runtime, Slot } from "../core/runtime.ts";
import type { Endpoint, Socket, SocketEvents } from "../platform/board.ts";

/** Longest head, chunk line or trailer of an answer, bytes. */
export const HEAD_MAX_BYTES = 2048;

/** What came of a request. */
export interface HttpResponse {
  /** 200 to 599, of an answer that failed behind a head 100 to 599; 0 without one that is understood. */
  status: number;
  /** Bytes, without the chunks' lengths; of an answer that failed, those that came first. */
  body: string;
  /**
   * Value of a field in lower case, its name given in lower case; several are joined with `,`
   * (RFC 9110 section 5.3). Empty when there is none.
   */
  header(name: string): string;
}

/** Called once. Whatever its status, an answer that came whole is no failure. */
export type Answered = (failure: Failure | undefined, response: HttpResponse) => void;

/** A server and the connection to it: data of an owner that `request` works on. */
export interface HttpPeer extends Partial<SocketEvents> {
  endpoint: Endpoint;
  /** The owner's, which leaves it alone while a request is in hand. */
  slot: Slot;
  /** Bound of each step, ms. */
  waitMs: number;
  /** Longest body that is taken, bytes. */
  bodyMaxBytes: number;
  /** The connection of the request in hand, or one that is kept for the next. */
  socket?: Socket | undefined;
  /**
   * Drops the connection, once there was a request; the owner disarms the slot. A request in hand is
   * not answered any more.
   */
  hangUp?(): void;
}

// A method of the peer, and also what happens to a kept connection when the server closes it or sends
// what nobody asked for, such as 408 (RFC 9110 section 15.5.9). It holds nothing but the peer.
function hangUp(this: HttpPeer): void {
  const socket = this.socket;
  this.socket = undefined;
  if (socket) socket.abort();
}

// How a body ends: after its length, with the last chunk, with the connection.
const BY_LENGTH = 0;
const BY_CHUNK = 1;
const BY_CLOSE = 2;

/**
 * Sends a request; call it from a slot's function, and with none in hand. `done` is never called
 * before it has returned. Fails with E_NET, E_HTTP_TIMEOUT and E_HTTP_PROTOCOL.
 *
 * @param what method and target, e.g. `GET /bundle.js`; empty: only connects
 * @param headers more header lines, each with its CRLF, e.g. `Range: bytes=0-1023\r\n`
 * @param body undefined: no body and no Content-Length
 */
export function request(
  rt: Runtime,
  peer: HttpPeer,
  what: string,
  headers: string,
  body: string | undefined,
  done: Answered,
): void {
  let step = "";
  // On a kept connection from which nothing has come yet.
  let isKept = !!peer.socket;
  // Received and not understood yet.
  let text = "";
  // The head in lower case, and the body so far.
  let head = "";
  let content = "";
  let status = 0;
  let ending = BY_LENGTH;
  // Bytes of the body, or of the chunk, that are still to come; of one without length: may come.
  let left = 0;

  function header(name: string): string {
    return head
      .split("\r\n" + name + ":")
      .slice(1)
      .map((part) => (part.split("\r")[0] as string).trim())
      .join();
  }

  function finish(failure?: Failure): void {
    // The hop keeps the calls shallow, and what an out-of-memory cuts short is called again.
    rt.arm(peer.slot, 0, () => done(failure, { status, body: content, header }));
    // RFC 9112 section 9.3.
    if (failure || text || left || /p.1.0|close/.test(head.slice(0, 8) + header("connection")))
      hangUp.call(peer);
    // A kept connection must not hold what has been received.
    peer.onOpen = peer.onData = peer.onClose = hangUp;
  }

  function fail(failure: Failure): void {
    if (!isKept) return finish(failure);
    isKept = false;
    hangUp.call(peer);
    return connect();
  }

  function next(name: string): void {
    step = name;
    rt.arm(peer.slot, peer.waitMs, () => fail("E_HTTP_TIMEOUT wait=" + name));
  }

  function close(reason: string): void {
    if (ending < BY_CLOSE) return fail("E_NET reason=" + reason + " at=" + step);
    left = 1;
    return finish();
  }

  function send(): void {
    if (!what) return finish();
    next("head");
    const socket = peer.socket as Socket;
    const { host, port } = peer.endpoint;
    const length = body === undefined ? "" : "Content-Length: " + body.length + "\r\n";
    const lines = what + " HTTP/1.1\r\nHost: " + host + ":" + port + "\r\n" + headers + length;
    if (!socket.write(lines + "\r\n") || (body && !socket.write(body))) close("gone");
    return undefined;
  }

  function wrong(part: string): number {
    fail("E_HTTP_PROTOCOL what=" + part);
    return -1;
  }

  /** Finds a mark, which has to begin within the bound; -1 when it is still to come. */
  function find(mark: string, from: number): number {
    const at = indexIn(text, mark, from);
    const isLong = at < 0 ? text.length > HEAD_MAX_BYTES + 3 : at > HEAD_MAX_BYTES;
    return isLong ? wrong("long") : at;
  }

  function feed(bytes: string): void {
    isKept = false;
    text += bytes;
    while (step === "head") {
      const end = find("\r\n\r\n", 0);
      if (end < 0) return;
      // A folded line is one line (RFC 9112 section 5.2).
      head = text
        .slice(0, end + 2)
        .toLowerCase()
        .replace(/\r\n[ \t]+/g, " ");
      text = text.slice(end + 4);
      const length = header("content-length");
      const coding = header("transfer-encoding");
      // Both together are what request smuggling looks like (RFC 9112 section 6.3).
      if (
        !/^http\/1\.[01] [1-5]\d\d[ \r]/.test(head) ||
        (coding && (coding !== "chunked" || length)) ||
        /\D/.test(length) ||
        length.length > 9
      )
        return void wrong("head");
      status = +head.slice(9, 12);
      if (status < 200) continue;
      next("body");
      if (status !== 204 && status !== 304) {
        ending = coding ? BY_CHUNK : length ? BY_LENGTH : BY_CLOSE;
        left = ending === BY_CLOSE ? peer.bodyMaxBytes : +length;
      }
      // Then each chunk begins with the line end of the one before it.
      if (ending === BY_CHUNK) text = "\r\n" + text;
    }
    for (;;) {
      const had = text.length;
      const room = peer.bodyMaxBytes - content.length;
      if (left > room && had >= room) {
        content += text.slice(0, room);
        return void wrong("size");
      }
      content += text.slice(0, left);
      text = text.slice(left);
      left -= had - text.length;
      if (ending === BY_LENGTH && !left) return finish();
      if (ending === BY_CLOSE && text) return void wrong("size");
      if (ending === BY_CLOSE || left) return;
      const end = find("\r\n", 2);
      if (end < 0) return;
      const size = /^\r\n([0-9a-fA-F]+)[ \t;\r]/.exec(text);
      if (!size || (size[1] as string).length > 6) return void wrong("chunk");
      left = parseInt(size[1] as string, 16);
      const last = left ? end - 2 : find("\r\n\r\n", end);
      if (last < 0) return;
      text = text.slice(last + 4);
      if (!left) return finish();
    }
  }

  function connect(): void {
    peer.socket = rt.connect(peer.endpoint, peer as SocketEvents);
    // Only now: connecting may have blocked for longer than the bound.
    next("connect");
  }

  peer.hangUp = hangUp;
  peer.onOpen = send;
  peer.onData = feed;
  peer.onClose = close;
  if (isKept) send();
  else connect();
}
