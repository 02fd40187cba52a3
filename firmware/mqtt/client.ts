// SPDX-License-Identifier: MIT
// MQTT 3.1.1 client as a link: handshake, publishing and receiving with QoS 0, 1 and 2, subscriptions,
// keep alive, over any socket. It never reconnects; services/uplink.ts does. What waits outlives
// connections: messages on their way out with their packet identifiers, and the identifiers of QoS 2
// messages on their way in. docs/reference/mqtt-conformance.md tells which test shows which
// statement of the specification.
//
// state    | entered when               | timer               | leaves on
// CLOSED   | start, `close`, dialling   | none (the uplink's) | socket open -> GREETING
// GREETING | CONNECT sent               | none (the uplink's) | CONNACK 0 -> ACCEPTED, else -> CLOSED
// ACCEPTED | CONNACK 0                  | check, at once      | what waited is sent again -> ONLINE
// ONLINE   | what waited is sent again  | check               | `close`, `stop`, any failure -> CLOSED
import type { Message, Published, Seal } from "../core/message.ts";
import { quoted } from "../core/runtime.ts";
import type { Failure, Runtime } from "../core/runtime.ts";
import type { Socket, SocketEvents } from "../platform/board.ts";
import type { Link, LinkEvents, LinkTarget } from "../transport/link.ts";
import type { Config } from "../wire/config.ts";

/** Largest packet body taken from the broker, bytes. A longer PUBLISH passes by; see `passOver`. */
export const PACKET_MAX_BYTES = 4096;

/** Most bytes that may wait in the socket before a PUBLISH is refused. */
export const PENDING_MAX_BYTES = 8192;

/** Most messages that wait at the same time, for an acknowledgement or for a connection. */
export const WINDOW = 10;

/** Places of the window for the session's own packets: birth, subscription, and one more status.
 * They must not fail because acknowledgements of other messages are slow. */
export const RESERVED = 3;

/** Most QoS 2 messages whose PUBREL is awaited. A broker that sends more is not listened to. */
export const RECEIVED_MAX = 64;

/** With so many connections that the peer has ended at the same message, that message is given up. */
export const ENDS_MAX = 3;

/** A connection on which nothing was sent for longer is used before the interpreter blocks, ms. */
export const IDLE_MS = 1000;

// How long what came while the interpreter was blocked may take to be read, ms.
const READ_MS = 100;

// What was written less than this ago, ms, may still have to leave.
const LEAVE_MS = 10;

/** How long DISCONNECT may take to leave, ms. */
export const FLUSH_MS = 1000;

/** What a CONNECT says. The will is retained with QoS 1. */
export interface Hello {
  /** Client identifier and user name, at least one character. */
  id: string;
  /** Password, a fresh token. */
  token: string;
  willTopic: string;
  willPayload: string;
}

/** Whom the client serves. All texts are bytes; those of `Hello` and `topicFilters` are ASCII. */
export interface MqttOwner extends LinkEvents {
  /** Opens what carries the bytes: TCP, TLS or a WebSocket. */
  dial(target: LinkTarget, events: SocketEvents): Socket;
  /** What to say in this CONNECT; asked for each, because the password is a fresh token. */
  hello(): Hello;
  /** Signs a body that has a `seq`, at each sending: decision 0010. */
  seal: Seal;
  /** What to subscribe to in each connection, all in one packet; none: nothing. */
  topicFilters: string[];
  /** Highest QoS asked for with them. */
  filterQos: number;
}

/** What is read of the configuration. */
export type MqttConfig = Pick<
  Config,
  "keep_alive_s" | "ping_timeout_s" | "ack_timeout_s" | "clean_session"
>;

/** Something that waits for an acknowledgement, or for a connection. */
interface Waiting {
  /** Packet identifier as its two bytes; empty for QoS 0. */
  id: string;
  /** Type of the packet it waits for; 0: none, it is QoS 0 without a connection. */
  wants: number;
  /** When it was sent last, monotonic ms; -1: not yet. */
  sentMs: number;
  /** Absent once the broker has it: what is left to send is PUBREL. */
  publication: Message | undefined;
  /** How many connections the peer has ended while this was the oldest one. */
  ends: number;
  done: Published;
}

const CLOSED = 0;
const GREETING = 1;
const ACCEPTED = 2;
const ONLINE = 3;

