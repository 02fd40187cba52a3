// SPDX-License-Identifier: MIT
// A program for boards: the WebSocket client and the service that keeps one alive, with nothing else
// of the firmware. It keeps one connection alive, or makes one after the other and tells what comes.
// Its settings are the Storage file `settings`.
import { bundleEntry } from "./entry.ts";

/** What a test sets. */
export interface WebSocketEntrySettings {
  host: string;
  port: number;
  /** Connections to make one after the other, with the paths `/0`, `/1` and so on. */
  cases?: number;
  /** Keys of the service as in the configuration; without `cases`. */
  keepalive_interval_s?: number;
  keepalive_payload?: string;
  keepalive_pong?: string;
  keepalive_pong_s?: number;
  keepalive_ping?: string;
  keepalive_reply?: string;
}

const SOURCE = `
import { createBoard } from "firmware/platform/espruino.ts";
import { addWebSocketBytes } from "firmware/platform/espruino-bytes.ts";
import { createRuntime } from "firmware/core/runtime.ts";
import { openWebSocket } from "firmware/transport/websocket.ts";
import { createWebsocketKeepalive, keepaliveOptions } from "firmware/services/websocket-keepalive.ts";

const board = createBoard();
addWebSocketBytes(board);
const rt = createRuntime(board);
rt.onFault(function (text) {
  rt.log("E", "app", "fault", text);
});
const settings = JSON.parse(rt.read("settings") as string);
const target = { host: settings["host"], port: settings["port"], path: "/", maxBytes: 600 };
rt.expose("settings", settings);

/** Makes one connection after the other; of messages it tells opcode, length and CRC-32. */
function runCases(): void {
  const slot = rt.newSlot();
  const again = rt.newSlot();
  let count = 0;

  function next(): void {
    const name = "" + count;
    target.path = "/" + count++;
    if (count > settings["cases"]) {
      rt.log("I", "test", "finished");
      return;
    }
    openWebSocket(rt, slot, target, {
      onOpen: function () {
        rt.log("I", "test", "event", name + " open");
      },
      onMessage: function (opcode, bytes) {
        const sum = bytes.length + " " + rt.crc32(bytes);
        rt.log("I", "test", "event", name + " message " + opcode + " " + sum);
      },
      onClose: function (reason) {
        rt.log("I", "test", "event", name + " close " + reason);
        rt.arm(again, 0, next);
      },
    });
  }

  next();
}

/** Keeps one connection alive. */
function runService(): void {
  const config = settings;
  config["keepalive_max_bytes"] = 600;
  config["reconnect_spread_s"] = 1;
  const options = keepaliveOptions(rt, config, target);
  options.onState = function (status) {
    rt.log("I", "test", status);
  };
  options.onMessage = function (opcode, bytes) {
    rt.log("I", "test", "message", opcode + " " + rt.base64url(bytes));
  };
  const service = createWebsocketKeepalive(rt, options);
  rt.expose("count", function () {
    return [service.sent, service.missed, service.pongs, service.dropped].join();
  });
  rt.expose("say", service.send);
  rt.expose("stop", function () {
    service.stop(function () {
      rt.log("I", "test", "stopped");
    });
  });
}

/** Masks so many bytes; answers with the size of the result and how many bytes of it are wrong. */
function masked(size: number): string {
  let text = "";
  while (text.length < size) text += "ab\\0\\xff";
  text = text.slice(0, size);
  const before = rt.crc32(text);
  const result = (rt.mask as (bytes: string) => string)(text);
  let wrong = rt.crc32(text) === before ? 0 : 1;
  for (let i = 0; i < size; i++) {
    const byte = result.charCodeAt(i + 4) ^ result.charCodeAt(i & 3);
    if (byte !== text.charCodeAt(i)) wrong++;
  }
  return result.length + " " + wrong;
}

rt.expose("masked", masked);
rt.expose("free", rt.collect);
rt.log("I", "app", "ready");
if (settings["cases"]) runCases();
else runService();
`;

let bundle: Promise<string> | undefined;

/** Bundles it, once. */
export function webSocketEntry(): Promise<string> {
  bundle ??= bundleEntry(SOURCE);
  return bundle;
}

/** The files of a board that runs it. */
export function webSocketFiles(settings: WebSocketEntrySettings): { [name: string]: string } {
  return { settings: JSON.stringify({ keepalive_pong_s: 10, ...settings }) };
}
