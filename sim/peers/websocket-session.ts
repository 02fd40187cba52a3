// SPDX-License-Identifier: MIT
// An open WebSocket, the server's side: messages from frames and back, ping and pong, the closing
// handshake (RFC 6455 sections 5 to 7). The opening handshake is websocket-listener.ts.
//
// state   | entered when    | timers armed | leaves on
// OPEN    | start           | none         | Close sent -> CLOSING; Close received, failure -> DONE
// CLOSING | own Close sent  | close bound  | Close received, bound passed -> DONE
// DONE    | connection ends | none         |
import { isUtf8 } from "node:buffer";
import type { ClockTimer, SimClock } from "../clock/clock.ts";
import type { PeerConnection } from "../network/peer.ts";
import {
  OPCODE,
  closePayload,
  createWebSocketReader,
  frameBytes,
  messageBytes,
} from "./websocket-frames.ts";
import type { Frame, FrameFlaws } from "./websocket-frames.ts";

/** An open WebSocket as a program uses it. */
export interface WebSocketConnection {
  /** Name or address of the host that connected. */
  readonly remote: string;
  readonly path: string;
  /** Subprotocol agreed on; empty for none. */
  readonly protocol: string;
  /** Bytes written that the client's network has not taken yet. */
  readonly unsentBytes: number;
  /** Sends a message: bytes as binary, a string as text. Ignored once it is closing. */
  send(data: Uint8Array | string): void;
  /** Begins the closing handshake; 1000 unless given. */
  close(code?: number, reason?: string): void;
  /** Cuts the connection. */
  destroy(): void;
  pause(): void;
  resume(): void;
}

/** What a program does with it. Never called after `onClose`. */
export interface WebSocketHandlers {
  onMessage(data: Buffer, isText: boolean): void;
  /** Everything that was written has left. */
  onDrain?(): void;
  /** Called once: the client's close code, 1005 for none, 1006 when no Close came. */
  onClose(code: number): void;
}

/** A program that speaks in messages. */
export interface WebSocketProgram {
  /** Subprotocols, of which the client must offer one; none: none is used. */
  readonly protocols: readonly string[];
  accept(connection: WebSocketConnection): WebSocketHandlers;
}

/** Kind of what a client sends. */
export type FrameKind = "text" | "binary" | "ping" | "pong" | "close";

/** What is done instead of what is right, when a frame of some kind comes. */
export type FrameMisdeed =
  | "ignore" // as if it had never come
  | "close" // the connection ends without a Close
  | "reset"
  | { closeCode: number } // a Close with this code
  | { respond: string }; // these bytes (hex, spaces allowed)

/** What a session is made of. */
export interface WebSocketSessionOptions {
  clock: SimClock;
  connection: PeerConnection;
  program: WebSocketProgram;
  path: string;
  protocol: string;
  maxMessageBytes: number;
  closeTimeoutMs: number;
  /** Messages are sent in frames of at most so many bytes; Infinity: each in one. */
  fragmentBytes: number;
  flaws: FrameFlaws;
  /** Asks what is to go wrong. */
  misdeedFor(kind: FrameKind): FrameMisdeed | null;
}

/** The session as its listener drives it. */
export interface WebSocketSession {
  feed(bytes: Buffer): void;
  onDrain(): void;
  /** The network connection is gone. */
  onClose(): void;
}

const KINDS: Readonly<Record<number, FrameKind>> = {
  [OPCODE.close]: "close",
  [OPCODE.ping]: "ping",
  [OPCODE.pong]: "pong",
};

/** Bytes that may wait for the client's network before it is not read. */
const MAX_UNSENT_BYTES = 65_536;

const NO_CODE = 1005;
const NO_CLOSE = 1006;

/** Whether a code may be in a Close frame (section 7.4). */
function isCloseCode(code: number): boolean {
  if (code >= 3000 && code <= 4999) return true;
  return code >= 1000 && code <= 1014 && code !== 1004 && code !== NO_CODE && code !== NO_CLOSE;
}

/** Code of a Close frame, or what is wrong with it. */
function closeCodeOf(payload: Buffer): { code: number; isRight: boolean; answer: number } {
  if (payload.length === 0) return { code: NO_CODE, isRight: true, answer: NO_CODE };
  const code = payload.length === 1 ? 0 : payload.readUInt16BE();
  if (!isCloseCode(code)) return { code: NO_CLOSE, isRight: false, answer: 1002 };
  if (!isUtf8(payload.subarray(2))) return { code: NO_CLOSE, isRight: false, answer: 1007 };
  return { code, isRight: true, answer: code };
}

