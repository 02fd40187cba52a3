// SPDX-License-Identifier: MIT
// `lubdub sim`: virtual boards against any broker, watched through that broker. Ends with exit code
// 1 when a beat was refused or lost, or when none was seen at all.
import { Option } from "commander";
import type { Command } from "commander";
import { createBoard, createRealClock, createRealNetwork } from "../../sim/index.ts";
import { KEY_ID } from "../../firmware/wire/claims.ts";
import { TOPIC_PREFIX } from "../../firmware/wire/topics.ts";
import { CONFIG_FILE } from "../../firmware/wire/config.ts";
import { boardConfigText, createKey } from "../lib/board-config.ts";
import { loadBundle } from "../lib/bundle.ts";
import {
  createShutdownSignal,
  durationOption,
  intervalOption,
  parseBroker,
  parseCount,
  parseDeviceId,
  parseKey,
  parsePrefix,
} from "../lib/cli.ts";
import { AppError } from "../lib/errors.ts";
import { runFleet } from "../lib/fleet-run.ts";
import type { Counts } from "../lib/tracker.ts";

interface SimOptions {
  boards: number;
  interval: number;
  broker: string;
  for?: number;
  key?: string;
  qos: number;
  prefix: string;
  name: string;
  seed: number;
  plain?: boolean;
}

/** Adds the program to the command. */
export function registerSim(root: Command): void {
  root
    .command("sim")
    .description("virtual boards against any broker, verified behind it")
    .option("-b, --boards <n>", "how many boards", parseCount(1, 10_000), 10)
    .addOption(intervalOption("-i, --interval <time>", "10s"))
    .option("--broker <url>", "broker, mqtt://host[:port]", parseBroker, "mqtt://127.0.0.1:1883")
    .addOption(durationOption("-f, --for <time>", "end by itself after this time"))
    .addOption(
      new Option("--key <base64url>", "one key for all boards; default: a fresh one each")
        .env("LUBDUB_KEY")
        .argParser(parseKey),
    )
    .option("--qos <0|1>", "QoS of the heartbeats", parseCount(0, 1), 1)
    .option("--prefix <topic>", "first levels of the topics", parsePrefix, TOPIC_PREFIX)
    .option("--name <id>", "device ids are <id>-1, <id>-2, ...", parseDeviceId, "sim")
    .option("--seed <n>", "seed of the boards' random numbers", parseCount(0, 2 ** 31), 1)
    .option("--plain", "one line per beat instead of the live view")
    .action(runSim);
}

async function runSim(options: SimOptions): Promise<void> {
  const bundle = loadBundle();
  const shutdown = createShutdownSignal();
  const clock = createRealClock();
  const network = createRealNetwork();
  const digits = String(options.boards).length;
  const deviceIds = Array.from(
    { length: options.boards },
    (_, i) => `${options.name}-${String(i + 1).padStart(digits, "0")}`,
  );
  const keys = new Map(deviceIds.map((id) => [id, options.key ?? createKey()]));
  try {
    const totals = await runFleet({
      title: `lubdub sim: ${options.boards} virtual boards`,
      url: options.broker,
      prefix: options.prefix,
      deviceIds,
      intervalMs: options.interval,
      createBoard: (deviceId, onPrint) => {
        const seed = options.seed + deviceIds.indexOf(deviceId);
        const board = createBoard({ clock, network, serial: deviceId, onPrint, seed });
        const config = boardConfigText({
          device_id: deviceId,
          mqtt_url: options.broker,
          key: keys.get(deviceId) as string,
          interval_s: options.interval / 1000,
          immediate: true,
          // The virtual access point takes any name.
          wifi_ssid: "lubdub",
          qos: options.qos,
          topic_prefix: options.prefix,
        });
        board.flash.write(CONFIG_FILE, config);
        board.flash.write(".bootcde", bundle.text);
        return board;
      },
      keys,
      forMs: options.for,
      signal: shutdown.signal,
      isPlain: options.plain ?? false,
      consoleLevel: "W",
      facts: [
        `broker ${options.broker}`,
        `bundle ${bundle.sizeBytes} bytes sha256=${bundle.sha256} seed=${options.seed}`,
        `key id ${KEY_ID}, ${options.key ? "one given key" : "a fresh key each"}`,
      ],
    });
    // Nobody reads the verdict of a run whose reader has gone.
    if (shutdown.signal.reason !== "EPIPE") judge(totals);
  } finally {
    await network.close();
    shutdown.dispose();
  }
}

function judge({ accepted, refused, lost }: Counts): void {
  if (accepted === 0) throw new AppError("E_SIM_SILENT", "no heartbeat was accepted");
  if (refused > 0 || lost > 0)
    throw new AppError("E_SIM_BEATS", `${refused} heartbeats refused, ${lost} lost`);
}
