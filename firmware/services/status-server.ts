// SPDX-License-Identifier: MIT
// A small page over HTTP for monitors that check devices actively: `/` for people, `/status` as JSON,
// `/health` with 200 or 503. One answer per connection (RFC 9112 section 9.6), two connections at
// once: a board has ten sockets, and a browser opens one to spare. Nothing can be changed here, and
// whoever can reach the port reads the page: it must hold no secret.
//
// connection | entered when                | leaves on
// READING    | accepted                    | head whole or too long -> ENDING, too late -> aborted
// ENDING     | answered, or no place (503) | flushed, or by force after `WAIT_MS`
import { indexIn } from "../lib/find.ts";
import type { Runtime } from "../core/runtime.ts";
import type { Socket, SocketEvents } from "../platform/board.ts";

/** Longest request, bytes. */
export const REQUEST_MAX_BYTES = 1024;

/** Most connections at once; more are told 503. */
export const CLIENTS_MAX = 2;

/** A connection lives for at least this time, and less than twice as long, ms. */
export const WAIT_MS = 3000;

/** With fewer JsVars free no page is made: the interpreter's JSON crashes when memory ends in it. */
export const VARS_MIN = 800;

/** What the page shows: JSON. `/health` says 200 when `status` is `alive`. */
export interface StatusPage {
  status: string;
}

/** The service. */
export interface StatusServer {
  status: string;
  /** Closes the port and all connections. */
  stop(): void;
}

/**
 * Opens the port; only on a board that has `listen`.
 * @param makePage makes what is shown, at each request
 */
export function createStatusServer(
  rt: Runtime,
  port: number,
  makePage: () => StatusPage,
): StatusServer {
  const slot = rt.newSlot();
  let clients: Socket[] = [];
  // Those that were there when the slot fired last.
  let old: Socket[] = [];

  function sweep(): void {
    for (const socket of old) if (clients.indexOf(socket) >= 0) socket.abort();
    clients = old = clients.filter((socket) => old.indexOf(socket) < 0);
    if (clients.length) rt.arm(slot, WAIT_MS, sweep);
  }

  function accept(socket: Socket): SocketEvents {
    let text = "";

    function leave(): void {
      clients = clients.filter((other) => other !== socket);
    }

    function answer(status: number, body: string): void {
      const type = body.charAt(0) === "<" ? "text/html" : "application/json";
      const head = "HTTP/1.1 " + status + " \r\nContent-Length: " + body.length;
      const rest =
        "\r\nAllow: GET, HEAD\r\nConnection: close\r\nContent-Type: " + type + "\r\n\r\n";
      socket.write(head + rest + (text.startsWith("HEAD ") ? "" : body));
      socket.end(WAIT_MS, leave);
    }

    function onData(bytes: string): void {
      text += bytes;
      if (text.length > REQUEST_MAX_BYTES) return answer(413, "");
      if (indexIn(text, "\r\n\r\n", 0) < 0) return;
      // `GET /status?x HTTP/1.1`
      const line = text.split("\r\n")[0] as string;
      if (!/^[A-Z]+ [^ ]+ HTTP\/1\.\d$/.test(line)) return answer(400, "");
      if (!text.startsWith("HEAD ") && !line.startsWith("GET ")) return answer(405, "");
      const target = (line.split(" ")[1] as string).split("?")[0] as string;
      // RFC 9112 section 3.2.2: the absolute form has to be taken, too.
      const path = target.replace(/^http:\/\/[\w.:-]*/, "") || "/";
      const isHealth = path === "/health";
      if (!isHealth && path !== "/" && path !== "/status") return answer(404, "");
      if (rt.varsTotal - rt.varsInUse() < VARS_MIN && rt.collect() < VARS_MIN)
        return answer(503, "");
      const page = makePage();
      const json = JSON.stringify(page, null, 1);
      const html = "<pre>" + json.replace(/&/g, "&amp;").replace(/</g, "&lt;");
      return answer(isHealth && page.status !== "alive" ? 503 : 200, path === "/" ? html : json);
    }

    if (clients.length >= CLIENTS_MAX) answer(503, "");
    else {
      clients = clients.concat([socket]);
      if (!rt.isArmed(slot)) rt.arm(slot, WAIT_MS, sweep);
    }
    return { onOpen: leave, onData, onClose: leave };
  }

  const close = (rt.listen as NonNullable<Runtime["listen"]>)(port, accept);
  return {
    status: "listening",
    stop: function () {
      close();
      rt.disarm(slot);
      for (const socket of clients) socket.abort();
    },
  };
}
