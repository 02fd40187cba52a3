// SPDX-License-Identifier: MIT
// A world with boards that run the built bundle, a broker they report to, and a monitor behind it
// that verifies every beat. Everything follows from the seed, the devices' keys too.
// Not for: showing it (virtual-run.ts), judging it (invariants.ts).
import { createHash } from "node:crypto";
import { CONFIG_FILE } from "../../firmware/wire/config.ts";
import { parseTopic } from "../../firmware/wire/topics.ts";
import {
  World,
  createHeartbeatReceiver,
  createWebSocketListener,
  mqttOverWebSocket,
} from "../../sim/index.ts";
import type { WorldBroker, WorldOptions } from "../../sim/index.ts";
import { boardConfigText } from "../lib/board-config.ts";
import type { BoardSettings } from "../lib/board-config.ts";
import { createVerifier } from "../lib/verifier.ts";
import type { Verdict } from "../lib/verifier.ts";

/** Schemes of URLs by which a fleet can report. */
export const CARRIERS = ["mqtt", "ws", "http"] as const;
export type Carrier = (typeof CARRIERS)[number];

/** What the fleet is made of. */
export interface FleetWorldOptions extends WorldOptions {
  seed: number;
  deviceIds: readonly string[];
  intervalMs: number;
  qos: number;
  /** First levels of the topics. */
  prefix: string;
  /** The bundle's text, one character per byte. */
  bundle: string;
  /** The bundle's source map (JSON): problems then tell the place in the author's file. */
  sourceMap?: string | null;
  /** One key for all devices, base64url; from the seed unless given. */
  key?: string | undefined;
  /** What the beats travel by: MQTT over TCP unless given, MQTT in WebSocket, HTTP. */
  carrier?: Carrier;
  /** Further keys of the configuration file. */
  settings?: Partial<BoardSettings>;
  /** Shares one set of intrinsics among the boards: a tenth of the memory. */
  isShared?: boolean;
  /** Rewrites the bundle so that it runs as on the interpreter inside the language too. */
  isInstrumented?: boolean;
  /** Gets each beat with its verdict. */
  onBeat?(deviceId: string, payload: Buffer, verdict: Verdict): void;
  /** Gets each status message. */
  onStatus?(deviceId: string, payload: Buffer): void;
  onPrint?(deviceId: string, line: string): void;
}

/** Names of hosts: the broker's, of the one that takes beats over HTTP, of the one that tells the time. */
const BROKER = "broker";
const MONITOR = "monitor";
const TIME = "time";

/** Time over which the boards are switched on, ms; shorter intervals shorten it. */
const POWER_ON_SPREAD_MS = 5000;

/** Key of a device in a simulated world, base64url: anybody can compute it. */
function keyFrom(seed: number, deviceId: string): string {
  return createHash("sha256").update(`lubdub sim ${seed} ${deviceId}`).digest("base64url");
}

/** Builds the fleet; its boards are switched on one after the other from the world's start. */
export function createFleetWorld(options: FleetWorldOptions): {
  world: World;
  broker: WorldBroker;
} {
  const { deviceIds, seed, prefix, intervalMs, carrier = "mqtt" } = options;
  const world = new World(options);
  const broker = world.broker(BROKER);
  const keys = new Map(deviceIds.map((id) => [id, options.key ?? keyFrom(seed, id)]));
  const verifier = createVerifier({
    keyFor: (deviceId) => {
      const key = keys.get(deviceId);
      return key === undefined ? undefined : Buffer.from(key, "base64url");
    },
  });
  const onBeat = (deviceId: string, payload: Buffer): void => {
    const verdict = verifier.accept(payload, deviceId, world.clock.now());
    const { kind } = verdict;
    world.trace.add("monitor", "beat", {
      device: deviceId,
      verdict: kind === "rejected" ? verdict.reason : kind,
      ...(kind === "rejected" ? {} : { boot: verdict.beat.boot, seq: verdict.beat.seq }),
    });
    options.onBeat?.(deviceId, payload, verdict);
  };
  broker.subscribe(`${prefix}/+/heartbeat`, (topic, payload) =>
    onBeat(parseTopic(prefix, topic)?.deviceId ?? "", payload),
  );
  broker.subscribe(`${prefix}/+/status`, (topic, payload) => {
    options.onStatus?.(parseTopic(prefix, topic)?.deviceId ?? "", payload);
  });
  world.timeServer(TIME);
  const { clock } = world;
  if (carrier === "ws") {
    const program = mqttOverWebSocket(broker.peer);
    world.serve(BROKER, 80, createWebSocketListener({ clock, program }).peer);
  } else if (carrier === "http") {
    const take = (beat: { deviceId: string; text: string }): void =>
      onBeat(beat.deviceId, Buffer.from(beat.text));
    world.http(MONITOR, { handle: createHeartbeatReceiver({ clock, onBeat: take }) });
  }
  const gapMs = Math.min(POWER_ON_SPREAD_MS, intervalMs) / deviceIds.length;
  deviceIds.forEach((deviceId, i) => {
    const config = boardConfigText({
      device_id: deviceId,
      urls: `${carrier}://${carrier === "http" ? MONITOR : BROKER}`,
      key: keys.get(deviceId) as string,
      interval_s: intervalMs / 1000,
      immediate: true,
      time_servers: TIME,
      // The virtual access point takes any name.
      wifi_ssid: "lubdub",
      qos: options.qos,
      topic_prefix: prefix,
      ...options.settings,
    });
    const board = world.board(deviceId, {
      serial: deviceId,
      script: options.bundle,
      ...(options.sourceMap && { sourceMaps: { ".bootcde": options.sourceMap } }),
      files: { [CONFIG_FILE]: config },
      isOff: true,
      realm: options.isShared ? "shared" : "own",
      // The build's syntax gate has refused what would run differently.
      instrument: options.isInstrumented ?? false,
      onPrint: (line) => options.onPrint?.(deviceId, line),
    });
    world.after(i * gapMs, () => board.powerOn());
  });
  return { world, broker };
}
