// SPDX-License-Identifier: MIT
// require("net") as the interpreter has it: what a script sees of a TCP socket, polled once a pass.
// In a pass, each socket first delivers what waited, then sends up to 536 bytes, then receives up
// to 536. 'data' is called on the spot; 'connect', 'drain', 'error', 'end' and 'close' are queued:
//
//   connect: 'connect' 'drain'      bytes gone: 'drain'      peer gone: ['error'] 'end' 'close'
//
// - A failure that is known at once is thrown by `connect`, after a line on the console, as there;
//   one that turns up later ends the socket with 'error' (code -11, or -6 for a name), 'end' and
//   'close'(true). The interpreter would have blocked until then and thrown.
// - `write` queues without limit and returns false always; there is no half-closed state, and an
//   orderly end looks like a reset.
// - Setting the socket's member `clsNow` closes it in this pass.
// Not for: servers, TLS.
import { NetworkError } from "../../network/network.ts";
import type { SimSocket } from "../../network/network.ts";
import { typeName } from "../promises.ts";
import type { ModuleHost } from "./index.ts";

const CHUNK_BYTES = 536;
/** What waits for a listener of 'data' at most. */
const STREAM_BUFFER_BYTES = 512;
const CLOSED = -1;
const NOT_FOUND = -6;
const UNSENT_DATA = -8;
const NO_CONNECTION = -11;
const MESSAGES: Readonly<Record<number, string>> = {
  [NOT_FOUND]: "not found",
  [UNSENT_DATA]: "unsent data",
  [NO_CONNECTION]: "no connection",
};

interface Connection {
  object: Record<string, unknown>;
  socket: SimSocket;
  isConnected: boolean;
  wantsClose: boolean;
  hasEnded: boolean;
  unsent: string;
  /** Received and not yet delivered. */
  unread: string;
}

