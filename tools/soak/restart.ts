// SPDX-License-Identifier: MIT
// A fleet whose broker restarts: how many of its boards connect in each second afterwards, and when
// each of them is back. Boards know nothing of each other, so fleets of some worlds are one fleet when
// their histograms are added.
import { CONFIG_FILE } from "../../firmware/wire/config.ts";
import { World } from "../../sim/index.ts";
import { boardConfigText } from "../lib/board-config.ts";
import { AppError } from "../lib/errors.ts";

/** What came of one world. */
export interface RestartResult {
  boards: number;
  /** CONNECTs by second since the broker is there again. */
  connects: number[];
  /** When each board was accepted, ms since then. */
  backMs: number[];
}

/** First window of the backoff, s. */
export const SPREAD_SEC = 40;
const KEY = Buffer.alloc(32, 13).toString("base64url");
/** Boards are switched on over this time, and are quiet so long after it, s. */
const POWER_ON_SEC = 120;
const QUIET_SEC = 120;
/** The broker is away so long: in this time some boards have tried already. */
const DOWN = "5s";
const WATCH_SEC = 300;

/** Restarts the broker of one world. */
export async function runRestart(options: {
  boards: number;
  /** Number of the first device, so that no two worlds have the same. */
  first: number;
  seed: number;
  bundle: string;
}): Promise<RestartResult> {
  const { boards, first } = options;
  const world = new World({ seed: options.seed, keepTrace: false });
  const connects = Array.from({ length: WATCH_SEC }, () => 0);
  const back = new Map<string, number>();
  let upMs = Infinity;
  const broker = world.broker("broker", {
    authenticate: (clientId) => {
      const sinceMs = world.nowMs - upMs;
      if (sinceMs < 0 || sinceMs >= WATCH_SEC * 1000) return 0;
      const sec = Math.floor(sinceMs / 1000);
      connects[sec] = (connects[sec] as number) + 1;
      if (!back.has(clientId)) back.set(clientId, sinceMs);
      return 0;
    },
  });
  for (let i = 0; i < boards; i++) {
    const name = `dev-${first + i}`;
    const board = world.board(name, {
      serial: name,
      script: options.bundle,
      keepLines: false,
      realm: "shared",
      instrument: false,
      isOff: true,
      files: {
        [CONFIG_FILE]: boardConfigText({
          device_id: name,
          key: KEY,
          urls: "mqtt://broker",
          wifi_ssid: "soak",
          interval_s: 300,
          keep_alive_s: 600,
          reconnect_spread_s: SPREAD_SEC,
          time_servers: "",
        }),
      },
    });
    world.after((i * POWER_ON_SEC * 1000) / boards, board.powerOn);
  }
  await world.run((POWER_ON_SEC + QUIET_SEC) * 1000);
  const { clients } = broker.stats();
  if (clients !== boards) throw new AppError("E_SOAK", `${clients} of ${boards} boards are online`);
  const restart = world.fault("broker-restart", { connections: "cut", state: "kept" });
  await world.run(DOWN);
  restart.end();
  upMs = world.nowMs;
  await world.run(WATCH_SEC * 1000);
  await world.close();
  return { boards, connects, backMs: [...back.values()] };
}

/** What the bounds are about, of one fleet. */
export interface RestartFigures {
  boards: number;
  /** Most CONNECTs within a second, in parts of a hundred of the fleet. */
  peakPercent: number;
  /** When 99 of a hundred boards were back, and the last one, s; infinite when they never were. */
  back99Sec: number;
  backAllSec: number;
}

/** Adds the worlds up. */
export function restartFigures(parts: readonly RestartResult[]): RestartFigures {
  const boards = parts.reduce((sum, part) => sum + part.boards, 0);
  const backMs = parts.flatMap((part) => part.backMs).sort((a, b) => a - b);
  const perSec = Array.from({ length: WATCH_SEC }, (_, sec) =>
    parts.reduce((sum, part) => sum + (part.connects[sec] as number), 0),
  );
  return {
    boards,
    peakPercent: (100 * Math.max(...perSec)) / boards,
    back99Sec: (backMs[Math.ceil(boards * 0.99) - 1] ?? Infinity) / 1000,
    backAllSec: (backMs[boards - 1] ?? Infinity) / 1000,
  };
}
