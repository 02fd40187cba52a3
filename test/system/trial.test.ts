// SPDX-License-Identifier: MIT
// A bundle on trial, built and loaded as on a board, with the watchdog and a broker that is there or
// not: who runs in the end, after how many starts, and what those tell as their reason.
import { afterEach, beforeAll, expect, it } from "vitest";
import { World } from "../../sim/index.ts";
import { loadBundle } from "../../tools/lib/bundle.ts";
import { SEED } from "../helpers/seeds.ts";
import { buildLoader, filesWith, slotOf } from "../helpers/slots.ts";
import { TEST_KEY } from "../helpers/test-board.ts";

let loader = "";
beforeAll(async () => {
  loader = await buildLoader();
});

let world: World;
afterEach(() => world.close());

const bundle = loadBundle().text;
const CONFIG = JSON.stringify({
  device_id: "dev-1",
  urls: "mqtt://broker",
  key: TEST_KEY,
  time_servers: "time",
});

/** Runs a board for a time; gives what it printed of interest. */
async function live(trial: string, time: string, hasBroker: boolean): Promise<string[]> {
  world = new World({ seed: SEED, keepTrace: false });
  world.timeServer("time");
  const broker = world.broker("broker");
  if (!hasBroker) broker.stop({ keepsState: true });
  const told: string[] = [];
  const slots = [
    slotOf(`print("old");${bundle}`, { number: 1001 }),
    slotOf(`print("new");${trial}`, { number: 1002, tries: 0 }),
  ] as const;
  const { ".bootcde": script = "", ...files } = filesWith(loader, ...slots);
  world.board("dev-1", {
    script,
    files: { ...files, "lubdub.json": CONFIG },
    wifi: false,
    instrument: false,
    onPrint: (line) => {
      const word = /^(old|new)$|loader (skipped)| update (committed)| reset=([a-z]+)/.exec(line);
      if (word) told.push(word.slice(1).join(""));
    },
  });
  await world.run(time);
  return told;
}

it("that reaches its broker stays, and is not disturbed by the loader's watchdog", async () => {
  expect(await live(bundle, "3h", true)).toEqual(["new", "unknown", "committed"]);
});

it("that hangs is reset by the watchdog until its starts are used up", async () => {
  expect(await live("", "1h", true)).toEqual("new new new skipped old unknown".split(" "));
});

it("that reaches nobody starts the board anew, which tells so, until its starts are used up", async () => {
  expect(await live(bundle, "3h", false)).toEqual(
    "new unknown new trial new trial skipped old trial".split(" "),
  );
});
