// SPDX-License-Identifier: MIT
// One connection as a script sees it, polled once a pass: what waited is delivered, then up to 536
// bytes are sent, then up to 536 received. 'data' is called on the spot; the other events queue:
//
//   made: 'connect' 'drain'      bytes gone: 'drain'      over: ['error'] 'end' 'close'
//
// - `write` queues until memory is full: then what fits is kept and the callback is cut off. Sending
//   needs room for a copy of the rest, and what has none in it is lost.
// - There is no half-closed state, and an orderly end looks like a reset. A failure that turns up
//   after `connect` has returned is an 'error' (-11, or -6).
// - TLS: 'connect' tells of TCP, before the handshake; what is written waits for it. A handshake
//   that fails is an exception of the pass, an orderly end of the peer an 'error' (-30848).
// - The member `clsNow`, which scripts may set, closes the connection in the next pass.
// - Two defects of the interpreter that bite scripts: a callback together with a listener of
//   'connect' is called as little as the listener, and bytes that found no listener and no room
//   are delivered in every pass until new ones come; they pile up without limit, too.
// Used for both ends of TCP connections and for HTTP requests; not for what a server gets of HTTP.
import type { SimSocket } from "../../network/network.ts";
import type { Native } from "../realm.ts";
import type { ScriptObject } from "./classes.ts";
import type { ModuleHost } from "./index.ts";
import { CHUNK_BYTES, SOCKET_CODES, socketError } from "./sockets.ts";
import type { Polled } from "./sockets.ts";

/** How received bytes become data. Plain sockets have none: all of them are data. */
export interface Framing {
  readonly hasHead: boolean;
  /** Takes the head off; null while it is not complete. */
  takeHead(unread: string): { rest: string } | null;
  /** True until head and body are complete. */
  isAwaiting(): boolean;
  /** Cuts the next data off; null while more bytes are needed for that. */
  cut(unread: string): { data: string; rest: string; hasMore: boolean } | null;
}

/** What a link is made of. */
export interface LinkOptions {
  /** Gets 'connect', 'drain' and 'error'. */
  writer: ScriptObject;
  /** Gets 'data', 'end' and 'close'; the writer itself unless HTTP. */
  reader: ScriptObject;
  /** Null for an HTTP request, which connects when it is first written to. */
  socket: SimSocket | null;
  isTls: boolean;
  framing?: Framing;
}

/** One connection. */
export interface Link extends Polled {
  /** Gives a request the connection that its first write has opened. */
  attach(socket: SimSocket): void;
  hasSocket(): boolean;
  /** Queues text. @throws Error of the script's world when it is closed */
  write(text: string): void;
  /** Ends it once everything has been sent. */
  end(): void;
  /** Ends it in the next pass, as the member `clsNow` does. */
  closeNow(): void;
}

const INTERRUPTED = "Execution Interrupted during event processing.\n";

/** A board that runs at all has room for so much: nothing is counted for less. */
const SURE_ROOM_BYTES = 4096;
/** What waits at most on a board whose sockets refuse. */
const REFUSED_BYTES = 4096;

/** Time of a pass in which nothing but old bytes are delivered again, ms. */
const REPEAT_MS = 1;

/** The links of a class of objects: methods of its prototype find theirs by `this`. */
export type LinksOf = WeakMap<object, Link>;

/** The methods `write` and `end` of sockets. */
export function linkMethods(host: ModuleHost, links: LinksOf): Record<string, Native> {
  const { realm } = host;
  const write = (self: object, data: unknown): void => {
    const link = links.get(self);
    if (!link) return realm.fail("Error", "This socket is closed");
    link.write(data === undefined ? "" : realm.text(data));
  };
  return {
    write(this: object, data?: unknown) {
      write(this, data);
      return false;
    },
    end(this: object, data?: unknown) {
      if (data !== undefined) write(this, data);
      links.get(this)?.end();
    },
  };
}

