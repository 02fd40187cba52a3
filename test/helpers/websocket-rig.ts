// SPDX-License-Identifier: MIT
// A WebSocket client on the fake board, and the server's side of it byte by byte: handshake answers
// right and wrong, frames as hex, what the client sent unmasked again.
import { createHash } from "node:crypto";
import { openWebSocket } from "../../firmware/transport/websocket.ts";
import type { WebSocket, WebSocketTarget } from "../../firmware/transport/websocket.ts";
import { createFakeBoard } from "./fake-board.ts";
import type { FakeBoard, FakeSocket } from "./fake-board.ts";

/** A frame that the client sent, unmasked. */
export interface SentFrame {
  /** First byte: FIN, RSV and opcode. */
  first: number;
  payload: string;
  /** Masking key. */
  key: string;
}

/** What the server answers to a handshake; every header can be replaced, or left out by undefined. */
export interface AnswerChanges {
  status?: string;
  headers?: { [name: string]: string | undefined };
  /** Bytes of frames in the same segment. */
  rest?: string;
}

/** Bytes of hex text; spaces are ignored. */
export function bytesOf(hex: string): string {
  return Buffer.from(hex.replaceAll(" ", ""), "hex").toString("latin1");
}

/** Bytes as hex text. */
export function hexOf(bytes: string): string {
  return Buffer.from(bytes, "latin1").toString("hex");
}

/** Bytes of a frame as a server sends it. */
export function serverFrame(first: number, payload: string): string {
  const size = payload.length;
  const head = Buffer.alloc(size < 126 ? 2 : size < 65536 ? 4 : 10);
  head[0] = first;
  head[1] = size < 126 ? size : size < 65536 ? 126 : 127;
  if (size > 65535) head.writeBigUInt64BE(BigInt(size), 2);
  else if (size > 125) head.writeUInt16BE(size, 2);
  return head.toString("latin1") + payload;
}

/** Reads the frames that a client wrote; throws when one is not whole or not masked. */
export function framesOf(bytes: string): SentFrame[] {
  const data = Buffer.from(bytes, "latin1");
  const frames: SentFrame[] = [];
  for (let at = 0; at < data.length;) {
    const second = data.readUInt8(at + 1);
    if (second < 128) throw new Error("a frame that is not masked");
    const short = second & 127;
    const keyAt = at + (short < 126 ? 2 : 4);
    if (short === 127) throw new Error("a length of 64 bits");
    const size = short < 126 ? short : data.readUInt16BE(at + 2);
    const end = keyAt + 4 + size;
    if (end > data.length) throw new Error("a frame cut off");
    const key = data.subarray(keyAt, keyAt + 4);
    const payload = data.subarray(keyAt + 4, end).map((byte, i) => byte ^ (key[i & 3] as number));
    frames.push({
      first: data.readUInt8(at),
      payload: Buffer.from(payload).toString("latin1"),
      key: key.toString("latin1"),
    });
    at = end;
  }
  return frames;
}

/** The right answer to a handshake request, or one with changes. */
export function answerTo(request: string, changes: AnswerChanges = {}): string {
  const key = /^Sec-WebSocket-Key: (.*)\r$/m.exec(request)?.[1] ?? "";
  const protocol = /^Sec-WebSocket-Protocol: (.*)\r$/m.exec(request)?.[1];
  const headers: { [name: string]: string | undefined } = {
    Upgrade: "websocket",
    Connection: "Upgrade",
    "Sec-WebSocket-Accept": createHash("sha1")
      .update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest("base64"),
    "Sec-WebSocket-Protocol": protocol,
    ...changes.headers,
  };
  const lines = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}: ${value}\r\n`],
  );
  const status = changes.status ?? "HTTP/1.1 101 Switching Protocols";
  return `${status}\r\n${lines.join("")}\r\n${changes.rest ?? ""}`;
}

/** A client and its server. */
export interface WebSocketRig {
  rt: FakeBoard;
  ws: WebSocket;
  server: FakeSocket;
  /** The request of the handshake. */
  request: string;
  /** What the client reported, in order: `open`, `data hex`, `message opcode hex`, `close reason`. */
  events: string[];
  /** Frames sent since the handshake. */
  sent(): SentFrame[];
  /** The server sends bytes, as hex. */
  receive(hex: string): void;
  /** The server answers the handshake. */
  answer(changes?: AnswerChanges): void;
}

/** How a rig is made. */
export interface RigOptions {
  target?: Partial<WebSocketTarget>;
  /** Carries bytes instead of messages. */
  isCarrier?: boolean;
  board?: FakeBoard;
  /** Gets each event as it happens. */
  onEvent?(event: string): void;
}

/** Connects a client, whose request has then been sent. */
export function createWebSocketRig(options: RigOptions = {}): WebSocketRig {
  const rt = options.board ?? createFakeBoard({ systemMs: 1_790_000_000_000 });
  const events: string[] = [];
  function tell(event: string): void {
    events.push(event);
    options.onEvent?.(event);
  }
  const target = { host: "h.example", port: 80, path: "/ws", maxBytes: 4096, ...options.target };
  const ws = openWebSocket(rt, rt.newSlot(), target, {
    onOpen: () => tell("open"),
    onClose: (reason) => tell(`close ${reason}`),
    ...(options.isCarrier
      ? { onData: (bytes: string) => tell(`data ${hexOf(bytes)}`) }
      : {
          onMessage: (opcode: number, bytes: string) => tell(`message ${opcode} ${hexOf(bytes)}`),
        }),
  });
  const server = rt.net.last();
  server.open();
  const request = server.written;
  return {
    rt,
    ws,
    server,
    request,
    events,
    sent: () => framesOf(server.written.slice(request.length)),
    receive: (hex) => server.receive(bytesOf(hex)),
    answer: (changes) => server.receive(answerTo(request, changes)),
  };
}

/** A rig whose handshake is done; `open` is no longer among its events. */
export function createOpenRig(options: RigOptions = {}): WebSocketRig {
  const rig = createWebSocketRig(options);
  rig.answer();
  if (rig.events.pop() !== "open") throw new Error("the handshake failed");
  return rig;
}
