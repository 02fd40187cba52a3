// SPDX-License-Identifier: MIT
// Ports that a board listens on, for net and http: one connection is accepted in a pass, and none
// while the board has no socket left; those wait, up to the length of the board's queue.
import type { SimSocket } from "../../network/network.ts";
import type { Native } from "../realm.ts";
import { isCallback } from "./address.ts";
import { createClass, instanceOf } from "./classes.ts";
import type { ScriptObject } from "./classes.ts";
import type { ModuleHost } from "./index.ts";
import { emitConnect } from "./link.ts";
import { socketsOf } from "./sockets.ts";
import type { Polled } from "./sockets.ts";

/** Connections that wait to be accepted. */
const MAX_WAITING = 10;

/**
 * Creates the function `createServer` of a module, and the class of what it returns.
 *
 * @param accept gets the connections, in passes of the loop; `connected` calls the script's
 *   callback, which is queued
 */
export function serverCreator(
  host: ModuleHost,
  className: string,
  accept: (socket: SimSocket, connected: (...args: object[]) => void) => void,
): (callback?: unknown) => ScriptObject | undefined {
  const callbacks = new WeakMap<object, unknown>();
  const methods = serverMethods(host, (server, socket) =>
    accept(socket, (...args) => emitConnect(host, server, callbacks.get(server), args)),
  );
  const prototype = createClass(host.realm, className, methods);
  return (callback) => {
    if (!isCallback(host, callback)) return undefined;
    const server = instanceOf(prototype);
    server["#onconnect"] = callback;
    callbacks.set(server, callback);
    return server;
  };
}

/** The methods `listen` and `close` of servers. */
function serverMethods(
  host: ModuleHost,
  accept: (server: ScriptObject, socket: SimSocket) => void,
): Record<string, Native> {
  const { realm, write } = host;
  const sockets = socketsOf(host);
  let hasListened = false;
  const ports = new WeakMap<object, Polled & { close(): void }>();

  const open = (server: ScriptObject, port: number): void => {
    const waiting: SimSocket[] = [];
    const listener = sockets.listen(port, (socket) => {
      if (waiting.length < MAX_WAITING) waiting.push(socket);
      else socket.destroy();
    });
    const close = (): void => {
      listener?.close();
      for (const socket of waiting.splice(0)) socket.destroy();
    };
    const polled = {
      poll: () => {
        if (waiting.length === 0 || !sockets.hasRoom()) return false;
        accept(server, waiting.shift() as SimSocket);
        return true;
      },
      isOver: () => false,
      bufferedBytes: () => 0,
      socketCount: () => 1,
      objects: () => [server],
      destroy: close,
      close,
    };
    ports.set(server, polled);
    hasListened = true;
    sockets.add("listening", polled);
  };
  return {
    listen(this: ScriptObject, port?: unknown) {
      open(this, Number(realm.text(port)) & 0xffff);
      return this;
    },
    close(this: ScriptObject) {
      const port = ports.get(this);
      if (!port && hasListened) write("WARNING: Server not found!\n");
      if (!port) return;
      ports.delete(this);
      sockets.remove("listening", port);
      port.close();
    },
  };
}
