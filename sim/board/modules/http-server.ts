// SPDX-License-Identifier: MIT
// HTTP requests to the board. In a pass, each connection receives up to 536 bytes, then sends; the
// server's callback gets request and response when the head is complete.
//
//   request: method, url, headers, 'data' 'end' 'close'     response: writeHead, write, end, 'close'
//
// - One request a connection; what follows it is data of the first.
// - A client that leaves before its body is complete leaves the connection behind for good, and so
//   does one whose response is never ended.
// Not for: the framing of messages (http-message.ts), ports (server.ts).
import type { SimSocket } from "../../network/network.ts";
import { INTERPRETER_VERSION } from "../profile.ts";
import type { Native } from "../realm.ts";
import { createClass, instanceOf } from "./classes.ts";
import type { ScriptObject } from "./classes.ts";
import { chunk, createFraming, headersText, isChunked } from "./http-message.ts";
import type { ModuleHost } from "./index.ts";
import { wakeOnCloseNow } from "./link.ts";
import { serverCreator } from "./server.ts";
import { CHUNK_BYTES, socketsOf } from "./sockets.ts";
import type { Polled } from "./sockets.ts";

/** What waits to be sent as the response. */
interface Outgoing {
  /** Null before the head is made. */
  unsent: string | null;
  hasChunks: boolean;
  wantsClose: boolean;
  isOver: boolean;
}

/** The methods of responses. */
function responseMethods(
  { realm, loop, write }: ModuleHost,
  outgoingOf: WeakMap<object, Outgoing>,
): Record<string, Native> {
  const { text } = realm;
  const isObject = (value: unknown): value is object =>
    typeof value === "object" && value !== null && !Array.isArray(value);
  const writeHead = (response: ScriptObject, status: unknown, explicit?: unknown): void => {
    const out = outgoingOf.get(response);
    if (explicit !== undefined && !isObject(explicit)) {
      write("ERROR: Headers sent to writeHead should be an object\n");
      return;
    }
    if (!out) return;
    if (out.unsent !== null) {
      write("ERROR: Headers have already been sent\n");
      return;
    }
    const implicit = isObject(response["headers"]) ? response["headers"] : {};
    const headers = { ...implicit, ...explicit };
    out.hasChunks = isChunked(headers);
    out.unsent =
      `HTTP/1.1 ${Math.trunc(Number(status)) || 0} OK\r\nServer: Espruino ${INTERPRETER_VERSION}` +
      `\r\n${headersText(headers, text)}\r\n`;
    loop.wake();
  };
  /** Text of the body, null for none. */
  const send = (response: ScriptObject, body: string | null): Outgoing => {
    const out = outgoingOf.get(response);
    if (!out || out.wantsClose || out.isOver || response["clsNow"]) {
      return realm.fail("Error", "This socket is closed");
    }
    if (out.unsent === null) writeHead(response, 200);
    if (body !== null) out.unsent += out.hasChunks ? chunk(body) : body;
    loop.wake();
    return out;
  };
  return {
    write(this: ScriptObject, data?: unknown) {
      send(this, data === undefined ? null : text(data));
      return false;
    },
    end(this: ScriptObject, data?: unknown) {
      if (data !== undefined) send(this, text(data));
      const hasChunks = outgoingOf.get(this)?.hasChunks ?? false;
      send(this, hasChunks ? "" : null).wantsClose = true;
    },
    writeHead(this: ScriptObject, status?: unknown, headers?: unknown) {
      writeHead(this, status, headers);
    },
    setHeader(this: ScriptObject, name: unknown, value: unknown) {
      const headers = isObject(this["headers"]) ? this["headers"] : realm.object();
      (headers as ScriptObject)[text(name)] = text(value);
      this["headers"] = headers;
    },
  };
}

/** One request and its response. */
function createExchange(
  host: ModuleHost,
  parts: {
    socket: SimSocket;
    request: ScriptObject;
    response: ScriptObject;
    connected(request: object, response: object): void;
  },
  out: Outgoing,
): Polled {
  const { events, streams } = host.globals;
  const { socket, request, response } = parts;
  let unread = "";
  let hasEnded = false;
  let hasSentIntoVoid = false;
  const framing = createFraming(({ words, headers }) => {
    request["headers"] = host.realm.objectOf(headers);
    request["method"] = words[0];
    request["url"] = words[1];
    parts.connected(request, response);
  });

  const deliver = (isLast: boolean): void => {
    while (unread !== "") {
      const cut = framing.cut(unread);
      if (!cut) return;
      const isTaken = cut.data === "" || streams.push(request, cut.data, isLast);
      unread = isTaken ? cut.rest : cut.data;
      if (!isTaken || !cut.hasMore) return;
    }
  };
  const receive = (bytes: string): void => {
    unread += bytes;
    if (!framing.hasHead) {
      const head = framing.takeHead(unread);
      if (!head) return;
      unread = head.rest;
    }
    deliver(false);
  };
  const send = (): boolean => {
    // The first bytes to a peer that has gone are taken by the board's network, the next are not.
    const isGone = socket.state === "closed" && !hasSentIntoVoid;
    if (isGone) hasSentIntoVoid = true;
    const sent = isGone ? CHUNK_BYTES : socket.send((out.unsent as string).slice(0, CHUNK_BYTES));
    if (sent === 0) return false;
    out.unsent = (out.unsent as string).slice(sent);
    if (out.unsent === "" && !out.wantsClose) events.emit(response, "drain", [response]);
    return true;
  };
  const finish = (): void => {
    if (framing.hasHead) deliver(true);
    out.isOver = true;
    events.emit(response, "end", []);
    events.emit(request, "close", [false]);
    events.emit(response, "close", [false]);
    socket.close();
  };

  const poll = (): boolean => {
    if (request["clsNow"]) {
      finish();
      return true;
    }
    const bytes = socket.receive(CHUNK_BYTES);
    if (bytes !== "") receive(bytes);
    const hasUnsent = Boolean(out.unsent);
    const isBusy = (hasUnsent && send()) || bytes !== "";
    if (out.unsent && socket.state === "closed") {
      finish();
      return true;
    }
    if (bytes !== "" || out.unsent) return isBusy;
    if (framing.isAwaiting()) return isBusy;
    if (!hasEnded) events.emit(request, "end", []);
    hasEnded = true;
    if (out.wantsClose) finish();
    return isBusy || out.isOver;
  };
  return {
    poll,
    isOver: () => out.isOver,
    bufferedBytes: () => unread.length + (out.unsent?.length ?? 0) + streams.keptBytes(request),
    socketCount: () => (out.isOver ? 0 : 1),
    objects: () => [request, response],
    destroy: () => socket.destroy(),
  };
}

/** Creates the function `createServer` for one board. */
export function createHttpServer(host: ModuleHost) {
  const { realm, globals } = host;
  const outgoingOf = new WeakMap<object, Outgoing>();
  const requestPrototype = createClass(realm, "httpSRq", globals.streams.methods);
  const responsePrototype = createClass(realm, "httpSRs", responseMethods(host, outgoingOf));
  wakeOnCloseNow(host, requestPrototype);

  const createServer = serverCreator(host, "httpSrv", (socket, connected) => {
    const request = instanceOf(requestPrototype);
    const response = instanceOf(responsePrototype);
    response["headers"] = realm.objectOf({ Connection: "close" });
    const out = { unsent: null, hasChunks: false, wantsClose: false, isOver: false };
    outgoingOf.set(response, out);
    const exchange = createExchange(host, { socket, request, response, connected }, out);
    socketsOf(host).add("incoming", exchange);
  });
  return { createServer };
}
