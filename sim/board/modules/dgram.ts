// SPDX-License-Identifier: MIT
// require("dgram"): datagrams. One is sent and one received in a pass; what is longer than a chunk
// is cut on receipt, an empty one is lost, and so is one to a name without an address.
// Two liberties of the interpreter: a bound socket tells its end twice, and `send` makes text of
// whatever it is given.
import type { SimUdp } from "../../network/network.ts";
import { isCallback } from "./address.ts";
import { createClass, instanceOf } from "./classes.ts";
import type { ScriptObject } from "./classes.ts";
import type { ModuleHost } from "./index.ts";
import { CHUNK_BYTES, socketsOf } from "./sockets.ts";
import type { Polled } from "./sockets.ts";
import { emitConnect } from "./link.ts";

/** A chunk without the interpreter's own header of a datagram. */
const LONGEST_BYTES = CHUNK_BYTES - 8;
/** Datagrams that wait for the board; the network drops more. */
const MAX_WAITING = 6;

interface Datagram {
  bytes: string;
  address: string;
  port: number;
}

interface Socket extends Polled {
  /** Opens it unless it is open. @throws Error of the script's world when it is closed */
  open(): void;
  send(message: Datagram): void;
  bind(port: number): void;
  close(): void;
}

function createSocket(host: ModuleHost, object: ScriptObject): Socket {
  const { realm, loop, globals } = host;
  const { events } = globals;
  const sockets = socketsOf(host);
  let udp: SimUdp | null = null;
  const callback = object["#onconnect"];
  let isBound = false;
  let isConnected = false;
  let wantsClose = false;
  let isOver = false;
  const unsent: Datagram[] = [];
  const unread: Datagram[] = [];

  const onMessage = (bytes: string, from: { address: string; port: number }): void => {
    if (bytes !== "" && unread.length < MAX_WAITING) unread.push({ bytes, ...from });
  };
  const finish = (): void => {
    isOver = true;
    udp?.close();
    for (let times = isBound ? 2 : 1; times > 0; times--) {
      events.emit(object, "end", []);
      events.emit(object, "close", [false]);
    }
  };
  /** The first pass in which it is open. */
  const connected = (): void => {
    isConnected = true;
    emitConnect(host, object, callback, [object]);
    if (unsent.length === 0) events.emit(object, "drain", [object]);
  };
  const deliver = ({ bytes, address, port }: Datagram): void => {
    const data = bytes.slice(0, LONGEST_BYTES);
    const from = realm.objectOf({ address, port, size: data.length });
    events.emit(object, "message", [data, from]);
  };
  return {
    poll: () => {
      const message = unsent.shift();
      const received = unread.shift();
      if (message) {
        udp?.send(message.bytes, message.address, message.port);
        if (unsent.length === 0 && !wantsClose) events.emit(object, "drain", [object]);
      }
      if (udp && !isConnected) connected();
      if (received) deliver(received);
      const isBusy = message !== undefined || received !== undefined;
      if (object["clsNow"] || (wantsClose && !message)) finish();
      return isBusy || isOver;
    },
    isOver: () => isOver,
    bufferedBytes: () =>
      [...unsent, ...unread].reduce((sum, message) => sum + message.bytes.length, 0),
    socketCount: () => (udp && !isOver ? 1 : 0),
    objects: () => [object],
    destroy: () => udp?.close(),
    open: () => {
      if (isOver || wantsClose || object["clsNow"]) {
        realm.fail("Error", "This socket is closed");
      }
      udp ??= sockets.openUdp(null, onMessage);
    },
    send: (message) => {
      unsent.push(message);
      loop.wake();
    },
    bind: (port) => {
      try {
        udp = sockets.openUdp(port, onMessage);
        isBound = true;
      } catch (error) {
        object["clsNow"] = true;
        loop.wake();
        throw error;
      }
    },
    close: () => {
      wantsClose = true;
      loop.wake();
    },
  };
}

/** Makes the module for one board. */
export function createDgram(host: ModuleHost): object {
  const { realm, globals } = host;
  const { text } = realm;
  const sockets = new WeakMap<object, Socket>();
  const prototype = createClass(realm, "dgramSocket", {
    send(this: object, data: unknown, ...args: unknown[]) {
      // With offset and length in front of port and host when the third number is a port.
      const isPart = typeof args[2] === "number";
      const [port, address] = isPart ? args.slice(2) : args;
      const whole = text(data);
      const start = Number(args[0]) | 0;
      const bytes = isPart ? whole.slice(start, start + (Number(args[1]) | 0)) : whole;
      const message = { bytes, address: text(address), port: Number(text(port)) & 0xffff };
      const socket = sockets.get(this);
      socket?.open();
      if (data !== undefined) socket?.send(message);
    },
    bind(this: ScriptObject, port: unknown, callback?: unknown) {
      if (callback !== undefined) this["#onbind"] = callback;
      sockets.get(this)?.bind(Number(text(port)) & 0xffff);
      globals.events.emit(this, "bind", [this]);
      return this;
    },
    close(this: object) {
      sockets.get(this)?.close();
    },
    addMembership() {},
  });
  const module = realm.object();
  realm.define(module, {
    createSocket: (_type: unknown, callback?: unknown) => {
      if (callback !== undefined && !isCallback(host, callback)) return undefined;
      const object = instanceOf(prototype);
      if (callback !== undefined) object["#onconnect"] = callback;
      const socket = createSocket(host, object);
      sockets.set(object, socket);
      socketsOf(host).add("outgoing", socket);
      return object;
    },
  });
  return module;
}
