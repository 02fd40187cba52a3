// SPDX-License-Identifier: MIT
// Receives heartbeats that are posted over HTTP, in memory, and answers as the wire contract says
// (firmware/wire/README.md). A handler for http-endpoint.ts.
// Not for: checking signatures; who wants that does it in `isAllowed` or with what is received.
import type { SimClock } from "../clock/clock.ts";
import type { HttpRequest } from "./http-request.ts";
import type { HttpResponse } from "./http-response.ts";

/** A heartbeat that was taken. */
export interface PostedBeat {
  deviceId: string;
  /** The body as it came. */
  text: string;
  /** When it came, ms of the clock. */
  atMs: number;
}

/** What a receiver is made of. */
export interface HeartbeatReceiverOptions {
  clock: SimClock;
  /** Decides about a request by its bearer token (empty without one); everybody unless given. */
  isAllowed?: (deviceId: string, token: string, text: string) => boolean;
  /** Gets each heartbeat that is taken. */
  onBeat?: (beat: PostedBeat) => void;
  /** Commands that wait for a device, in the form of the command topic; none unless given. */
  commandsFor?: (deviceId: string) => readonly string[];
}

const PATH = /^\/api\/v1\/devices\/([A-Za-z0-9_-]{1,64})\/heartbeat$/;

function json(status: number, body: object, headers: Record<string, string> = {}): HttpResponse {
  const type = status < 400 ? "application/json" : "application/problem+json"; // RFC 9457
  return { status, headers: { "Content-Type": type, ...headers }, body: JSON.stringify(body) };
}

/** Creates the handler. */
export function createHeartbeatReceiver(
  options: HeartbeatReceiverOptions,
): (request: HttpRequest) => HttpResponse {
  const { clock } = options;
  const serverTime = (): string => new Date(clock.now()).toISOString();
  return ({ method, path, headers, body }) => {
    const deviceId = PATH.exec(path)?.[1];
    if (deviceId === undefined) return json(404, { title: "No such resource", status: 404 });
    if (method !== "POST") return json(405, { title: "Only POST", status: 405 }, { Allow: "POST" });
    const text = body.toString("utf8");
    const token = /^Bearer (\S+)$/.exec(headers["authorization"] ?? "")?.[1] ?? "";
    if (options.isAllowed && !options.isAllowed(deviceId, token, text))
      // A device with a wrong clock can be set right by this answer.
      return json(
        401,
        { title: "Not allowed", status: 401, server_time: serverTime() },
        { "WWW-Authenticate": "Bearer" },
      );
    if (idIn(text) !== deviceId)
      return json(400, { title: "Not a heartbeat of this device", status: 400 });
    options.onBeat?.({ deviceId, text, atMs: clock.now() });
    return json(200, {
      status: "ok",
      server_time: serverTime(),
      playlist_updated: false,
      commands: options.commandsFor?.(deviceId) ?? [],
    });
  };
}

/** The device that a body speaks of; null when it is no heartbeat. */
function idIn(text: string): unknown {
  try {
    const beat = JSON.parse(text) as { device_id?: unknown } | null;
    return beat?.device_id ?? null;
  } catch {
    return null;
  }
}