// Control packet types, first four bits of a packet (section 2.2.1).
const PUBLISH = 3;
const PUBREC = 5;
const PUBREL = 6;
const PUBCOMP = 7;
const SUBACK = 9;
const PINGRESP = 13;

// First bytes of packets that have no flags to choose (section 2.2.2).
const CONNECT_HEAD = 0x10;
const CONNACK_HEAD = 0x20;
const PUBREL_HEAD = 0x62;
const PUBCOMP_HEAD = 0x70;
const SUBSCRIBE_HEAD = 0x82;
const PINGREQ_HEAD = 0xc0;
const DISCONNECT_HEAD = 0xe0;

const chars = String.fromCharCode;

/** Two bytes, most significant first (section 1.5.2). */
function uint16(value: number): string {
  return chars(value >> 8, value & 255);
}

/** A text behind its length (section 1.5.3). */
function field(text: string): string {
  return uint16(text.length) + text;
}

/**
 * Creates the client. Its `publish` never forgets a message silently: without a connection one of
 * any QoS waits while there is room in the window, and QoS 1 and 2 wait for their acknowledgement
 * over any number of connections. `onOnline` tells `present=1` when the broker kept the session.
 *
 * The deadline of CONNACK is the owner's, who calls `close`.
 */
export function createMqttLink(rt: Runtime, config: MqttConfig, owner: MqttOwner): Link {
  const slot = rt.newSlot();
  let state = CLOSED;
  let socket: Socket | undefined;
  // Whom it goes to, and whom the last accepted connection went to.
  let peer = "";
  let home = "";
  // Bytes of a packet whose end has not come.
  let buffer = "";
  // How many bytes are still to come of a message that passes by.
  let passBytes = 0;
  // In the order in which they were sent last, so the first one is overdue first.
  let waiting: Waiting[] = [];
  // Identifiers of QoS 2 messages that were given on and are not released yet.
  let received: string[] = [];
  // A server that keeps the session also keeps identifiers of a board whose power was cut. The same
  // ones again would look to it like what it already has.
  let lastId = config.clean_session ? 0 : Math.floor(rt.random() * 65535);
  let sentMs = 0;
  let receivedMs = 0;
  // When the unanswered PINGREQ was sent; 0: none is out.
  let pingMs = 0;
  // When `check` is due.
  let checkMs = 0;

  /** Gives up what waits; but with `isKept` only what told the state of this connection, and what the
   * peer does not take, or with `isNew` what an earlier session has half delivered. */
  function abandon(isKept?: boolean, isNew?: boolean): void {
    const all = waiting;
    const lost: Waiting[] = [];
    waiting = [];
    for (const entry of all) {
      const message = entry.publication;
      if (isKept && (message ? !message.retain && entry.ends < ENDS_MAX : !isNew))
        waiting.push(entry);
      else lost.push(entry);
    }
    for (const entry of lost) entry.done(entry.ends < ENDS_MAX ? "E_MQTT_CLOSED" : "E_MQTT_DENIED");
  }

  function close(): void {
    const open = socket;
    socket = undefined;
    state = CLOSED;
    // With what was collected, up to 4 KB; offline is when memory is short.
    buffer = "";
    passBytes = 0;
    rt.isDeaf = false;
    rt.disarm(slot);
    if (open) open.abort();
    abandon(true);
  }

  /** Also the socket's `onClose`, which has nothing but a reason to tell. */
  function fail(reason?: string, failure?: Failure, isRefused?: boolean): void {
    const first = waiting[0];
    if (!socket) return;
    // A message that it does not allow a broker may answer by closing [MQTT-3.3.5-2], each time anew.
    if (first && state === ONLINE && !failure) first.ends++;
    close();
    owner.onFail(failure || "E_NET reason=" + (reason || "gone"), !!isRefused);
  }

  /** Sends one packet. Three length bytes (section 2.2.3) are more than a board can hold. The payload
   * is apart because copying it is what costs most. */
  function send(head: number, start: string, payload: string): boolean {
    const size = start.length + payload.length;
    sentMs = rt.nowMs();
    const isSent = (socket as Socket).write(
      (size < 128
        ? chars(head, size)
        : size < 16384
          ? chars(head, (size & 127) | 128, size >> 7)
          : chars(head, (size & 127) | 128, ((size >> 7) & 127) | 128, size >> 14)) +
        start +
        payload,
    );
    // The socket is closed and has not told it: that may have been lost to an out-of-memory.
    if (!isSent) rt.arm(slot, 20, fail);
    return isSent;
  }

  function waitingFor(id: string): Waiting | undefined {
    for (const entry of waiting) if (entry.id === id) return entry;
    return undefined;
  }

  /** Sends what waits, for the first time or again; QoS 0 is done with that. */
  function transmit(entry: Waiting): void {
    const { id, wants, publication: message } = entry;
    // In a clean session the broker knows nothing of earlier attempts: they are new to it.
    const dup = entry.sentMs < 0 || config.clean_session ? 0 : 8;
    // Sent, even if what follows is cut short.
    entry.sentMs = sentMs;
    if (!message) send(PUBREL_HEAD, id, "");
    else if (wants === SUBACK) send(SUBSCRIBE_HEAD, id, message.body);
    else {
      const isSent = send(
        (PUBLISH << 4) | dup | (message.qos << 1) | (message.retain ? 1 : 0),
        field(message.topic) + id,
        message.claims ? owner.seal(message.body, message.claims) : message.body,
      );
      if (!wants) entry.done(isSent ? undefined : "E_MQTT_OFFLINE");
    }
    entry.sentMs = sentMs;
  }

  /** `Link.publish`; with `ack` what is sent is not a PUBLISH, and waits for that type of packet. */
  function publish(message: Message, done: Published, ack?: number): void {
    const { qos, retain } = message;
    // PUBACK is type 4, PUBREC 5.
    const wants = ack || (qos && qos + 3);
    const entry = { id: "", wants, sentMs: -1, publication: message, ends: 0, done };
    if (socket && socket.pendingBytes() > PENDING_MAX_BYTES && !retain)
      return done("E_MQTT_BUFFER");
    if (wants || state !== ONLINE) {
      if (waiting.length >= (retain ? WINDOW : WINDOW - RESERVED))
        return done(state === ONLINE ? "E_MQTT_WINDOW" : "E_MQTT_OFFLINE");
      if (wants)
        do {
          lastId = (lastId % 65535) + 1;
          entry.id = uint16(lastId);
        } while (waitingFor(entry.id));
      waiting.push(entry);
    }
    if (state === ONLINE) transmit(entry);
    return undefined;
  }

  /** Looks at what is overdue, and when to look again. */
  function check(): void {
    const now = rt.nowMs();
    const idleMs = config.keep_alive_s * 750;
    let pongMs = config.ping_timeout_s * 1000;
    // An answer that comes when the next PINGREQ would be due is too late.
    if (idleMs && idleMs < pongMs) pongMs = idleMs;
    const first = waiting[0];
    let ackMs = (first ? first.sentMs - now : 0) + config.ack_timeout_s * 1000;
    let dueMs = ackMs;
    if (pingMs) dueMs = pingMs + pongMs - now;
    // Whether the peer has stopped reading shows by PINGRESP, too.
    else if ((socket as Socket).pendingBytes() > PENDING_MAX_BYTES) dueMs = 0;
    else if (idleMs) dueMs = Math.min(sentMs, receivedMs) + idleMs - now;
    const isOver = ackMs <= 0 || (dueMs <= 0 && pingMs);
    if (isOver && now < checkMs + IDLE_MS)
      fail("", "E_MQTT_TIMEOUT wait=" + (ackMs <= 0 ? "ack" : "pingresp"));
    else {
      // The interpreter has been blocked: what came meanwhile is read first.
      if (isOver) dueMs = ackMs = READ_MS;
      else if (dueMs <= 0) {
        pingMs = now;
        send(PINGREQ_HEAD, "", "");
        dueMs = pongMs;
      }
      dueMs = Math.max(Math.min(dueMs, ackMs), 20);
      checkMs = now + dueMs;
      rt.arm(slot, dueMs, check);
    }
  }

  /** Does what one packet asks for, the commonest first: what is behind an executed `return` costs no
   * time. Returns a word for what is wrong with the packet, or nothing. Of a message that `isCut` its
   * payload is not there. */
  function understand(head: number, body: string, isCut?: boolean): string | undefined {
    const type = head >> 4;
    let id = body.slice(0, 2);
    // First byte of the answer, which carries the same identifier; 0: none.
    let reply = 0;
    // CONNACK comes first and once [MQTT-3.2.0-1].
    if ((state === GREETING) !== (head === CONNACK_HEAD)) return "order";
    if (type !== PUBLISH) {
      // Type and flags (section 2.2.2) with the size of each, SUBACK with a code for each filter.
      // With a dot, because of what lib/find.ts tells of `includes`.
      const sizes =
        " 64:2 80:2 98:2 112:2 208:0 32:2 144:" + (owner.topicFilters.length + 2) + " .";
      // oxlint-disable-next-line typescript/no-deprecated -- its end is no beginning
      if (!sizes.includes(" " + head + ":" + body.length + " ")) return "packet";
    }
    if (type === PINGRESP) {
      pingMs = 0;
      // Behind CONNACK something else is armed.
      if (state === ONLINE) check();
    } else if (type === PUBREL) {
      reply = PUBCOMP_HEAD;
      if (received.indexOf(id) >= 0) received.splice(received.indexOf(id), 1);
    } else if (type > PUBLISH) {
      const codes = body.slice(2);
      const refused = codes.indexOf("\x80");
      const entry = waitingFor(id);
      if (codes && /[^\0-\x02\x80]/.test(codes)) return "suback";
      if (!entry || entry.wants !== type) rt.log("W", "mqtt", "ack-unknown", "type=" + type);
      else {
        waiting.splice(waiting.indexOf(entry), 1);
        if (type === PUBREC) {
          // To the end, so that PUBREL is sent again in the order of PUBREC [MQTT-4.6.0-4].
          entry.wants = PUBCOMP;
          entry.publication = undefined;
          entry.sentMs = receivedMs;
          waiting.push(entry);
        } else if (refused < 0) entry.done(undefined, receivedMs - entry.sentMs);
        else entry.done("E_MQTT_SUBSCRIBE filter=" + quoted(owner.topicFilters[refused] as string));
      }
      if (type !== PUBREC) return undefined;
      // Also for what is not waited for any more: the broker must get rid of it.
      reply = PUBREL_HEAD;
    } else if (type === PUBLISH) {
      const qos = (head >> 1) & 3;
      let at = (body.charCodeAt(0) << 8) + body.charCodeAt(1) + 2;
      const topic = body.slice(2, at);
      if (qos) {
        id = body.slice(at, at + 2);
        at += 2;
        // PUBACK or PUBREC.
        reply = (qos + 3) << 4;
      }
      // All that is subscribed to is plain text: no control characters, no bytes beyond ASCII
      // [MQTT-1.5.3-1] [MQTT-1.5.3-2], no wildcards [MQTT-3.3.2-2].
      if (
        !(body.length >= at) ||
        !topic ||
        /[^ -~]|[+#]/.test(topic) ||
        qos > 2 ||
        (head & 14) === 8 ||
        id === "\0\0"
      )
        return "publish";
      if (qos < 2 || received.indexOf(id) < 0) {
        if (qos > 1) {
          if (received.length === RECEIVED_MAX) return "unreleased";
          received.push(id);
        }
        if (isCut) rt.log("W", "mqtt", "too-long", "topic=" + quoted(topic));
        else owner.onMessage(topic, body.slice(at));
      }
    } else {
      const present = body.charCodeAt(0);
      const code = body.charCodeAt(1);
      // Session present only with code 0, and never for a clean session.
      if (code > 5 || present > (code || config.clean_session ? 0 : 1)) return "connack";
      if (code) fail("", "E_MQTT_REFUSED connack=" + code, code !== 3);
      else {
        // Another broker may have kept a session, too: from another time.
        const isNew = !present || peer !== home;
        home = peer;
        state = ACCEPTED;
        if (isNew) received = [];
        // A hop, because the chain of calls that has read CONNACK is long.
        rt.arm(slot, 0, function () {
          let i = 0;
          // Nobody knows whether it was delivered, and PUBREL would mean nothing to this session.
          if (isNew) abandon(true, true);
          while (i < waiting.length) {
            const entry = waiting[i] as Waiting;
            if (entry.wants) i++;
            else waiting.splice(i, 1);
            transmit(entry);
            // The answer may have ended the connection.
            if (state !== ACCEPTED) return;
          }
          state = ONLINE;
          owner.onOnline("present=" + present);
          if (state !== ONLINE) return;
          let filters = "";
          for (const filter of owner.topicFilters)
            filters += field(filter) + chars(owner.filterQos);
          if (filters)
            publish(
              { topic: "", body: filters, qos: 1, retain: true },
              function (failure) {
                // The end of the connection is told as such.
                if (failure && state === ONLINE) {
                  rt.isDeaf = true;
                  rt.log("E", "mqtt", "not-subscribed", "code=" + failure);
                }
              },
              SUBACK,
            );
          check();
        });
      }
    }
    // A message may have ended the connection.
    if (reply && state > GREETING) {
      // A peer that sends and does not read would fill the memory with answers.
      if ((socket as Socket).pendingBytes() > PENDING_MAX_BYTES) fail("", "E_MQTT_BUFFER");
      else send(reply, id, "");
    }
    return undefined;
  }

  /**
   * Lets a message pass by that is too long for a board: acknowledged, so that it does not come again
   * in each connection, and not collected.
   * @returns what is wrong with it; empty: it takes more bytes to know where it goes
   */
  function passOver(): string | undefined {
    let at = 1;
    let size = 0;
    let byte = 128;
    for (let unit = 1; byte > 127 && at < 5; unit *= 128) {
      byte = buffer.charCodeAt(at++);
      size += (byte & 127) * unit;
    }
    const head = buffer.charCodeAt(0);
    if (byte > 127 || head >> 4 !== PUBLISH || state < ACCEPTED) return "size";
    // Behind topic and packet identifier; no number where they are not here yet.
    const end = at + 4 + (buffer.charCodeAt(at) << 8) + buffer.charCodeAt(at + 1);
    if (end - at > PACKET_MAX_BYTES) return "size";
    if (!(buffer.length >= end)) return "";
    const start = buffer.slice(at, end);
    passBytes = Math.max(at + size - buffer.length, 0);
    buffer = buffer.slice(at + size);
    return understand(head, start, true);
  }

  /** Takes received bytes, in any split. */
  function feed(bytes: string): void {
    receivedMs = rt.nowMs();
    if (passBytes >= bytes.length) passBytes -= bytes.length;
    else {
      buffer += passBytes ? bytes.slice(passBytes) : bytes;
      passBytes = 0;
    }
    while (state !== CLOSED && buffer.length > 1) {
      // Remaining length, section 2.2.3: seven bits a byte. A third byte would be the sign of more
      // than is accepted, as is its flag in the second one.
      let at = 2;
      let size = buffer.charCodeAt(1);
      if (size > 127) {
        at = 3;
        size += (buffer.charCodeAt(2) << 7) - 128;
      }
      let wrong: string | undefined;
      if (size > PACKET_MAX_BYTES) {
        wrong = passOver();
        if (wrong === "") return;
      } else {
        if (buffer.length < at + size) return;
        const head = buffer.charCodeAt(0);
        const body = buffer.slice(at, at + size);
        // First, so that a packet whose handling is cut short is not understood twice.
        buffer = buffer.slice(at + size);
        wrong = understand(head, body);
      }
      if (wrong) fail("", "E_MQTT_PROTOCOL what=" + wrong);
    }
  }

  /** CONNECT (section 3.1). */
  function onOpen(): void {
    const hello = owner.hello();
    state = GREETING;
    pingMs = 0;
    receivedMs = rt.nowMs();
    send(
      CONNECT_HEAD,
      // User name, password, will retain, will QoS 1, will, clean session: 1 1 1 01 1 x.
      "\x00\x04MQTT\x04" +
        chars(config.clean_session ? 0xee : 0xec) +
        uint16(config.keep_alive_s) +
        field(hello.id) +
        field(hello.willTopic) +
        field(hello.willPayload) +
        field(hello.id) +
        field(hello.token),
      "",
    );
  }

  // Opening another connection may block for longer than what is left of the Keep Alive. The deadline
  // of PINGRESP is not armed: it would count that time.
  rt.beforeBlock = function () {
    if (state === ONLINE && rt.nowMs() - sentMs > IDLE_MS) send(PINGREQ_HEAD, "", "");
    return rt.nowMs() - sentMs < LEAVE_MS;
  };

  return {
    open: function (target) {
      peer = target.host + target.path + target.port;
      socket = owner.dial(target, { onOpen, onData: feed, onClose: fail });
    },
    publish,
    // By CONNACK.
    isProved: true,
    isOnline: function () {
      return state === ONLINE;
    },
    close,
    stop: function (done) {
      const open = socket;
      if (open && state > GREETING) {
        send(DISCONNECT_HEAD, "", "");
        socket = undefined;
        close();
        open.end(FLUSH_MS, done);
      } else {
        close();
        done();
      }
    },
    abandon,
  };
}
