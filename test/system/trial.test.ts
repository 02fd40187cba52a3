// SPDX-License-Identifier: MIT
// A bundle or a configuration on trial, built and loaded as on a board, with the watchdog and a broker
// that is there or not: who runs in the end, after how many starts, and what those tell as their
// reason.
import { beforeAll, describe, expect, it } from "vitest";
import { GOOD_FILE } from "../../firmware/core/config-store.ts";
import { LUBDUB_VERSION } from "../../firmware/wire/version.ts";
import { loadBundle } from "../../tools/lib/bundle.ts";
import { LAB_CONFIG, createLab, mqttBundle } from "../helpers/lab.ts";
import type { Lab } from "../helpers/lab.ts";
import { buildLoader, filesWith, slotOf } from "../helpers/slots.ts";

const bundle = loadBundle().text;

describe("a bundle on trial", () => {
  let loader = "";
  beforeAll(async () => {
    loader = await buildLoader();
  });

  /** Installs a bundle on trial beside one that is committed. */
  function install(trial: string): Lab {
    const slots = [
      slotOf(`print("old");${bundle}`, { number: 1001 }),
      slotOf(`print("new");${trial}`, { number: 1002, tries: 0 }),
    ] as const;
    const { ".bootcde": script = "", ...files } = filesWith(loader, ...slots);
    return createLab({ script, files });
  }

  /** Runs a board for a time; gives what it printed of interest. */
  async function live(trial: string, time: string, hasBroker: boolean): Promise<string[]> {
    const { world, broker, board } = install(trial);
    if (!hasBroker) broker.stop({ keepsState: true });
    await world.run(time);
    return board.lines.flatMap((line) => {
      const word = /^(old|new)$|loader (skipped)| update (committed)| reset=([a-z]+)/.exec(line);
      return word ? [word.slice(1).join("")] : [];
    });
  }

  it("that reaches its broker stays, and is not disturbed by the loader's watchdog", async () => {
    expect(await live(bundle, "3h", true)).toEqual(["new", "unknown", "committed"]);
  });

  it("that hangs is reset by the watchdog until its starts are used up", async () => {
    expect(await live("", "1h", true)).toEqual("new new new skipped old unknown".split(" "));
  });

  it.each([
    ["stays is", bundle, /^1002/],
    ["fails leaves the old one as", "", /^1001/],
  ])("that %s what diagnostics tell", async (_name, trial, bundleId) => {
    const { world, send, replies } = install(trial);
    await world.run("1h");
    send("diagnostics");
    await world.run("1s");
    const told = { version: LUBDUB_VERSION, bundle: expect.stringMatching(bundleId) as string };
    expect(replies).toMatchObject([{ ok: true, result: told }]);
  });

  it("that reaches nobody starts the board anew, which tells so, until its starts are used up", async () => {
    expect(await live(bundle, "3h", false)).toEqual(
      "new unknown new trial new trial skipped old trial".split(" "),
    );
  });
});

/** A change of the configuration that is right. */
const RARE = { interval_s: 3600 };

/** Quality of service, and how long the broker is away from the start with the change. */
const CIRCUMSTANCES = [
  { qos: "0", outage: "0s" },
  { qos: "1", outage: "0s" },
  { qos: "0", outage: "5m" },
  { qos: "1", outage: "5m" },
] as const;

/** Goes on for three hours, in which the broker is away at first. */
async function runWith(outage: "0s" | "5m", { world, broker }: Lab): Promise<void> {
  if (outage !== "0s") {
    broker.stop({ keepsState: true });
    await world.run(outage);
    broker.start();
  }
  await world.run("3h");
}

describe("a good change of the configuration stays", () => {
  it.each(CIRCUMSTANCES)(
    "by command, with QoS $qos and a broker that is away for $outage",
    async ({ qos, outage }) => {
      const lab = createLab({ config: { qos: Number(qos) } });
      const { world, beats, send, starts } = lab;
      await world.run("2m");
      send("config", RARE);
      await world.runUntil(() => starts().length === 2, "10s");
      await runWith(outage, lab);
      expect(starts()).toEqual(["unknown", "config"]);
      expect(beats.at(-1)).toMatchObject({ ...RARE, boot: Number(beats[0]?.boot) + 1 });
    },
  );

  it.each(CIRCUMSTANCES)(
    "by file, in a program without outbox, with QoS $qos and a broker that is away for $outage",
    async ({ qos, outage }) => {
      const lab = createLab({
        script: mqttBundle(),
        config: { ...RARE, qos: Number(qos) },
        files: { [GOOD_FILE]: JSON.stringify(LAB_CONFIG) },
      });
      await runWith(outage, lab);
      expect(lab.starts()).toEqual(["unknown"]);
      expect(lab.beats.at(-1)).toMatchObject(RARE);
      expect(lab.board.flash.read(GOOD_FILE)).toContain('"interval_s":3600');
    },
  );

  it("by file, over HTTP", async () => {
    const urls = "http://monitor";
    const { world, board, starts } = createLab({
      config: { ...RARE, urls },
      files: { [GOOD_FILE]: JSON.stringify({ ...LAB_CONFIG, urls }) },
    });
    world.http("monitor");
    await world.run("3h");
    expect(starts()).toEqual(["unknown"]);
    expect(board.flash.read(GOOD_FILE)).toContain('"interval_s":3600');
  });

  it("though the command `interval` puts its next beat off beyond the trial", async () => {
    const files = { [GOOD_FILE]: JSON.stringify(LAB_CONFIG) };
    const { world, send, starts, beats } = createLab({ files, config: { interval_s: 60 } });
    await world.run("10s");
    send("interval", { seconds: 3600 });
    await world.run("3h");
    expect(starts()).toEqual(["unknown"]);
    expect(beats.at(-1)).toMatchObject({ interval_s: 3600 });
  });
});

describe("a change that reaches nobody is undone", () => {
  it.each(["5s", "2m"] as const)("on a board that has run for no longer than %s", async (time) => {
    const { world, send, starts, beats, board } = createLab({ config: RARE });
    await world.run(time);
    send("config", { urls: "mqtt://nowhere" });
    await world.run("3h");
    expect(starts()).toEqual(["unknown", "config", "trial"]);
    expect(beats.at(-1)).toMatchObject({ boot: Number(board.evaluate("lubdub.status().boot")) });
  });
});
