// SPDX-License-Identifier: MIT
// The parts that the firmware tests run: radio, MQTT and heartbeat.
import { createApp, ready } from "../../firmware/app.ts";
import type { App } from "../../firmware/app.ts";
import { heartbeat, mqtt, uplink, wifi } from "../../firmware/parts.ts";
import { ALL_KEYS } from "../../firmware/wire/config.ts";
import type { Config } from "../../firmware/wire/config.ts";
import type { FakeBoard } from "./fake-board.ts";

/** Adds them in the order of the full bundle. */
export function compose(app: App): void {
  wifi(app);
  uplink(app);
  mqtt(app);
  heartbeat(app, {});
  ready(app);
}

/** What a person has on the console; `start` is the start of the board the first time. */
export interface Console {
  start(): void;
  stop(): void;
  status(): { [name: string]: unknown };
}

/** A program that can be started, and again as the interpreter does it: all code is run afresh. */
export function startable(board: FakeBoard, config: Config): Console {
  const typed = (): Console | undefined => board.exposed.get("lubdub") as Console | undefined;
  board.restart = () => compose(createApp(board, config, ALL_KEYS));
  return {
    start: () => {
      const there = typed();
      if (there) there.start();
      else board.restart();
    },
    stop: () => typed()?.stop(),
    status: () => typed()?.status() ?? {},
  };
}
