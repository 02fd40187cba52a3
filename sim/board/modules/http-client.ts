// SPDX-License-Identifier: MIT
// HTTP requests from the board. A request connects when it is first written to or ended; the
// callback gets the response when its head is complete. There is no time limit and no abort.
//
//   request: write, end, 'drain', 'error'     response: statusCode ..., 'data' 'end' 'close'
//
// Not for: the framing of messages (http-message.ts), the connection (link.ts).
import { INTERPRETER_VERSION } from "../profile.ts";
import { addressOf, isCallback, optionsOf, tlsOf } from "./address.ts";
import { createClass, instanceOf } from "./classes.ts";
import type { ScriptObject } from "./classes.ts";
import { chunk, createFraming, headersText, isChunked } from "./http-message.ts";
import type { ModuleHost } from "./index.ts";
import { createLink, linkMethods, wakeOnCloseNow } from "./link.ts";
import type { Link } from "./link.ts";
import { socketsOf } from "./sockets.ts";

const HTTP_PORT = 80;
const HTTPS_PORT = 443;

/** Creates the functions `request` and `get` for one board. */
export function createHttpClient(host: ModuleHost) {
  const { realm, globals } = host;
  const { text } = realm;
  const sockets = socketsOf(host);
  const links = new WeakMap<object, Link>();

  const headOf = (options: ScriptObject): string => {
    const { method, path, headers, host: name } = options;
    const given = typeof headers === "object" && headers !== null ? headers : {};
    const port = Number(options["port"]) | 0;
    const hasHost = Object.keys(given).some((key) => key.toLowerCase() === "host");
    const hostLine = `Host: ${text(name)}${port > 0 && port !== HTTP_PORT ? `:${port}` : ""}\r\n`;
    return (
      `${text(method)} ${text(path)} HTTP/1.1\r\nUser-Agent: Espruino ${INTERPRETER_VERSION}\r\n` +
      `Connection: close\r\n${headersText(given, text)}${hasHost ? "" : hostLine}\r\n`
    );
  };
  const responsePrototype = createClass(realm, "httpCRs", globals.streams.methods);

  /** Makes a request; its link writes the head in front of the first text and connects then. */
  const create = (options: ScriptObject, callback: unknown): ScriptObject => {
    const isTls = options["protocol"] === "https:";
    const writer = instanceOf(requestPrototype);
    const reader = instanceOf(responsePrototype);
    if (callback !== undefined) writer["#onconnect"] = callback;
    const framing = createFraming(({ words, headers }) => {
      reader["headers"] = realm.objectOf(headers);
      reader["httpVersion"] = words[0].slice(5);
      reader["statusCode"] = words[1];
      reader["statusMessage"] = words[2];
    });
    const link = createLink(host, { writer, reader, socket: null, isTls, framing });
    const hasChunks = isChunked(Object(options["headers"]) as object);
    let hasHead = false;
    /** Text of the body, null for none. */
    const send = (body: string | null): void => {
      link.write("");
      const head = hasHead ? "" : headOf(options);
      hasHead = true;
      link.write(head + (body === null ? "" : hasChunks ? chunk(body) : body));
      if (link.hasSocket()) return;
      try {
        const address = addressOf(host, options, isTls ? HTTPS_PORT : HTTP_PORT);
        link.attach(sockets.connect(address, isTls ? tlsOf(host, options) : undefined));
      } catch (error) {
        link.closeNow();
        throw error;
      }
    };
    links.set(writer, {
      ...link,
      write: send,
      end: () => {
        send(hasChunks ? "" : null);
        link.end();
      },
    });
    sockets.add("outgoing", link);
    return writer;
  };
  const requestPrototype = createClass(realm, "httpCRq", linkMethods(host, links));
  wakeOnCloseNow(host, requestPrototype);

  const request = (given: unknown, callback?: unknown): ScriptObject | undefined => {
    const options = optionsOf(host, given);
    if (!options) return undefined;
    if (callback !== undefined && !isCallback(host, callback)) return undefined;
    return create(options, callback);
  };
  return {
    request,
    get: (given: unknown, callback?: unknown): ScriptObject | undefined => {
      if (typeof given === "object" && given !== null) (given as ScriptObject)["method"] = "GET";
      const made = callback === undefined || isCallback(host, callback);
      const writer = made ? request(given, callback) : undefined;
      if (writer) links.get(writer)?.end();
      return writer;
    },
  };
}
