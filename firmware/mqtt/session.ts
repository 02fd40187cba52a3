// SPDX-License-Identifier: MIT
// MQTT 3.1.1 client, bytes in and bytes out: handshake, publishing with QoS 0 and 1, subscriptions,
// keep alive. It has no socket and never reconnects; services/uplink.ts does. One session object
// lives over many connections: `open` starts one, `close` ends it.
//
// state    | entered when        | timers armed              | leaves on
// CLOSED   | start, `close`      | none                      | `open`
// GREETING | `open` sent CONNECT | CONNACK deadline (uplink) | CONNACK 0 -> ONLINE, else -> CLOSED
// ACCEPTED | CONNACK 0           | check                     | `resume` -> ONLINE
// ONLINE   | `resume`            | check                     | `close`, or a failure -> CLOSED
//
// Two idle times are watched apart: nothing sent for three quarters of Keep Alive, or nothing
// received for as long, asks for a PINGREQ. Traffic in one direction never postpones the other, so
// the broker hears from the device in time [MQTT-3.1.2-23] and a silent peer is found although
// QoS 0 messages keep going out.
import type { Clock, Timer } from "../platform/platform.ts";
import { fail } from "../core/fail.ts";
import type { Failure } from "../core/fail.ts";
import type { Logger } from "../core/logger.ts";
import { createDecoder } from "./decoder.ts";
import type { Decoder } from "./decoder.ts";
import { WINDOW, createInFlight } from "./in-flight.ts";
import type { Done, OutMessage, Pending } from "./in-flight.ts";
import {
  CONNACK,
  DISCONNECT_BYTES,
  PINGREQ_BYTES,
  PINGRESP,
  PUBACK,
  PUBLISH,
  SUBACK,
  connectPacket,
  pubackPacket,
  publishPacket,
  subscribePacket,
} from "./packet.ts";
import type { ConnectOptions } from "./packet.ts";

/** Largest packet body accepted from the broker, bytes. */
export const PACKET_MAX_BYTES = 4096;

/** Most bytes that may wait in the socket before a PUBLISH is refused. */
export const PENDING_MAX_BYTES = 8192;

/** Places of the window that only a session's own packets take: birth, subscription, and one more
 * status. They must not fail because acknowledgements of other messages are slow. */
export const RESERVED = 3;

/** Limits of one session, all in ms. */
export interface SessionTimes {
  /** Bound for PINGRESP. */
  pingMs: number;
  /** Bound for PUBACK and SUBACK. */
  ackMs: number;
}

/** What a session asks of its owner and tells it. */
export interface SessionEvents {
  /** Hands bytes to the transport; false when it is gone. */
  send(bytes: string): boolean;
  /** Bytes that the transport has not sent yet. */
  pendingBytes(): number;
  /** The broker accepted. */
  onOnline(sessionPresent: boolean): void;
  /** The connection is of no more use; the owner closes the transport and calls `close`. */
  onFail(failure: Failure, connackCode: number): void;
  /** A message arrived. */
  onMessage(topic: string, payload: string): void;
}

/** An MQTT client session. */
export interface Session {
  /** Starts on a fresh transport by sending CONNECT. */
  open(options: ConnectOptions): void;
  /** Takes received bytes. */
  feed(bytes: string): void;
  /**
   * Publishes. Without a connection the message waits for one, of any QoS, while there is room in
   * the window. `done` comes once: QoS 0 when handed over, QoS 1 with PUBACK, or with the failure.
   */
  publish(message: OutMessage, done: Done): void;
  /** Subscribes; `done` tells what SUBACK said. */
  subscribe(filter: string, qos: number, done: Done): void;
  /** Sends what waits, after `onOnline`; messages published before it wait with the others. */
  resume(): void;
  /** Between `resume` and the end of the connection. */
  isOnline(): boolean;
  /** Says DISCONNECT; the broker then drops the will. */
  disconnect(): void;
  /**
   * The transport is gone. Messages in flight stay for the next connection, but for retained ones:
   * they told the state of this one. That is less than [MQTT-4.4.0-1] asks for.
   */
  close(): void;
  /** Gives up all messages in flight. */
  abandon(): void;
}

const CLOSED = 0;
const GREETING = 1;
const ACCEPTED = 2;
const ONLINE = 3;

