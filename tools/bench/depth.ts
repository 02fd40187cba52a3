// SPDX-License-Identifier: MIT
// `npm run bench:depth`: how much of the C stack the deepest call chain of each bundle takes, counted
// by bundles with a gauge (tools/build-report/stack-gauge.ts) on virtual boards: an undisturbed hour
// with a stop and a start, then many seeds with a random fault plan each. Exit code 1 when a chain is
// deeper than the limit.
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Command, Option } from "commander";
import {
  createHeartbeatReceiver,
  createRandom,
  createWebSocketListener,
  drawPlan,
  mqttOverWebSocket,
  World,
} from "../../sim/index.ts";
import type { WorldBoard } from "../../sim/index.ts";
import { bundleFiles } from "../build-report/bundle.ts";
import { entriesOf } from "../build-report/entries.ts";
import type { Entry } from "../build-report/entries.ts";
import { addStackGauge, GAUGE_QUESTION, readGauge } from "../build-report/stack-gauge.ts";
import type { Depth, Gauged } from "../build-report/stack-gauge.ts";
import { CONFIG_FILE } from "../../firmware/wire/config.ts";
import { parseCount, quietPipes, runCommand } from "../lib/cli.ts";
import { AppError } from "../lib/errors.ts";
import { deviceConfig } from "./device-config.ts";

interface DepthOptions {
  seeds: number;
  limit: number;
  only?: string[];
  json?: boolean;
}

/** The deepest chain of one bundle. */
interface Row extends Depth {
  name: string;
  /** Looks at a gauge, and those that told nothing because a callback had been cut off. */
  looks: number;
  cutOff: number;
}

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const PLAN_MS = 600_000;
/** Afterwards boards have so long to come back. */
const BACK_MS = 900_000;
/** A gauge is read before a power cut can take much of what it has counted. */
const LOOK_MS = 10_000;
const MAX_FAULTS = 8;
/** 9 KB: what the shallowest supported board's stack leaves, with a reserve (docs/performance.md). */
const LIMIT_BYTES = 9 * 1024;

function gauged({ name }: Entry): Gauged {
  const dir = path.join(ROOT, "dist/firmware");
  const file = path.join(dir, bundleFiles(name).minified);
  if (!existsSync(file))
    throw new AppError("E_BUILD_MISSING", `there is no ${file}: run \`npm run build\` first`);
  return addStackGauge(
    readFileSync(file, "latin1"),
    readFileSync(`${file}.map`, "utf8"),
    dir,
    ROOT,
  );
}

/** A world with all kinds of servers, and one board that talks to the one of its carrier. */
function createWorld(seed: number, { carriers }: Entry, { code }: Gauged): [World, WorldBoard] {
  const world = new World({ seed, keepTrace: false });
  const { clock } = world;
  const broker = world.broker("broker");
  const front = createWebSocketListener({ clock, program: mqttOverWebSocket(broker.peer) });
  world.serve("broker", 80, front.peer);
  world.http("server", { handle: createHeartbeatReceiver({ clock }) });
  world.timeServer("time");
  const [carrier] = carriers;
  const url = carrier === "http" ? "http://server" : `${carrier}://broker`;
  const config = { ...deviceConfig(url, 10, 10), wifi_ssid: "home" };
  const board = world.board("bench", {
    script: code,
    files: { [CONFIG_FILE]: JSON.stringify(config) },
    instrument: false,
    keepLines: false,
  });
  return [world, board];
}

async function measure(entry: Entry, seeds: number): Promise<Row> {
  const gauge = gauged(entry);
  const row: Row = { name: entry.name, bytes: 0, chain: [], looks: 0, cutOff: 0 };

  function look(board: WorldBoard): void {
    if (!board.isOn) return;
    row.looks++;
    const depth = readGauge(String(board.evaluate(GAUGE_QUESTION)), gauge);
    if (!depth) row.cutOff++;
    else if (depth.bytes > row.bytes) Object.assign(row, depth);
  }
  async function watch(world: World, board: WorldBoard, forMs: number): Promise<void> {
    for (let passedMs = 0; passedMs < forMs; passedMs += LOOK_MS) {
      await world.run(`${LOOK_MS}ms`);
      look(board);
    }
  }

  const [quiet, board] = createWorld(1, entry, gauge);
  await watch(quiet, board, 3_600_000);
  board.evaluate("lubdub.stop()");
  await watch(quiet, board, LOOK_MS);
  board.evaluate("lubdub.start()");
  await watch(quiet, board, 60_000);
  await quiet.close();

  for (let seed = 1; seed <= seeds; seed++) {
    const [world, faulty] = createWorld(seed, entry, gauge);
    const plan = drawPlan(createRandom(seed).stream("plan"), {
      names: world.targetNames(),
      untilMs: PLAN_MS,
      maxFaults: MAX_FAULTS,
    });
    world.schedule(plan);
    await watch(world, faulty, PLAN_MS + BACK_MS);
    await world.close();
  }
  return row;
}

async function run({ seeds, limit, only, json = false }: DepthOptions): Promise<void> {
  const rows: Row[] = [];
  for (const entry of entriesOf(ROOT)) {
    if (entry.carriers.length === 0 || (only && !only.includes(entry.name))) continue;
    const row = await measure(entry, seeds);
    rows.push(row);
    if (!json)
      process.stdout.write(
        `${row.name}: ${row.bytes} bytes of C stack, ${row.chain.length} functions deep ` +
          `(${row.looks} looks, ${row.cutOff} cut off)\n${row.chain.map((place) => `  ${place}\n`).join("")}`,
      );
  }
  if (json) process.stdout.write(`${JSON.stringify({ seeds, limit, bundles: rows }, null, 2)}\n`);
  const deep = rows.filter(({ bytes }) => bytes > limit);
  for (const { name, bytes } of deep)
    process.stderr.write(`${name}: ${bytes} bytes of C stack, ${bytes - limit} above the limit\n`);
  if (deep.length > 0) process.exitCode = 1;
}

quietPipes();
const program = new Command("bench:depth")
  .description("counts the C stack of the deepest call chain of each bundle")
  .exitOverride()
  .addOption(
    new Option("--seeds <n>", "worlds with a random fault plan")
      .argParser(parseCount(0, 100_000))
      .default(20),
  )
  .addOption(
    new Option("--limit <bytes>", "most that a chain may take")
      .argParser(parseCount(1, 100_000))
      .default(LIMIT_BYTES),
  )
  .option("--only <name...>", "only these bundles")
  .option("--json", "print figures as JSON")
  .action(run);
const args = process.argv.slice(2);
process.exitCode = await runCommand(program, args.length > 0 ? args : ["--seeds", "20"]);
