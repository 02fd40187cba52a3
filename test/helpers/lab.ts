// SPDX-License-Identifier: MIT
// One virtual board with a built bundle, a broker and a time server, as its fleet sees it: beats and
// replies that arrive, commands that are sent, and why it started. The world ends with its test.
import { onTestFinished } from "vitest";
import { World } from "../../sim/index.ts";
import type { WorldBoard, WorldBoardOptions } from "../../sim/index.ts";
import { CONFIG_FILE } from "../../firmware/wire/config.ts";
import type { HeartbeatBody } from "../../firmware/wire/heartbeat.ts";
import { loadBundle, PROJECT_DIR } from "../../tools/lib/bundle.ts";
import { SEED } from "./seeds.ts";
import { commandToken } from "./signed.ts";
import { TEST_KEY } from "./test-board.ts";

const ID = "dev-1";

/** What a board of these has for a configuration unless a test says otherwise. */
export const LAB_CONFIG = {
  device_id: ID,
  urls: "mqtt://broker",
  key: TEST_KEY,
  time_servers: "time",
};

/** The smallest bundle: no outbox, no commands, no supervisor. */
export function mqttBundle(): string {
  return loadBundle(`${PROJECT_DIR}dist/firmware/lubdub-mqtt.min.js`).text;
}

/** A reply to a command. */
export interface Reply {
  id: string;
  ok: boolean;
  result: unknown;
  error?: { code: string };
}

/** How a lab is. */
export interface LabOptions extends Pick<WorldBoardOptions, "script"> {
  /** Members of the configuration over {@link LAB_CONFIG}. */
  config?: object;
  /** Further files in flash. */
  files?: { readonly [name: string]: string };
  /** The board has a radio; on a wire it never learns the time from the time server. */
  hasRadio?: boolean;
  /** Wall clock of the world at the start, epoch ms; that of all worlds unless given. */
  startMs?: number;
  /** Its clock starts in 1970, as without a battery. */
  is1970?: boolean;
}

/** The board and what its fleet has seen. */
export interface Lab {
  world: World;
  broker: ReturnType<World["broker"]>;
  board: WorldBoard;
  beats: HeartbeatBody[];
  replies: Reply[];
  /** Why the program started, each time: a planned reason, or `unknown` for power, watchdog, crash. */
  starts(): string[];
  /** Publishes a signed command, issued now. */
  send(cmd: string, args?: object): void;
  /** How many lines of the console match. */
  count(pattern: RegExp): number;
}

/** Creates it and switches the board on. */
export function createLab(options: LabOptions = {}): Lab {
  const { startMs } = options;
  const world = new World({
    seed: SEED,
    keepTrace: false,
    ...(startMs !== undefined && { startMs }),
  });
  onTestFinished(() => world.close());
  world.timeServer("time");
  const broker = world.broker("broker");
  const beats: HeartbeatBody[] = [];
  const replies: Reply[] = [];
  const read = (payload: Uint8Array): unknown => JSON.parse(Buffer.from(payload).toString());
  broker.subscribe("devices/+/heartbeat", (_topic, payload) =>
    beats.push(read(payload) as HeartbeatBody),
  );
  broker.subscribe("devices/+/replies", (_topic, payload) => replies.push(read(payload) as Reply));
  const config = JSON.stringify({ ...LAB_CONFIG, ...options.config });
  const board = world.board(ID, {
    script: options.script ?? loadBundle().text,
    files: { [CONFIG_FILE]: config, ...options.files },
    instrument: false,
    isOff: true,
    ...(!options.hasRadio && { wifi: false as const }),
  });
  if (options.is1970) world.fault("clock-1970", { target: ID });
  board.powerOn();
  const { lines } = board;
  return {
    world,
    broker,
    board,
    beats,
    replies,
    starts: () => lines.flatMap((line) => / identity .* reset=(\w+)/.exec(line)?.[1] ?? []),
    send: (cmd, args = {}) =>
      broker.publish(`devices/${ID}/commands`, commandToken(ID, cmd, args, world.clock.now()), {
        qos: 1,
      }),
    count: (pattern) => lines.filter((line) => pattern.test(line)).length,
  };
}