/** Creates a session. */
export function createSession(
  clock: Clock,
  log: Logger,
  times: SessionTimes,
  events: SessionEvents,
): Session {
  const inFlight = createInFlight();
  let state = CLOSED;
  let decoder: Decoder | undefined;
  let checkTimer: Timer | undefined;
  let keepAliveMs = 0;
  let isClean = false;
  let sentMs = 0;
  let receivedMs = 0;
  // When the unanswered PINGREQ was sent; undefined: none is out.
  let pingMs: number | undefined;
  // The transport did not take bytes although nobody has said that it is closed.
  let isGone = false;
  // More was waiting to be sent than may, at the last look.
  let wasFull = false;

  function send(bytes: string): boolean {
    sentMs = clock.nowMs();
    const isSent = events.send(bytes);
    if (!isSent) isGone = true;
    return isSent;
  }

  /** Answers an entry, unless that was done by what an earlier answer led to. */
  function giveUp(entry: Pending): void {
    if (inFlight.take(entry.id, !entry.message))
      entry.done(fail("E_MQTT_CLOSED", "id=" + entry.id));
  }

  function close(): void {
    state = CLOSED;
    if (checkTimer !== undefined) clock.cancel(checkTimer);
    checkTimer = undefined;
    pingMs = undefined;
    // With what it has collected, up to 4 KB; offline is when memory is short.
    decoder = undefined;
    // A subscription does not outlive its connection: whoever wanted it asks again. Nor does a
    // retained message: it told the state of that connection, and the next one tells its own.
    for (const entry of inFlight.all()) if (!entry.message || entry.message.retain) giveUp(entry);
  }

  function broken(failure: Failure, connackCode: number): void {
    if (state === CLOSED) return;
    close();
    events.onFail(failure, connackCode);
  }

  function transmit(m: OutMessage, id: number, isDup: boolean): Failure | undefined {
    const payload = m.seal ? m.seal(m.body, m.seq) : m.body;
    const isSent = send(publishPacket(m.topic, payload, m.qos, m.retain, isDup, id));
    return isSent ? undefined : fail("E_MQTT_OFFLINE", "socket=closed");
  }

  /** Sends what waits in the window; QoS 0 is done with that, whatever became of it. */
  function resend(entry: Pending, isDup: boolean): void {
    const message = entry.message as OutMessage;
    entry.sentMs = clock.nowMs();
    const failure = transmit(message, entry.id, isDup);
    if (message.qos) return;
    inFlight.take(entry.id, false);
    entry.done(failure);
  }

  /** Milliseconds until something is due: an acknowledgement, a PINGRESP, or an idle time. */
  function dueMs(): number {
    const now = clock.nowMs();
    const first = inFlight.all()[0];
    let due = (first && first.sentMs >= 0 ? first.sentMs : now) + times.ackMs;
    if (pingMs !== undefined) due = Math.min(due, pingMs + times.pingMs);
    else if (keepAliveMs) due = Math.min(due, Math.min(sentMs, receivedMs) + keepAliveMs * 0.75);
    return due - now;
  }

  function arm(delayMs: number): void {
    if (checkTimer !== undefined) clock.cancel(checkTimer);
    checkTimer = clock.after(Math.max(delayMs, 20), check);
  }

  function check(): void {
    checkTimer = undefined;
    // First, so that an out-of-memory further down cannot end the chain.
    arm(times.ackMs);
    const now = clock.nowMs();
    const first = inFlight.all()[0];
    const isFull = events.pendingBytes() > PENDING_MAX_BYTES;
    if (isGone) return broken(fail("E_NET", "reason=gone"), 0);
    if (isFull && wasFull)
      return broken(fail("E_MQTT_BUFFER", "bytes=" + events.pendingBytes()), 0);
    wasFull = isFull;
    if (first && first.sentMs >= 0 && now - first.sentMs >= times.ackMs)
      return broken(fail("E_MQTT_TIMEOUT", "wait=ack id=" + first.id), 0);
    if (pingMs !== undefined) {
      if (now - pingMs >= times.pingMs)
        return broken(fail("E_MQTT_TIMEOUT", "wait=pingresp ms=" + (now - pingMs)), 0);
    } else if (keepAliveMs && now - Math.min(sentMs, receivedMs) >= keepAliveMs * 0.75) {
      pingMs = now;
      send(PINGREQ_BYTES);
    }
    arm(dueMs());
    return undefined;
  }

  function onConnack(body: string): string | undefined {
    const flags = body.charCodeAt(0);
    const code = body.charCodeAt(1);
    if (state !== GREETING) return "connack-twice";
    // Section 3.2: two bytes, reserved flags zero, session present only with code 0.
    if (body.length !== 2 || flags > 1 || code > 5) return "connack";
    if (flags && (code || isClean)) return "connack-session-present";
    if (code) {
      broken(fail("E_MQTT_REFUSED", "connack=" + code), code);
      return undefined;
    }
    state = ACCEPTED;
    log.debug("mqtt", "connack", "present=" + flags + " resend=" + inFlight.all().length);
    // Not by `dueMs`: what waits was sent over an earlier connection, long ago, and the owner comes to
    // `resume` only after a hop, which takes a slow interpreter more than the least delay of `arm`.
    arm(times.ackMs);
    events.onOnline(flags === 1);
    return undefined;
  }

  function onPublish(head: number, body: string): string | undefined {
    const qos = (head >> 1) & 3;
    // No subscription asks for more than QoS 1, so the broker may not send more [MQTT-3.8.4-6].
    if (qos > 1 || (head & 8 && !qos)) return "publish-flags";
    if (body.length < 2) return "publish";
    let at = 2 + (body.charCodeAt(0) << 8) + body.charCodeAt(1);
    const topic = body.slice(2, at);
    let id = 0;
    if (qos) {
      if (body.length < at + 2) return "publish";
      id = (body.charCodeAt(at) << 8) + body.charCodeAt(at + 1);
      at += 2;
      if (!id) return "publish-id";
    }
    // All that is subscribed to is plain text: no control characters, no bytes beyond ASCII
    // [MQTT-1.5.3-1] [MQTT-1.5.3-2], no wildcards [MQTT-3.3.2-2].
    if (body.length < at || !topic || /[^ -~]|[+#]/.test(topic)) return "publish";
    events.onMessage(topic, body.slice(at));
    // A peer that publishes and does not read would fill the memory with acknowledgements.
    if (events.pendingBytes() > PENDING_MAX_BYTES)
      broken(fail("E_MQTT_BUFFER", "bytes=" + events.pendingBytes()), 0);
    if (id && state >= ACCEPTED) send(pubackPacket(id));
    return undefined;
  }

  function onAck(type: number, body: string): string | undefined {
    const id = (body.charCodeAt(0) << 8) + body.charCodeAt(1);
    if (body.length !== (type === PUBACK ? 2 : 3)) return "ack";
    const code = type === SUBACK ? body.charCodeAt(2) : 0;
    if (code > 2 && code !== 0x80) return "suback-code";
    const entry = inFlight.take(id, type === SUBACK);
    if (!entry) {
      log.warn("mqtt", "ack-unknown", "type=" + type + " id=" + id);
      return undefined;
    }
    const failure = code === 0x80 ? fail("E_MQTT_SUBSCRIBE", "suback=128") : undefined;
    entry.done(failure, clock.nowMs() - entry.sentMs);
    return undefined;
  }

  // One packet. The answer is why the stream is broken, or undefined.
  function understand(head: number, body: string): string | undefined {
    const type = head >> 4;
    if (type === PUBLISH && state >= ACCEPTED) return onPublish(head, body);
    // All other flags are reserved as zero (section 2.2.2).
    if (head & 15) return "flags=" + head;
    if (type === CONNACK) return onConnack(body);
    if (state < ACCEPTED) return "before-connack type=" + type;
    if (type === PUBACK || type === SUBACK) return onAck(type, body);
    if (type === PINGRESP && !body) {
      pingMs = undefined;
      // The idle times count again, and may be due before the deadline that has just been met.
      arm(dueMs());
      return undefined;
    }
    return "type=" + type;
  }

  function onPacket(head: number, body: string): boolean {
    const wrong = understand(head, body);
    if (wrong) broken(fail("E_MQTT_PROTOCOL", "what=" + wrong), 0);
    return state !== CLOSED;
  }

  return {
    open: (options) => {
      state = GREETING;
      isGone = wasFull = false;
      keepAliveMs = options.keepAliveSec * 1000;
      isClean = options.cleanSession;
      decoder = createDecoder(PACKET_MAX_BYTES, onPacket);
      receivedMs = clock.nowMs();
      send(connectPacket(options));
    },
    feed: (bytes) => {
      if (!decoder) return;
      receivedMs = clock.nowMs();
      const wrong = decoder.feed(bytes);
      if (wrong) broken(fail("E_MQTT_PROTOCOL", "what=" + wrong), 0);
    },
    publish: (message, done) => {
      const isOnline = state === ONLINE;
      const waiting = events.pendingBytes();
      if (waiting > PENDING_MAX_BYTES) return done(fail("E_MQTT_BUFFER", "bytes=" + waiting));
      if (isOnline && !message.qos) return done(transmit(message, 0, false));
      const count = inFlight.all().length;
      const hasPlace = message.retain || count < WINDOW - RESERVED;
      const entry = hasPlace ? inFlight.add(message, done) : undefined;
      if (!entry)
        return done(fail(isOnline ? "E_MQTT_WINDOW" : "E_MQTT_OFFLINE", "waiting=" + count));
      if (isOnline) resend(entry, false);
      return undefined;
    },
    subscribe: (filter, qos, done) => {
      const entry = state === ONLINE ? inFlight.add(undefined, done) : undefined;
      if (!entry) return done(fail("E_MQTT_OFFLINE", "filter=" + filter));
      entry.sentMs = clock.nowMs();
      send(subscribePacket(entry.id, filter, qos));
      return undefined;
    },
    resume: () => {
      if (state !== ACCEPTED) return;
      state = ONLINE;
      // With a clean session the broker knows nothing of the earlier attempts: they are new to it.
      // An answer on the way may end the connection.
      for (const entry of inFlight.all())
        if (state === ONLINE) resend(entry, entry.sentMs >= 0 && !isClean);
      if (state === ONLINE) arm(dueMs());
    },
    isOnline: () => state === ONLINE,
    disconnect: () => {
      if (state === ONLINE) send(DISCONNECT_BYTES);
    },
    close,
    abandon: () => {
      for (const entry of inFlight.all()) giveUp(entry);
    },
  };
}
