// SPDX-License-Identifier: MIT
// A virtual board as a target: real time, real sockets, flash in memory.
import { createBoard, createRealClock, createRealNetwork } from "../../../sim/index.ts";
import { CONFIG_FILE } from "../../../firmware/wire/config.ts";
import { errorText } from "../../lib/errors.ts";
import type { Target, TargetEvents } from "../../scenario/target.ts";

/** Creates the target. */
export function createVirtualTarget(): Promise<Target> {
  let events: TargetEvents | undefined;
  let isOn = false;
  const network = createRealNetwork();
  const board = createBoard({
    clock: createRealClock(),
    network,
    serial: "hil-virtual",
    seed: 1,
    onPrint: (line) => events?.onLine(line),
  });

  function halt(): Promise<void> {
    if (isOn) board.powerOff();
    isOn = false;
    return Promise.resolve();
  }

  return Promise.resolve({
    capabilities: ["console", "restart"],
    // The virtual access point takes any name.
    settings: { wifi_ssid: "lubdub" },
    prepare: (configText, bundle) => {
      board.flash.write(CONFIG_FILE, configText);
      board.flash.write(".bootcde", bundle.text);
      return Promise.resolve("virtual");
    },
    boot: (given) => {
      events = given;
      isOn = true;
      board.powerOn();
      return Promise.resolve();
    },
    send: (line) => {
      try {
        board.evaluate(line);
      } catch (error) {
        events?.onLine(`Uncaught ${errorText(error)}`);
      }
    },
    halt,
    dispose: async () => {
      await halt();
      await network.close();
    },
  });
}
