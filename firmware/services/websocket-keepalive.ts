// SPDX-License-Identifier: MIT
// A WebSocket to any server, kept open: a message of the server's own kind every interval, an answer
// to its pings, a bound for its answers, and a connection made anew whenever it is lost. Messages of
// the application travel beside. Not for MQTT: there the session keeps the connection alive.
//
// status  | entered when           | slot `ticks`   | slot `wait`             | leaves on
// waiting | start, connection lost | next attempt   | -                       | attempt -> opening,
//         |                        |                |                         | if there is an address
// opening | attempt                | -              | bound of the opening    | open, else -> waiting
// open    | handshake done         | next heartbeat | answer, or Close (ours) | lost -> waiting
// off     | `stop`                 | -              | Close, up to STOP_MS    | -
//
// Heartbeats keep their phase whatever else is done, and begin one interval after the opening:
//
//   open      i         2i        3i  (blocked)       5.4i  6i
//   |---------*---------*---------x---------x----------*----*     two are missed, none is made up for
//
// An answer is a message that matches `pong`. Without that pattern each heartbeat is followed by a
// WebSocket ping, which every server must answer, and whatever arrives is an answer. A pattern with a
// quotation mark is looked for in a message, any other must be the message:
//
//   "event":"pong"  in {"event":"pong","id":7}      pong  only pong
//
// A message that matches `ping` goes back with that part replaced by `reply`, so what a server wants
// repeated is: `"ping"` and `"pong"` make {"pong":1492420473027} of {"ping":1492420473027}.
import { indexIn } from "../lib/find.ts";
import { armBound } from "../core/runtime.ts";
import type { Runtime } from "../core/runtime.ts";
import { backoffMs } from "../lib/backoff.ts";
import { BINARY, PING, PONG, TEXT, openWebSocket } from "../transport/websocket.ts";
import type { WebSocket, WebSocketTarget } from "../transport/websocket.ts";
import type { Config } from "../wire/config.ts";

/** Most bytes in the socket's queue for more to be added. */
export const PENDING_MAX_BYTES = 8192;

/** Most bytes that wait for a connection or for room; each message counts 64 more. */
export const QUEUE_MAX_BYTES = 4096;

/** Bound from the end of the blocking connect to the open WebSocket, ms. */
export const CONNECT_MS = 10000;

/** How long the goodbye may take, ms. */
export const STOP_MS = 1000;

/** What a service is made of. `wire/config.ts` has the ranges; `pongMs` above `intervalMs` is wrong. */
export interface KeepaliveOptions {
  target: WebSocketTarget;
  intervalMs: number;
  /** Kind of the heartbeat, TEXT or BINARY. */
  opcode: number;
  payload: string;
  /** Pattern of the answer; empty: whatever arrives. */
  pong: string;
  /** Bound for the answer, ms; 0: none is waited for. */
  pongMs: number;
  /** Pattern of the server's pings and what replaces it in the answer; empty: there are none. */
  ping: string;
  reply: string;
  /** Bound from the end of the blocking connect to the open WebSocket, ms. */
  connectMs: number;
  /** First window of the reconnect jitter, ms. */
  spreadMs: number;
  /** Gets each new status. */
  onState?(status: string): void;
  /** Gets each message but answers and the server's pings. */
  onMessage?(opcode: number, bytes: string): void;
}

/** The running service. */
export interface WebsocketKeepalive {
  /** `waiting`, `opening`, `open`, `off`. */
  status: string;
  /** Heartbeats handed to the socket. */
  sent: number;
  /** Heartbeats skipped: their time had passed, or the server did not read. */
  missed: number;
  /** Answers to heartbeats. */
  pongs: number;
  /** Messages refused because the queue was full. */
  dropped: number;
  /**
   * Sends a message, binary unless said otherwise, now or as soon as there is a connection with room.
   * False: dropped, because QUEUE_MAX_BYTES are waiting, or would be.
   */
  send(bytes: string, opcode?: number): boolean;
  /** Says goodbye; `done` is called within STOP_MS. */
  stop(done?: () => void): void;
  /** The board has an address again: the next attempt comes within the first window. */
  networkUp(): void;
}

/**
 * Makes the options of a service from a configuration that has `keepalive_url`, and its target. The
 * payload is text as it is, `base64url:` and bytes, or `preset:` and a name: `ping` (answered by
 * `pong`), `stomp` (a newline), `mqtt` (PINGREQ), or another word of the table, which makes
 * `{"<word>":"ping"}`, answered by anything with `"pong"` in it: `method`, `event`, `op`, `type`.
 */
export function keepaliveOptions(
  rt: Runtime,
  config: Config,
  target: WebSocketTarget,
): KeepaliveOptions {
  // Whole, or a timer, which is, comes before its time.
  const intervalMs = Math.round((config.keepalive_interval_s as number) * 1000);
  let payload = config.keepalive_payload as string;
  const parts = payload.split(":");
  const name = parts[1] as string;
  let opcode = TEXT;
  let pong = "";
  if (parts[0] === "base64url") {
    opcode = BINARY;
    payload = rt.fromBase64url(name);
  } else if (parts[0] === "preset") {
    payload = '{"' + name + '":"ping"}';
    pong = '"pong"';
    if (name === "ping") {
      payload = name;
      pong = "pong";
    } else if (name === "stomp") {
      payload = "\n";
      pong = "";
    } else if (name === "mqtt") {
      opcode = BINARY;
      payload = "\xc0\0";
      pong = "\xd0\0";
    }
  }
  target.maxBytes = config.keepalive_max_bytes;
  target.protocol = config.keepalive_protocol;
  return {
    target,
    intervalMs,
    opcode,
    payload,
    pong: config.keepalive_pong || pong,
    // The default deadline is no contradiction to a shorter interval.
    pongMs: Math.min(config.keepalive_pong_s * 1000, intervalMs),
    ping: config.keepalive_ping || "",
    reply: config.keepalive_reply || "",
    connectMs: CONNECT_MS,
    spreadMs: config.reconnect_spread_s * 1000,
  };
}

