// SPDX-License-Identifier: MIT
// WebSocket client, RFC 6455 without extensions: one connection over TCP or TLS. It carries bytes by
// the rules of a socket (MQTT 3.1.1 section 6), or messages. The owner bounds the wait for `onOpen`
// and reconnects; services/websocket-keepalive.ts does for messages.
//
// state   | entered when             | slot armed | leaves on
// OPENING | start                    | -          | 101 that is right -> OPEN, else -> DONE
// OPEN    | handshake done           | -          | Close sent, by whomever it began -> CLOSING
// CLOSING | Close sent               | closing    | TCP closed, or the time is up -> DONE
// DONE    | TCP closed, or `abort`   | -          |
//
// In CLOSING nothing more is read: the server answers Close, unless it began, and closes TCP (section
// 7.1.1). `onClose` comes after that, so the slot is free for the next connection. Its reasons, beside
// those of the socket:
//
//   http-<status>    the server answered something else than 101; NaN: no HTTP
//   head, upgrade, accept, protocol, extension    too long an answer, or the header that is wrong in it
//   sha1             this build of the interpreter cannot check the answer
//   closed-<code>    the server began to close; 1005: without a code
//   failed-<code>    the server broke the protocol: 1002; sent text where bytes are carried: 1003;
//                    text that is no UTF-8: 1007; too long a message: 1009
import { indexIn } from "../lib/find.ts";
import type { Runtime, Slot } from "../core/runtime.ts";
import { isUtf8 } from "../lib/utf8.ts";
import type { Endpoint, Socket } from "../platform/board.ts";

/** Opcodes of frames and messages (section 5.2). */
export const TEXT = 1;
export const BINARY = 2;
export const PING = 9;
export const PONG = 10;

/** Longest answer to the handshake, bytes. */
export const HEAD_MAX_BYTES = 4096;

/** How long a connection that has failed may take to close, ms. */
export const CLOSE_MS = 1000;

/** With more bytes waiting to be sent a ping is not answered. */
export const PONG_PENDING_MAX_BYTES = 8192;

const DONE = 0;
const OPENING = 1;
const OPEN = 2;
const CLOSING = 3;

/** Where a WebSocket goes; a `LinkTarget` is one. */
export interface WebSocketTarget extends Endpoint {
  /** Begins with `/`, query included. */
  path: string;
  /** Subprotocol that the server must agree to; without one, or with an empty one, it must name none. */
  protocol?: string | undefined;
  /** Longest message that is taken, bytes; a longer one ends the connection with 1009. */
  maxBytes: number;
}

/** What a WebSocket reports, by the rules of a socket: with `onData` it carries bytes. */
export interface WebSocketEvents {
  onOpen(): void;
  /** The payload of binary messages in order, as it arrives; text is refused. */
  onData?(bytes: string): void;
  /** Without `onData`: a whole message (TEXT is valid UTF-8), or a PONG. */
  onMessage?(opcode: number, bytes: string): void;
  onClose(reason: string): void;
}

/** A WebSocket. As a socket it carries bytes in binary messages. */
export interface WebSocket extends Socket {
  /**
   * Sends one message, binary unless said otherwise, of at most 65,535 bytes; or a PING of at most
   * 125. False also for a longer one.
   */
  write(bytes: string, opcode?: number): boolean;
}

/**
 * Opens a WebSocket. The board must have `mask`.
 * @param slot the owner's; in use from `end` or a failure until `onClose` or `done`.
 */