/** Joins fragments to messages (section 5.4). */
function createAssembler(
  maxBytes: number,
): (frame: Frame) => { data: Buffer; isText: boolean } | { problem: number } | null {
  let parts: Buffer[] = [];
  let size = 0;
  let opcode = 0;
  return ({ isLast, opcode: given, payload }) => {
    const isFirst = given !== OPCODE.more;
    if (isFirst === opcode > 0) return { problem: 1002 };
    if (isFirst) opcode = given;
    parts.push(payload);
    size += payload.length;
    if (size > maxBytes) return { problem: 1009 };
    if (!isLast) return null;
    const data = parts.length === 1 ? payload : Buffer.concat(parts);
    const isText = opcode === OPCODE.text;
    parts = [];
    size = 0;
    opcode = 0;
    return isText && !isUtf8(data) ? { problem: 1007 } : { data, isText };
  };
}

/** Puts a program on a connection whose handshake is done. */
export function createWebSocketSession(options: WebSocketSessionOptions): WebSocketSession {
  const { clock, connection, flaws } = options;
  let state: "open" | "closing" | "done" = "open";
  let handlers: WebSocketHandlers | null = null;
  /** Not read because the client does not read, and because the program does not want to. */
  let isFull = false;
  let isHeld = false;
  let closeTimer: ClockTimer | null = null;
  const assemble = createAssembler(options.maxMessageBytes);

  const write = (bytes: Buffer): void => {
    connection.write(bytes);
    if (isFull || connection.unsentBytes <= MAX_UNSENT_BYTES) return;
    isFull = true;
    connection.pause();
  };
  const sendFrame = (opcode: number, payload: Buffer): void =>
    write(frameBytes({ isLast: true, opcode, payload }, flaws));
  const sendClose = (code: number, reason: string): void =>
    sendFrame(OPCODE.close, code === NO_CODE ? Buffer.alloc(0) : closePayload(code, reason));

  /** Ends the connection, or leaves that to the network, and tells the program. */
  const finish = (code: number, how: "end" | "cut" | "gone"): void => {
    if (state === "done") return;
    state = "done";
    if (closeTimer) clock.clearTimer(closeTimer);
    if (how === "end") connection.end();
    if (how === "cut") connection.destroy();
    handlers?.onClose(code);
  };
  /** Section 7.1.7: says why and ends. */
  const fail = (code: number, reason: string): void => {
    if (state === "open") sendClose(code, reason);
    finish(NO_CLOSE, "end");
  };
  const close = (code = 1000, reason = ""): void => {
    if (state !== "open") return;
    state = "closing";
    sendClose(code, reason);
    closeTimer = clock.setTimer(() => {
      closeTimer = null;
      finish(NO_CLOSE, "end");
    }, options.closeTimeoutMs);
  };

  const onCloseFrame = (payload: Buffer): void => {
    const { code, isRight, answer } = closeCodeOf(payload);
    if (state === "open") sendClose(answer, "");
    finish(isRight ? code : NO_CLOSE, "end");
  };
  const onData = (frame: Frame): void => {
    const message = assemble(frame);
    if (!message || state !== "open") return;
    if ("problem" in message) return fail(message.problem, "");
    const misdeed = options.misdeedFor(message.isText ? "text" : "binary");
    if (misdeed) return commit(misdeed);
    return handlers?.onMessage(message.data, message.isText);
  };
  const commit = (misdeed: FrameMisdeed): void => {
    if (misdeed === "ignore") return;
    if (misdeed === "close") finish(NO_CLOSE, "end");
    else if (misdeed === "reset") finish(NO_CLOSE, "cut");
    else if ("closeCode" in misdeed) close(misdeed.closeCode);
    else write(Buffer.from(misdeed.respond.replaceAll(" ", ""), "hex"));
  };

  const read = createWebSocketReader(options.maxMessageBytes, (frame) => {
    const kind = KINDS[frame.opcode];
    if (kind === undefined) onData(frame);
    else {
      const misdeed = options.misdeedFor(kind);
      if (misdeed) commit(misdeed);
      else if (kind === "close") onCloseFrame(frame.payload);
      else if (kind === "ping" && state === "open") sendFrame(OPCODE.pong, frame.payload);
    }
    return state !== "done";
  });

  const accepted = options.program.accept({
    remote: connection.remote,
    path: options.path,
    protocol: options.protocol,
    get unsentBytes() {
      return connection.unsentBytes;
    },
    send: (data) => {
      if (state !== "open") return;
      const opcode = typeof data === "string" ? OPCODE.text : OPCODE.binary;
      write(messageBytes(opcode, Buffer.from(data), options.fragmentBytes, flaws));
    },
    close,
    destroy: () => finish(NO_CLOSE, "cut"),
    pause: () => {
      isHeld = true;
      connection.pause();
    },
    resume: () => {
      isHeld = false;
      if (!isFull) connection.resume();
    },
  });
  handlers = accepted;
  // A program may have ended it at once.
  if ((state as string) === "done") accepted.onClose(NO_CLOSE);

  return {
    feed: (bytes) => {
      if (state === "done") return;
      const problem = read(bytes);
      if (problem) fail(problem.code, problem.reason);
    },
    onDrain: () => {
      if (isFull && !isHeld) connection.resume();
      isFull = false;
      if (state === "open") handlers?.onDrain?.();
    },
    onClose: () => finish(NO_CLOSE, "gone"),
  };
}
