// SPDX-License-Identifier: MIT
// A world of the soak: boards with the built bundle, every kind of server they may be configured for,
// and a monitor behind all of them that verifies each beat and each connection's token.
//
//   broker  MQTT on 1883, 8883 (TLS), 80 and 443 (WebSocket)      server  HTTP on 80, 443 (TLS)
//   backup  MQTT on 1883                                          echo    WebSocket on 80
//   time, clock  SNTP                                             visitor asks for status pages
//
// Not for: how it is configured (draw-settings.ts), what must hold (rules.ts).
import { createHash } from "node:crypto";
import { CONFIG_FILE } from "../../firmware/wire/config.ts";
import { parseTopic } from "../../firmware/wire/topics.ts";
import {
  createHeartbeatReceiver,
  createWebSocketListener,
  mqttOverWebSocket,
  webSocketEcho,
  World,
} from "../../sim/index.ts";
import type { VirtualHost, WorldBroker } from "../../sim/index.ts";
import { boardConfigText } from "../lib/board-config.ts";
import { SKEW_SEC } from "../../firmware/wire/claims.ts";
import { verifyToken } from "../lib/token.ts";
import { createVerifier } from "../lib/verifier.ts";
import type { Verdict } from "../lib/verifier.ts";
import type { SoakSettings } from "./draw-settings.ts";

/** What a world tells. */
export interface SoakEvents {
  onBeat(deviceId: string, payload: Buffer, verdict: Verdict): void;
  onStatus(deviceId: string, broker: string, payload: Buffer): void;
  onPrint(deviceId: string, line: string): void;
  /** A CONNECT has arrived. */
  onConnect(deviceId: string): void;
  onBoot(deviceId: string, cause: string): void;
}

/** A world of the soak. */
export interface SoakWorld {
  world: World;
  deviceIds: readonly string[];
  /** Who asks boards for their status pages. */
  visitor: VirtualHost;
}

const PREFIX = "devices";
const PORTS = { mqtts: 8883, ws: 80, wss: 443, https: 443 } as const;
/** Boards are switched on over this time, ms. */
const POWER_ON_MS = 5000;
/** `{"t":1,"on":"board/dev-1","ev":"boot","cause":"power"}` */
const BOOT_LINE = /"on":"board\/([\w-]+)","ev":"boot","cause":"([\w-]+)"/;

/** The key of a device: anybody can compute it. */
function keyOf(deviceId: string): Buffer {
  return createHash("sha256").update(`soak ${deviceId}`).digest();
}

/** Whether a connection's token is a device's and in force: a board with a wrong clock is refused. */
function isAllowed(deviceId: string, token: string, nowMs: number): boolean {
  const verified = verifyToken(token, () => keyOf(deviceId));
  if (!verified.ok || verified.claims["sub"] !== deviceId) return false;
  const { iat, exp } = verified.claims as { iat: number; exp: number };
  const nowSec = nowMs / 1000;
  return iat <= nowSec + SKEW_SEC && exp > nowSec - SKEW_SEC;
}

/** Builds a world; its boards are switched on one after the other. */
export function createSoakWorld(
  seed: number,
  bundle: string,
  { boards, isRewritten, config }: SoakSettings,
  events: SoakEvents,
): SoakWorld {
  const world = new World({
    seed,
    keepTrace: false,
    onTraceLine: (line) => {
      const boot = line.includes('"ev":"boot"') ? BOOT_LINE.exec(line) : null;
      if (boot) events.onBoot(boot[1] as string, boot[2] as string);
    },
  });
  const { clock } = world;
  const verifier = createVerifier({ keyFor: keyOf });
  const onBeat = (deviceId: string, payload: Buffer): void =>
    events.onBeat(deviceId, payload, verifier.accept(payload, deviceId, clock.now()));

  const addBroker = (name: string): WorldBroker => {
    const broker = world.broker(name, {
      authenticate: (clientId, _username, password) => {
        const token = password?.toString("latin1") ?? "";
        events.onConnect(clientId);
        return isAllowed(clientId, token, clock.now()) ? 0 : 4;
      },
    });
    broker.subscribe(`${PREFIX}/+/heartbeat`, (topic, payload) =>
      onBeat(parseTopic(PREFIX, topic)?.deviceId ?? "", payload),
    );
    broker.subscribe(`${PREFIX}/+/status`, (topic, payload) =>
      events.onStatus(parseTopic(PREFIX, topic)?.deviceId ?? "", name, payload),
    );
    return broker;
  };
  const broker = addBroker("broker");
  addBroker("backup");
  const front = createWebSocketListener({ clock, program: mqttOverWebSocket(broker.peer) });
  world.serve("broker", PORTS.mqtts, broker.peer, { tls: true });
  world.serve("broker", PORTS.ws, front.peer);
  world.serve("broker", PORTS.wss, front.peer, { tls: true });
  const server = world.http("server", {
    handle: createHeartbeatReceiver({
      clock,
      isAllowed: (deviceId, token) => isAllowed(deviceId, token, clock.now()),
      onBeat: ({ deviceId, text }) => onBeat(deviceId, Buffer.from(text, "latin1")),
    }),
  });
  world.serve("server", PORTS.https, server.peer, { tls: true });
  world.serve("echo", PORTS.ws, createWebSocketListener({ clock, program: webSocketEcho() }).peer);
  world.timeServer("time");
  world.timeServer("clock");
  const visitor = world.network.addHost("visitor");

  const deviceIds = Array.from({ length: boards }, (_, i) => `dev-${i + 1}`);
  deviceIds.forEach((deviceId, i) => {
    const text = boardConfigText({
      ...config,
      device_id: deviceId,
      key: keyOf(deviceId).toString("base64url"),
    });
    const board = world.board(deviceId, {
      serial: deviceId,
      script: bundle,
      files: { [CONFIG_FILE]: text },
      isOff: true,
      keepLines: false,
      realm: isRewritten ? "own" : "shared",
      instrument: isRewritten,
      onPrint: (line) => events.onPrint(deviceId, line),
    });
    world.after((i * POWER_ON_MS) / boards, () => board.powerOn());
  });
  return { world, deviceIds, visitor };
}

/** What a page of a board said: the status code and the body; null when nothing answered in time. */
export async function askPage(
  { world, visitor }: SoakWorld,
  deviceId: string,
  path: string,
): Promise<{ status: number; body: string } | null> {
  const address = world.network.host(deviceId)?.address ?? "";
  let text = "";
  let isAsked = false;
  try {
    const socket = visitor.network.connect(address, 80, () => {
      if (socket.state === "open" && !isAsked) {
        isAsked = true;
        socket.send(`GET ${path} HTTP/1.1\r\nHost: ${deviceId}\r\n\r\n`);
      }
      text += socket.receive(10_000);
    });
    await world.runUntil(() => socket.state === "closed", "10s");
    socket.destroy();
  } catch {
    return null;
  }
  const found = /^HTTP\/1\.1 (\d+) [^]*?\r\n\r\n([^]*)$/.exec(text);
  return found && { status: Number(found[1]), body: found[2] as string };
}
