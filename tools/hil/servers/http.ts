// SPDX-License-Identifier: MIT
// An HTTP server of Node as a server of scenarios: takes heartbeats as the wire contract says, from
// whoever has a token of the device.
import { createServer } from "node:http";
import type { Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { AUDIENCE } from "../../../firmware/wire/claims.ts";
import { verifyToken } from "../../lib/token.ts";
import type { WatcherEvents } from "../../lib/watcher.ts";
import type { ScenarioServer, ServerChoice } from "../../scenario/server.ts";

const HOST = "127.0.0.1";
const PATH = /^\/api\/v1\/devices\/([A-Za-z0-9_-]{1,64})\/heartbeat$/;
const BODY_MAX_BYTES = 16_384;

/** Tells whether a connection token is the device's and still valid. */
function isToken(header: string | undefined, deviceId: string, key: Buffer): boolean {
  const token = /^Bearer (\S+)$/.exec(header ?? "")?.[1] ?? "";
  const result = verifyToken(token, () => key);
  if (!result.ok) return false;
  const { sub, aud, exp } = result.claims;
  return sub === deviceId && aud === AUDIENCE && Number(exp) > Date.now() / 1000;
}

function answer(response: ServerResponse, status: number, body: object): void {
  const text = JSON.stringify({ ...body, server_time: new Date().toISOString() });
  response.writeHead(status, {
    "Content-Type": status === 200 ? "application/json" : "application/problem+json",
    "Content-Length": Buffer.byteLength(text),
  });
  response.end(text);
}

async function start(deviceId: string, key: Buffer): Promise<ScenarioServer> {
  const watchers = new Set<WatcherEvents>();
  let server: Server;
  let port = 0;

  async function listen(): Promise<void> {
    server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      request.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > BODY_MAX_BYTES) request.destroy();
        else chunks.push(chunk);
      });
      request.on("end", () => {
        const id = PATH.exec(request.url ?? "")?.[1];
        if (id !== deviceId) return answer(response, 404, { status: 404 });
        if (request.method !== "POST") return answer(response, 405, { status: 405 });
        if (!isToken(request.headers.authorization, deviceId, key))
          return answer(response, 401, { status: 401 });
        for (const { onBeat } of watchers) onBeat(deviceId, Buffer.concat(chunks), false);
        return answer(response, 200, { status: "ok", playlist_updated: false, commands: [] });
      });
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, HOST, resolve);
    });
    ({ port } = server.address() as AddressInfo);
  }
  async function stop(): Promise<void> {
    const isClosed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    await isClosed;
  }

  await listen();
  return {
    url: `http://${HOST}:${port}`,
    hasStatus: false,
    control: { stop, start: listen },
    watch: (events) => {
      watchers.add(events);
      return {
        ready: () => Promise.resolve(true),
        close: () => {
          watchers.delete(events);
          return Promise.resolve();
        },
      };
    },
    dispose: stop,
  };
}

/** The server, a fresh one for each scenario. */
export function httpChoice(): ServerChoice {
  return { carrier: "http", name: `node ${process.versions.node}`, isOurs: true, start };
}
