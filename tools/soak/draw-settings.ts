// SPDX-License-Identifier: MIT
// Draws how a world of the soak is: how many boards, how their scripts run, how they reach their
// servers, and their configuration. What is drawn is what a person could have configured; long
// intervals are as likely as short ones.
// Not for: the world itself (soak-world.ts), its faults (trial.ts).
import type { RandomStream } from "../../sim/index.ts";
import type { BoardSettings } from "../lib/board-config.ts";

/** How a world of the soak is. */
export interface SoakSettings {
  boards: number;
  /** The bundle is rewritten to the interpreter's language; otherwise it runs as it is. */
  isRewritten: boolean;
  /** Configuration of every board, but for id and key. */
  config: Omit<BoardSettings, "key" | "device_id">;
}

/** Where boards report to, by the hosts of soak-world.ts. */
const URLS = [
  "mqtt://broker",
  "mqtt://broker",
  "mqtts://broker",
  "ws://broker/mqtt",
  "wss://broker/mqtt",
  "http://server",
  "https://server",
  "mqtt://broker,mqtt://backup",
  "wss://broker/mqtt,mqtt://backup,http://server",
  "http://server,mqtt://broker",
] as const;

const WEBSOCKET_KEEPALIVE = {
  keepalive_url: "ws://echo/",
  keepalive_interval_s: 60,
  keepalive_payload: "preset:ping",
  keepalive_pong: "ping",
} as const;

/** Draws the settings of one world. */
export function drawSettings(random: RandomStream): SoakSettings {
  const pick = <T>(list: readonly T[]): T => list[random.integer(0, list.length - 1)] as T;
  const isLikely = (chance: number): boolean => random.next() < chance;
  const urls = pick(URLS);
  const qos = pick([0, 1, 1, 1, 2]);
  // Who neither pings nor asks for an answer never learns that the peer is gone.
  const keepAliveSec = pick(qos === 0 ? [15, 60, 300, 1200] : [0, 15, 60, 300, 1200, 3600]);
  const hasTime = isLikely(0.7);
  return {
    boards: random.integer(1, 3),
    isRewritten: isLikely(0.1),
    config: {
      urls,
      qos,
      keep_alive_s: keepAliveSec,
      ping_timeout_s: Math.min(4, keepAliveSec || 4),
      interval_s: pick([10, 30, 60, 300, 900, 1800, 3600]),
      reconnect_spread_s: pick([1, 3, 10, 40]),
      recover_s: pick([60, 300]),
      connect_timeout_s: pick([5, 10, 20]),
      ack_timeout_s: pick([5, 10, 30]),
      renew: isLikely(0.3),
      clean_session: isLikely(0.3),
      immediate: true,
      wifi_ssid: "soak",
      // The invariants read what it says about each beat.
      log_level: "D",
      // One server alone that once lied about the future is not believed any more when it tells the truth.
      time_servers: hasTime ? "time,clock" : "",
      time_interval_s: pick([64, 600, 3600, 14_400]),
      ...(isLikely(0.3) && { ENABLE_HEARTBEAT: true }),
      ...(isLikely(0.5) && { status_port: 80 }),
      ...(isLikely(0.3) && WEBSOCKET_KEEPALIVE),
    },
  };
}