/** Makes setting the member `clsNow` of a class's objects ask for the pass that looks at it. */
export function wakeOnCloseNow(host: ModuleHost, prototype: object): void {
  Object.defineProperty(prototype, "clsNow", {
    configurable: true,
    set(this: object, value: unknown) {
      const member = { value, writable: true, enumerable: true, configurable: true };
      Object.defineProperty(this, "clsNow", member);
      host.loop.wake();
    },
  });
}

/**
 * Emits 'connect'. An object that has a callback and got a listener too calls neither.
 *
 * @param callback what the object was made with
 */
export function emitConnect(
  { loop, globals, write }: ModuleHost,
  object: ScriptObject,
  callback: unknown,
  args: readonly unknown[],
): void {
  const hasBoth = callback !== undefined && object["#onconnect"] !== callback;
  if (!hasBoth) globals.events.emit(object, "connect", args);
  else loop.atEnd(() => write(INTERRUPTED));
}

/** Creates a link; {@link Polled.poll} is called until it is over. */
export function createLink(host: ModuleHost, options: LinkOptions): Link {
  const { realm, loop, clock, globals, memory } = host;
  const refuses = !host.bugs["write-never-refuses"];
  const { events, streams } = globals;
  const { writer, reader, framing } = options;
  const callback = writer["#onconnect"];
  let { socket } = options;
  let isConnected = false;
  let wantsClose = false;
  let hasEnded = false;
  let isOver = false;
  let unsent = "";
  /** Received and not delivered, as this pass sees it, and as the next one will find it. */
  let unread = "";
  let stored = "";

  // First whether it is there: the prototype has an accessor of this name, which is slow to read.
  const closesNow = (): boolean => Object.hasOwn(writer, "clsNow") && Boolean(writer["clsNow"]);
  const emitEnd = (): void => {
    if (!hasEnded) events.emit(reader, "end", []);
    hasEnded = true;
  };
  /** Hands over what was received, as far as the reader takes it. */
  const deliver = (isLast: boolean): void => {
    while (unread !== "") {
      const cut = framing ? framing.cut(unread) : { data: unread, rest: "", hasMore: false };
      if (!cut) return;
      const isTaken = cut.data === "" || streams.push(reader, cut.data, isLast);
      unread = isTaken ? cut.rest : cut.data;
      if (!isTaken || !cut.hasMore) return;
    }
  };
  const receive = (bytes: string): void => {
    unread += bytes;
    if (framing && !framing.hasHead) {
      const head = framing.takeHead(unread);
      if (head) {
        unread = head.rest;
        emitConnect(host, writer, callback, [reader]);
      }
    }
    if (!framing || framing.hasHead) deliver(false);
    stored = unread;
  };
  /** What is not sent yet is copied each time, while the old text is still there. */
  const copied = (rest: string): string => {
    const room = rest.length > SURE_ROOM_BYTES ? memory.textRoom() : Infinity;
    if (rest.length <= room) return rest;
    try {
      host.outOfMemory();
    } catch (abort) {
      loop.raise(abort);
    }
    return rest.slice(0, room);
  };
  const send = (open: SimSocket): boolean => {
    const sent = open.send(unsent.slice(0, CHUNK_BYTES));
    if (sent === 0) return false;
    unsent = copied(unsent.slice(sent));
    if (unsent === "" && !wantsClose) events.emit(writer, "drain", [writer]);
    return true;
  };
  /** The first pass that sees the connection stand. */
  const connected = (): void => {
    isConnected = true;
    if (framing) return;
    emitConnect(host, writer, callback, [reader]);
    if (unsent === "") events.emit(writer, "drain", [writer]);
  };
  /** The error code of a connection that is closed; an exception of the handshake is raised. */
  const errorOf = ({ failure, isSecuring }: SimSocket): number => {
    if (failure === "tls" || isSecuring) {
      if (!isConnected && unsent === "") connected();
      const code = failure === "tls" ? "-0x7780" : "-0x1";
      loop.raise(realm.error("InternalError", `mbedtls_ssl_handshake returned ${code}`));
    } else if (failure === "unresolved") {
      return SOCKET_CODES.NOT_FOUND;
    } else if (!isConnected && failure !== null && failure !== "reset") {
      return SOCKET_CODES.NO_CONNECTION;
    } else if (options.isTls && failure === null) {
      return SOCKET_CODES.TLS_CLOSE_NOTIFY;
    }
    if (framing && !framing.hasHead) return SOCKET_CODES.NO_RESPONSE;
    return framing && !framing.isAwaiting() ? 0 : SOCKET_CODES.CLOSED;
  };
  const finish = (error: number): void => {
    isOver = true;
    const isUnsent = error === SOCKET_CODES.CLOSED && unsent !== "";
    const code = isUnsent ? SOCKET_CODES.UNSENT_DATA : error;
    const isFailure = code < SOCKET_CODES.CLOSED;
    if (error === 0 && unsent !== "") socket?.destroy();
    else socket?.close();
    if (isFailure) events.emit(writer, "error", [socketError(host, code)]);
    emitEnd();
    events.emit(reader, "close", [isFailure]);
  };

  /** Sends and receives; returns what it found out, `isBusy` if another pass would find more. */
  const exchange = (open: SimSocket): { isBusy: boolean; isClosing: boolean; error: number } => {
    let isBusy = false;
    let isClosing = false;
    if (unsent !== "")
      isBusy = send(open) && (unsent !== "" || wantsClose || framing !== undefined);
    else {
      isClosing = wantsClose;
      if (framing?.isAwaiting()) isClosing = false;
      else if (framing) emitEnd();
    }
    if (open.state === "closed") return { isBusy, isClosing: true, error: errorOf(open) };
    if (open.state === "open") {
      if (!isConnected) {
        isBusy = true;
        connected();
      }
      const bytes = open.receive(CHUNK_BYTES);
      if (bytes !== "") {
        receive(bytes);
        // What comes later wakes the loop; so do writes of listeners.
        isBusy ||= open.hasUnread || open.state !== "open" || framing !== undefined;
      }
    }
    return { isBusy, isClosing, error: 0 };
  };
  const poll = (): boolean => {
    unread = stored;
    if (!framing || framing.hasHead) deliver(false);
    let outcome = { isBusy: false, isClosing: closesNow(), error: 0 };
    if (socket && !outcome.isClosing) outcome = exchange(socket);
    if (!outcome.isClosing) {
      const isRepeating = stored !== "" && unread !== stored;
      if (isRepeating) clock.setTimer(() => loop.wake(), REPEAT_MS);
      return outcome.isBusy;
    }
    deliver(true);
    // What nobody takes keeps the connection.
    if (unread === "") finish(outcome.error);
    return isOver;
  };

  return {
    poll,
    isOver: () => isOver,
    bufferedBytes: () => unsent.length + stored.length + streams.keptBytes(reader),
    socketCount: () => (socket && !isOver ? 1 : 0),
    objects: () => (reader === writer ? [writer] : [writer, reader]),
    destroy: () => {
      isOver = true;
      socket?.destroy();
    },
    attach: (opened) => {
      socket = opened;
      loop.wake();
    },
    hasSocket: () => socket !== null,
    write: (text) => {
      if (isOver || wantsClose || closesNow()) {
        realm.fail("Error", "This socket is closed");
      }
      if (refuses && unsent.length + text.length > REFUSED_BYTES) {
        realm.fail("Error", "Too much data is waiting to be sent");
      }
      const room = unsent.length + text.length > SURE_ROOM_BYTES ? memory.textRoom() : Infinity;
      unsent += text.slice(0, room);
      loop.wake();
      if (text.length > room) host.outOfMemory();
    },
    end: () => {
      if (isOver) return;
      if (unsent === "" && !framing) writer["clsNow"] = true;
      wantsClose = true;
      loop.wake();
    },
    closeNow: () => {
      writer["clsNow"] = true;
      loop.wake();
    },
  };
}