export function openWebSocket(
  rt: Runtime,
  slot: Slot,
  target: WebSocketTarget,
  events: WebSocketEvents,
): WebSocket {
  let state = OPENING;
  // Takes the answer to the handshake; gone with it.
  let answer: (() => void) | undefined;
  // Received and not understood yet.
  let rest = "";
  // First byte of the frame whose payload is being received, and how much of that is to come.
  let first = 0;
  let left = -1;
  // The message being received: opcode (0: none), bytes so far, and the bytes.
  let opcode = 0;
  let size = 0;
  let message = "";
  // Why it ends, and who waits for that after `end`.
  let reason = "";
  let ended: (() => void) | undefined;

  function over(why?: string): void {
    if (!state) return;
    state = DONE;
    rt.disarm(slot);
    if (ended) ended();
    else events.onClose(reason || (why as string));
  }

  function cut(why?: string): void {
    drop();
    over(why);
  }

  /** Sends Close and waits for the end; all that could still come is of no interest. */
  function close(payload: string, waitMs: number, why: string): void {
    write(payload, 8);
    state = CLOSING;
    reason = why;
    rest = message = "";
    rt.arm(slot, waitMs, cut);
  }

  function fail(code: number): void {
    close("\x03" + String.fromCharCode(code - 768), CLOSE_MS, "failed-" + code);
  }

  function control(payload: string): void {
    // Of several pings only the last has to be answered (section 5.5.3).
    if (first === 128 + PING) {
      if (socket.pendingBytes() < PONG_PENDING_MAX_BYTES) write(payload, PONG);
    } else if (first === 128 + PONG) {
      if (events.onMessage) events.onMessage(PONG, payload);
    } else {
      const code = payload ? (payload.charCodeAt(0) << 8) + payload.charCodeAt(1) : 1005;
      // Section 7.4. One byte makes no number.
      const isCode = code < 1015 ? code > 999 && (code < 1004 || code > 1006) : code > 2999;
      if (payload && !(isCode && code < 5000)) fail(1002);
      else if (isUtf8(payload.slice(2))) close(payload.slice(0, 2), CLOSE_MS, "closed-" + code);
      else fail(1007);
    }
  }

  function feed(bytes: string): void {
    // What a server still has on its way can be more than there is memory.
    if (state === CLOSING) return;
    rest = rest ? rest + bytes : bytes;
    if (answer) answer();
    for (;;) {
      if (state !== OPEN) return;
      if (left < 0) {
        if (rest.length < 2) return;
        first = rest.charCodeAt(0);
        const kind = first & 15;
        let length = rest.charCodeAt(1);
        let at = 2;
        // Nothing that is reserved, nothing masked; control frames short and whole (section 5.5), and
        // messages one after the other (section 5.4).
        const isWrong = kind > 7 ? length > 125 || first < 128 : !kind === !opcode;
        if (isWrong || first & 0x70 || (kind & 7) > 2 || length > 127) return fail(1002);
        if (length > 125) {
          const end = length > 126 ? 10 : 4;
          if (rest.length < end) return;
          for (length = 0; at < end; at++) length = length * 256 + rest.charCodeAt(at);
        }
        if (kind < 8) {
          if (kind === TEXT && events.onData) return fail(1003);
          size += length;
          if (size > target.maxBytes) return fail(1009);
          opcode = kind || opcode;
        }
        rest = rest.slice(at);
        left = length;
      }
      const isControl = first & 8;
      if (isControl && rest.length < left) return;
      const piece = rest.slice(0, left);
      rest = rest.slice(left);
      left -= piece.length;
      if (!isControl) {
        if (!events.onData) message += piece;
        else if (piece) events.onData(piece);
      }
      if (left) return;
      left = -1;
      if (isControl) control(piece);
      else if (first > 127) {
        const kind = opcode;
        const whole = message;
        opcode = size = 0;
        message = "";
        if (kind === TEXT && !isUtf8(whole)) return fail(1007);
        if (events.onMessage) events.onMessage(kind, whole);
      }
    }
  }

  function greet(): void {
    if (!rt.sha1) return cut("sha1");
    // The generator has 32 bits, which repeat in a fleet: serial number and time tell boards apart.
    const key = rt.base64(rt.sha1(rt.serial() + rt.systemMs() + rt.random()).slice(0, 16));
    const accept = rt.base64(rt.sha1(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"));
    const { host, port, tls, path, protocol } = target;

    answer = function () {
      const end = indexIn(rest, "\r\n\r\n", 0);
      const lines = rest.slice(0, end).split("\r\n");

      /** Value of a header; a list over several lines is one list (RFC 9110 section 5.3). */
      function header(name: string): string {
        let values = "";
        for (const line of lines)
          if (line.toLowerCase().startsWith(name + ":"))
            values += "," + line.slice(name.length + 1).trim();
        return values.slice(1);
      }

      if (end < 0) {
        if (rest.length > HEAD_MAX_BYTES) cut("head");
        return;
      }
      const why = !rest.startsWith("HTTP/1.1 101 ")
        ? "http-" + +rest.slice(9, 12)
        : header("upgrade").toLowerCase() !== "websocket" ||
            !/[ ,\t]upgrade[ ,\t]/i.test(" " + header("connection") + " ")
          ? "upgrade"
          : header("sec-websocket-accept") !== accept
            ? "accept"
            : header("sec-websocket-protocol") !== (protocol || "")
              ? "protocol"
              : header("sec-websocket-extensions") && "extension";
      answer = undefined;
      if (why) return cut(why);
      state = OPEN;
      // Frames may have come with the answer.
      rest = rest.slice(end + 4);
      events.onOpen();
    };
    send(
      "GET " +
        path +
        " HTTP/1.1\r\nHost: " +
        host +
        (port === (tls ? 443 : 80) ? "" : ":" + port) +
        "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13" +
        "\r\nSec-WebSocket-Key: " +
        key +
        (protocol ? "\r\nSec-WebSocket-Protocol: " + protocol : "") +
        "\r\n\r\n",
    );
    return undefined;
  }

  const socket: WebSocket = rt.connect(target, { onOpen: greet, onData: feed, onClose: over });
  const send = socket.write;
  const drop = socket.abort;

  function write(bytes: string, kind?: number): boolean {
    const length = bytes.length;
    if (state !== OPEN || length > 65535) return false;
    const code = String.fromCharCode;
    let head = code(128 | (kind || BINARY), 128 | Math.min(length, 126));
    if (length > 125) head += code(length >> 8, length & 255);
    // One write for a frame: each may become a packet of its own.
    return send(head + (rt.mask as (bytes: string) => string)(bytes));
  }

  socket.write = write;
  socket.abort = function () {
    state = DONE;
    rt.disarm(slot);
    drop();
  };
  socket.end = function (flushMs, done) {
    if (state > OPENING) ended = done;
    if (state === OPEN) close("\x03\xe8", flushMs, "");
    else if (state < OPEN) {
      socket.abort();
      done();
    }
  };
  return socket;
}
