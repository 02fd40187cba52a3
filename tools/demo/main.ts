// SPDX-License-Identifier: MIT
// `lubdub demo` (what `npm start` runs): a broker in this process, a few virtual boards that run the
// built firmware, and a view of their verified heartbeats. Needs nothing from outside.
import type { Command } from "commander";
import { createBoard, createRealClock, createRealNetwork } from "../../sim/index.ts";
import { TOPIC_PREFIX } from "../../firmware/wire/topics.ts";
import { CONFIG_FILE } from "../../firmware/wire/config.ts";
import { boardConfigText, createKey } from "../lib/board-config.ts";
import { loadBundle } from "../lib/bundle.ts";
import { createShutdownSignal, durationOption, intervalOption, parseCount } from "../lib/cli.ts";
import { startEmbeddedBroker } from "../lib/embedded-broker.ts";
import { runFleet } from "../lib/fleet-run.ts";

interface DemoOptions {
  boards: number;
  interval: number;
  port: number;
  for?: number;
  seed: number;
  plain?: boolean;
}

/** Adds the program to the command. */
export function registerDemo(root: Command): void {
  root
    .command("demo")
    .description("a broker, three virtual boards and a live view of them")
    .option("-b, --boards <n>", "how many boards", parseCount(1, 1000), 3)
    .addOption(intervalOption("-i, --interval <time>", "2s"))
    .option(
      "-p, --port <n>",
      "port of the broker on 127.0.0.1; 0: a free one",
      parseCount(0, 65535),
      0,
    )
    .addOption(durationOption("-f, --for <time>", "end by itself after this time"))
    .option("--seed <n>", "seed of the boards' random numbers", parseCount(0, 2 ** 31), 1)
    .option("--plain", "plain lines instead of the live view")
    .action(runDemo);
}

async function runDemo(options: DemoOptions): Promise<void> {
  const bundle = loadBundle();
  const broker = await startEmbeddedBroker(options.port);
  const shutdown = createShutdownSignal();
  const clock = createRealClock();
  const network = createRealNetwork();
  const deviceIds = Array.from({ length: options.boards }, (_, i) => `board-${i + 1}`);
  const keys = new Map(deviceIds.map((id) => [id, createKey()]));
  try {
    await runFleet({
      title: `lubdub demo: ${options.boards} virtual boards`,
      url: broker.url,
      prefix: TOPIC_PREFIX,
      deviceIds,
      intervalMs: options.interval,
      createBoard: (deviceId, onPrint) => {
        const seed = options.seed + deviceIds.indexOf(deviceId);
        const board = createBoard({ clock, network, serial: deviceId, onPrint, seed });
        const config = boardConfigText({
          device_id: deviceId,
          urls: broker.url,
          key: keys.get(deviceId) as string,
          interval_s: options.interval / 1000,
          immediate: true,
          // The virtual access point takes any name.
          // The host's own time serves.
          time_servers: "",
          wifi_ssid: "lubdub",
          reconnect_spread_s: 1,
        });
        board.flash.write(CONFIG_FILE, config);
        board.flash.write(".bootcde", bundle.text);
        return board;
      },
      keys,
      forMs: options.for,
      signal: shutdown.signal,
      isPlain: options.plain ?? false,
      consoleLevel: "I",
      facts: [
        `broker ${broker.url}`,
        `bundle ${bundle.sizeBytes} bytes sha256=${bundle.sha256} seed=${options.seed}`,
      ],
    });
  } finally {
    await network.close();
    await broker.stop();
    shutdown.dispose();
  }
}