/** Connects, and keeps connected until `stop`. */
export function createWebsocketKeepalive(
  rt: Runtime,
  options: KeepaliveOptions,
): WebsocketKeepalive {
  const ticks = rt.newSlot();
  const wait = rt.newSlot();
  let socket: WebSocket | undefined;
  let queue: [bytes: string, opcode: number | undefined][] = [];
  let queuedBytes = 0;
  let failures = 0;
  // When the next heartbeat is due; 0: the connection is not open.
  let dueMs = 0;

  function setStatus(status: string): void {
    service.status = status;
    if (options.onState) options.onState(status);
  }

  /** Without a message it only sends what waits. */
  function send(bytes?: string, opcode?: number): boolean {
    if (bytes !== undefined) {
      const moreBytes = bytes.length + 64;
      if (queuedBytes + moreBytes > QUEUE_MAX_BYTES || service.status === "off") {
        service.dropped++;
        return false;
      }
      queue.push([bytes, opcode]);
      queuedBytes += moreBytes;
    }
    for (let next = queue[0]; next; next = queue[0]) {
      const { pendingBytes, write } = (socket || {}) as WebSocket;
      if (!dueMs || pendingBytes() >= PENDING_MAX_BYTES || !write(next[0], next[1])) break;
      queuedBytes -= next[0].length + 64;
      queue.shift();
    }
    return true;
  }

  /** Opened, or time for a heartbeat. */
  function tick(): void {
    const { intervalMs, pongMs, payload, opcode, pong } = options;
    const { pendingBytes, write } = socket as WebSocket;
    const now = rt.nowMs();
    const isFirst = !dueMs;
    const late = isFirst ? 0 : Math.floor((now - dueMs) / intervalMs);
    dueMs = (dueMs || now) + (late + 1) * intervalMs;
    rt.arm(ticks, dueMs - now, tick);
    service.missed += late;
    if (isFirst) {
      rt.disarm(wait);
      rt.log("I", "ws", "open");
      setStatus("open");
    } else {
      // It has lived for one interval.
      failures = 0;
      if (pendingBytes() < PENDING_MAX_BYTES && write(payload, opcode)) {
        service.sent++;
        rt.count("ws_sent");
      } else service.missed++;
      // Armed already when the socket is closing.
      if (pongMs && !rt.isArmed(wait)) {
        // What came while another connect blocked is read before it is missed.
        armBound(rt, wait, pongMs, lost);
        if (!pong) write("", PING);
      }
    }
    send();
  }

  function onMessage(opcode: number, bytes: string): void {
    function matches(pattern: string): boolean {
      return pattern.includes('"') ? indexIn(bytes, pattern, 0) >= 0 : bytes === pattern;
    }

    const { pong, ping } = options;
    const isPong = !pong || (opcode !== PONG && matches(pong));
    if (isPong && rt.isArmed(wait)) {
      rt.disarm(wait);
      service.pongs++;
    }
    if (opcode === PONG || (pong && isPong)) return;
    // oxlint-disable-next-line typescript/no-deprecated -- it is there
    if (ping && matches(ping)) send(bytes.replace(ping, options.reply), opcode);
    else if (options.onMessage) options.onMessage(opcode, bytes);
  }

  /** The connection is over, or has to be. */
  function lost(reason?: string): void {
    const delayMs = backoffMs(options.spreadMs, failures++, rt.random());
    dueMs = 0;
    rt.disarm(wait);
    rt.arm(ticks, delayMs, attempt);
    (socket as WebSocket).abort();
    rt.log("W", "ws", "lost", "reason=" + (reason || "timeout") + " retry_ms=" + delayMs);
    setStatus("waiting");
  }

  function attempt(): void {
    const { spreadMs, connectMs, target } = options;
    // No failure that later attempts would wait longer for.
    if (rt.radio && !rt.radio.address()) return rt.arm(ticks, spreadMs, attempt);
    // Connecting blocks.
    rt.feed();
    socket = openWebSocket(rt, wait, target, { onOpen: tick, onMessage, onClose: lost });
    armBound(rt, wait, connectMs, lost);
    return setStatus("opening");
  }

  const service: WebsocketKeepalive = {
    status: "waiting",
    sent: 0,
    missed: 0,
    pongs: 0,
    dropped: 0,
    send,
    stop: function (done) {
      function over(): void {
        if (done) done();
      }

      dueMs = 0;
      queue = [];
      rt.disarm(ticks);
      setStatus("off");
      // Disarms `wait` or arms it for the goodbye; a server's Close that is answered has its own bound.
      if (socket) socket.end(STOP_MS, over);
      else over();
    },
    networkUp: function () {
      if (service.status !== "waiting") return;
      failures = 0;
      rt.arm(ticks, backoffMs(options.spreadMs, 0, rt.random()), attempt);
    },
  };
  service.networkUp();
  return service;
}
