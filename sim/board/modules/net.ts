// SPDX-License-Identifier: MIT
// require("net"), and the connections of require("tls") which differ in one option: the class
// Socket, connections from the board, ports that it listens on.
// What a connection does is in link.ts.
import type { SimSocket } from "../../network/network.ts";
import { addressOf, isCallback, optionsOf, tlsOf } from "./address.ts";
import { createClass, instanceOf } from "./classes.ts";
import type { ScriptObject } from "./classes.ts";
import type { ModuleHost } from "./index.ts";
import { createLink, linkMethods, wakeOnCloseNow } from "./link.ts";
import type { Link } from "./link.ts";
import { serverCreator } from "./server.ts";
import { socketsOf } from "./sockets.ts";

const TLS_PORT = 443;

/** What the modules of plain and of secured connections share. */
interface Net {
  socketPrototype: object;
  open(socket: SimSocket, object: ScriptObject, isTls: boolean): void;
}

const made = new WeakMap<object, Net>();

function netOf(host: ModuleHost): Net {
  const known = made.get(host.loop);
  if (known) return known;
  const links = new WeakMap<object, Link>();
  const socketPrototype = createClass(host.realm, "Socket", {
    ...linkMethods(host, links),
    ...host.globals.streams.methods,
  });
  wakeOnCloseNow(host, socketPrototype);
  const net: Net = {
    socketPrototype,
    open: (socket, object, isTls) => {
      const link = createLink(host, { writer: object, reader: object, socket, isTls });
      links.set(object, link);
      socketsOf(host).add("outgoing", link);
    },
  };
  made.set(host.loop, net);
  return net;
}

/** `connect` of either module. */
function connector(host: ModuleHost, isTls: boolean) {
  return (given: unknown, callback?: unknown): unknown => {
    const { socketPrototype, open } = netOf(host);
    const options = optionsOf(host, given);
    if (!options) return undefined;
    if (callback !== undefined && !isCallback(host, callback)) return undefined;
    const object = instanceOf(socketPrototype);
    if (callback !== undefined) object["#onconnect"] = callback;
    const address = addressOf(host, options, isTls ? TLS_PORT : 0);
    const tls = isTls ? tlsOf(host, options) : undefined;
    open(socketsOf(host).connect(address, tls), object, isTls);
    return object;
  };
}

/** Makes the module `net` for one board. */
export function createNet(host: ModuleHost): object {
  const { realm } = host;
  const { socketPrototype, open } = netOf(host);
  const module = realm.object();
  realm.define(module, {
    connect: connector(host, false),
    createServer: serverCreator(host, "Server", (socket, connected) => {
      const object = instanceOf(socketPrototype);
      connected(object);
      open(socket, object, false);
    }),
  });
  return module;
}

/** Makes the module `tls` for one board. Nothing is verified, as there. */
export function createTls(host: ModuleHost): object {
  const module = host.realm.object();
  host.realm.define(module, { connect: connector(host, true) });
  return module;
}