/** Makes the module for one board. */
export function createNet({
  realm,
  loop,
  globals,
  network,
  write,
  onPowerOff,
}: ModuleHost): object {
  const { events } = globals;
  const connections = new Map<object, Connection>();
  /** What a stream keeps for a reader, also after its socket is gone. */
  const buffers = new WeakMap<object, string>();

  /** Delivers received bytes; false while nobody wants them and no room is left. */
  const deliver = (c: Connection, isLast: boolean): boolean => {
    if (c.unread === "") return true;
    if (events.has(c.object, "data")) {
      const data = c.unread;
      c.unread = "";
      const outcome = events.callNow(c.object, "data", [data]);
      if (outcome) loop.raise(outcome.thrown);
      return true;
    }
    const kept = buffers.get(c.object) ?? "";
    if (kept !== "" && kept.length + c.unread.length > STREAM_BUFFER_BYTES && !isLast) return false;
    buffers.set(c.object, kept === "" ? c.unread : (kept + c.unread).slice(0, STREAM_BUFFER_BYTES));
    c.unread = "";
    return true;
  };

  /** One pass of one socket; true when it got something done. */
  const poll = (c: Connection): boolean => {
    let isBusy = false;
    let error = 0;
    let closesNow = Boolean(c.object["clsNow"]);
    const { socket } = c;
    deliver(c, false);
    if (!closesNow) {
      if (c.unsent !== "") {
        const sent = socket.send(c.unsent.slice(0, CHUNK_BYTES));
        if (sent > 0) {
          isBusy = true;
          c.unsent = c.unsent.slice(sent);
          if (c.unsent === "" && !c.wantsClose) events.emit(c.object, "drain", [c.object]);
        }
      } else if (c.wantsClose) {
        closesNow = true;
      }
      if (socket.state === "closed") {
        closesNow = true;
        error = CLOSED;
        if (!c.isConnected) error = socket.failure === "unresolved" ? NOT_FOUND : NO_CONNECTION;
      } else if (socket.state === "open") {
        if (!c.isConnected) {
          isBusy = true;
          c.isConnected = true;
          events.emit(c.object, "connect", [c.object]);
          if (c.unsent === "") events.emit(c.object, "drain", [c.object]);
        }
        // No half-closed state: what comes while the last bytes go is lost.
        const canReceive = c.unread === "" && !closesNow;
        const received = canReceive ? socket.receive(CHUNK_BYTES) : "";
        if (received !== "") {
          isBusy = true;
          c.unread = received;
          deliver(c, false);
        }
      }
    }
    if (!closesNow) return isBusy;

    deliver(c, true);
    if (error === CLOSED && c.unsent !== "") error = UNSENT_DATA;
    const isFailure = error < CLOSED;
    if (error === 0 && c.unsent !== "") socket.destroy();
    else socket.close();
    connections.delete(c.object);
    if (isFailure) {
      const details = realm.objectOf({ code: error, message: MESSAGES[error] });
      events.emit(c.object, "error", [details]);
    }
    if (!c.hasEnded) events.emit(c.object, "end", []);
    c.hasEnded = true;
    events.emit(c.object, "close", [isFailure]);
    return true;
  };

  events.watch((target, name) => {
    const kept = name === "data" ? (buffers.get(target) ?? "") : "";
    if (kept === "") return;
    buffers.delete(target);
    events.emit(target, "data", [kept]);
  });
  loop.addModule({
    idle: () => {
      let isBusy = false;
      for (const c of connections.values()) if (poll(c)) isBusy = true;
      return isBusy;
    },
    isOpen: () => connections.size > 0,
  });
  onPowerOff(() => {
    for (const c of connections.values()) c.socket.destroy();
    connections.clear();
  });

  const append = (self: object, data: unknown): void => {
    const c = connections.get(self);
    if (!c || c.wantsClose || c.object["clsNow"]) {
      return realm.fail("Error", "This socket is closed");
    }
    c.unsent += data === undefined ? "" : realm.text(data);
    loop.wake();
  };
  const prototype = realm.object();
  realm.define(prototype, {
    write(this: object, data: unknown) {
      append(this, data);
      return false;
    },
    end(this: object, data?: unknown) {
      const c = connections.get(this);
      if (!c) return;
      if (data !== undefined && !c.wantsClose) append(this, data);
      if (c.unsent === "") c.object["clsNow"] = true;
      c.wantsClose = true;
      loop.wake();
    },
    read(this: object, count?: unknown) {
      const kept = buffers.get(this) ?? "";
      const wanted = Number(count) > 0 ? Number(count) : kept.length;
      buffers.set(this, kept.slice(wanted));
      loop.wake();
      return kept.slice(0, wanted);
    },
    available(this: object) {
      return (buffers.get(this) ?? "").length;
    },
    pipe(this: object, target: { write(data: unknown): void; end?(): void }, options?: object) {
      const { end } = (options ?? {}) as { end?: unknown };
      const on = realm.objectPrototype as { on(name: string, fn: unknown): void };
      on.on.call(this, "data", (data: unknown) => target.write(data));
      on.on.call(this, "close", () => {
        if (end !== false && typeof target.end === "function") target.end();
      });
    },
  });
  const Socket = realm.native(function () {
    return realm.fail("Error", "Sockets are made by require('net').connect");
  });
  Object.defineProperty(Socket, "name", { value: "Socket", configurable: true });
  Object.defineProperty(Socket, "prototype", { value: prototype });
  Object.defineProperty(prototype, "constructor", { value: Socket, configurable: true });
  Object.defineProperty(realm.global, "Socket", {
    value: Socket,
    writable: true,
    configurable: true,
  });

  const optionsOf = (options: unknown): { host: string; port: number } | null => {
    if (typeof options === "string") {
      const url = /^(?:\w+:\/\/)?([^/:?]+)(?::(\d+))?/.exec(options);
      return { host: url?.[1] ?? "", port: Number(url?.[2] ?? 0) };
    }
    if (typeof options !== "object" || options === null) {
      write(`ERROR: Expecting Options to be an Object but it was ${typeName(options)}\n`);
      return null;
    }
    const { host, port } = options as { host?: unknown; port?: unknown };
    return {
      host: host === undefined ? "127.0.0.1" : realm.text(host),
      port: Number(realm.text(port)) & 0xffff,
    };
  };

  const connect = (options: unknown, onConnect?: unknown): unknown => {
    const address = optionsOf(options);
    if (!address) return undefined;
    const object = Object.create(prototype) as Record<string, unknown>;
    if (onConnect !== undefined) object["#onconnect"] = onConnect;
    let socket: SimSocket;
    try {
      socket = network.connect(address.host, address.port, () => loop.wake());
    } catch (error) {
      if (!(error instanceof NetworkError)) throw error;
      if (error.failure === "unresolved") {
        return realm.fail("InternalError", "Unable to locate host");
      }
      write(`ERROR: Connect failed (err ${error.failure === "refused" ? 111 : 113})\n`);
      return realm.fail("InternalError", "Unable to create socket");
    }
    connections.set(object, {
      object,
      socket,
      isConnected: false,
      wantsClose: false,
      hasEnded: false,
      unsent: "",
      unread: "",
    });
    loop.wake();
    return object;
  };

  const module = realm.object();
  realm.define(module, { connect });
  return module;
}
