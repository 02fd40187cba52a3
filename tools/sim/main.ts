// SPDX-License-Identifier: MIT
// `lubdub sim`: a fleet of virtual boards that run the built bundle. In virtual time (the default) it
// has a world of its own, the same for the same seed; with --realtime the same boards run on the
// host's clock against any broker. Faults come from a plan, and in real time from the keyboard too.
// Ends with exit code 1 when a beat was refused or lost, or when none was seen at all; with a plan
// losses are its doing and only a silent fleet is a failure.
import { closeSync, openSync, writeSync } from "node:fs";
import { createInterface } from "node:readline";
import { Option } from "commander";
import type { Command } from "commander";
import { createWatchThread, PlanError, World } from "../../sim/index.ts";
import type { Plan, WatchThread } from "../../sim/index.ts";
import { KEY_ID } from "../../firmware/wire/claims.ts";
import { TOPIC_PREFIX } from "../../firmware/wire/topics.ts";
import { CONFIG_FILE } from "../../firmware/wire/config.ts";
import { boardConfigText, createKey } from "../lib/board-config.ts";
import { loadBundle } from "../lib/bundle.ts";
import type { Bundle } from "../lib/bundle.ts";
import {
  createShutdownSignal,
  durationOption,
  intervalOption,
  parseBroker,
  parseCount,
  parseDeviceId,
  parseKey,
  parsePrefix,
  TIMER_MAX_MS,
} from "../lib/cli.ts";
import { AppError, errorText, usageError } from "../lib/errors.ts";
import { missingCarrierText } from "../lib/missing-carrier.ts";
import { runFleet } from "../lib/fleet-run.ts";
import type { Counts } from "../lib/tracker.ts";
import { CARRIERS } from "./fleet-world.ts";
import type { Carrier } from "./fleet-world.ts";
import { registerExplore } from "./explore.ts";
import { runFaultCommand } from "./fault-command.ts";
import { readPlanFile } from "./plan-file.ts";
import { registerPlot } from "./plot.ts";
import { runVirtual } from "./virtual-run.ts";

interface SimOptions {
  boards: number;
  interval: number;
  realtime?: boolean;
  broker?: string;
  for?: number;
  plan?: string;
  trace?: string;
  key?: string;
  qos: number;
  prefix: string;
  name: string;
  seed: number;
  plain?: boolean;
  bundle?: string;
  carrier?: Carrier;
}

const DEFAULT_FOR_MS = 3_600_000;
/** Ten years of virtual time. */
const FOR_MAX_MS = 3650 * 86_400_000;
const DEFAULT_BROKER = "mqtt://127.0.0.1:1883";
/** From this many boards on they share one set of intrinsics: a tenth of the memory. */
const SHARED_FROM_BOARDS = 50;

/** Adds the program to the command. */
export function registerSim(root: Command): void {
  const sim = root
    .command("sim")
    .enablePositionalOptions()
    .description("a world of virtual boards: repeatable, fast, with faults")
    .option("-b, --boards <n>", "how many boards", parseCount(1, 100_000), 10)
    .addOption(intervalOption("-i, --interval <time>", "10s"))
    .option("--seed <n>", "decides everything left to chance", parseCount(0, 2 ** 31), 1)
    .addOption(
      durationOption("-f, --for <time>", "length of the run; 1h in virtual time", FOR_MAX_MS),
    )
    .option("--plan <file>", "fault plan, JSON or TypeScript (docs/reference/faults.md)")
    .option("--trace <file>", "write what happened, a line of JSON each (docs/reference/trace.md)")
    .option("--realtime", "on this host's clock, against --broker")
    .addOption(
      new Option("--broker <url>", `broker for --realtime, default ${DEFAULT_BROKER}`).argParser(
        parseBroker,
      ),
    )
    .addOption(
      new Option("--key <base64url>", "one key for all boards; default: one each")
        .env("LUBDUB_KEY")
        .argParser(parseKey),
    )
    .option("--qos <0|1|2>", "QoS of the heartbeats", parseCount(0, 2), 1)
    .option("--prefix <topic>", "first levels of the topics", parsePrefix, TOPIC_PREFIX)
    .option("--name <id>", "device ids are <id>-1, <id>-2, ...", parseDeviceId, "sim")
    .option("--bundle <file>", "another bundle, such as one by `lubdub build`")
    .addOption(
      new Option(
        "--carrier <scheme>",
        "how the beats travel in virtual time, if the bundle can; default mqtt",
      ).choices(CARRIERS),
    )
    .option("--plain", "lines instead of the live view")
    .action(runSim);
  registerExplore(sim);
  registerPlot(sim);
}

async function runSim(options: SimOptions): Promise<void> {
  if (options.broker !== undefined && !options.realtime)
    throw usageError("--broker needs --realtime: in virtual time the world has its own broker");
  if (options.realtime && (options.for ?? 0) > TIMER_MAX_MS)
    throw usageError("--for is at most 24d in real time");
  if (options.carrier !== undefined && options.realtime)
    throw usageError("--carrier is for virtual time: in real time --broker has the scheme");
  const bundle = loadBundle(options.bundle);
  const plan = options.plan === undefined ? undefined : await readPlanFile(options.plan);
  const digits = String(options.boards).length;
  const deviceIds = Array.from(
    { length: options.boards },
    (_, i) => `${options.name}-${String(i + 1).padStart(digits, "0")}`,
  );
  const traceFile = options.trace === undefined ? null : openTrace(options.trace);
  const shutdown = createShutdownSignal();
  const watch = createWatchThread();
  const setup: Setup = { watch, options, bundle, plan, deviceIds, signal: shutdown.signal };
  try {
    if (traceFile) setup.onTraceLine = traceFile.write;
    const counts = await (options.realtime ? realtime(setup) : virtual(setup));
    // Nobody reads the verdict of a run whose reader has gone.
    const isRepeatable = !options.realtime;
    if (shutdown.signal.reason !== "EPIPE")
      judge(counts, { hasPlan: plan !== undefined, isRepeatable });
  } catch (error) {
    if (!(error instanceof PlanError)) throw error;
    throw new AppError("E_PLAN", `wrong plan ${options.plan}: ${error.problems.join("; ")}`, {
      cause: error,
    });
  } finally {
    traceFile?.close();
    await watch.close();
    shutdown.dispose();
  }
}

interface Setup {
  options: SimOptions;
  bundle: Bundle;
  plan: unknown;
  deviceIds: string[];
  signal: AbortSignal;
  watch: WatchThread;
  onTraceLine?: (line: string) => void;
}

async function virtual({ options, bundle, deviceIds, ...rest }: Setup): Promise<Counts> {
  const result = await runVirtual({
    ...rest,
    seed: options.seed,
    deviceIds,
    intervalMs: options.interval,
    qos: options.qos,
    prefix: options.prefix,
    bundle: bundle.text,
    sourceMap: bundle.sourceMap,
    key: options.key,
    isShared: options.boards >= SHARED_FROM_BOARDS,
    keepTrace: false,
    ...(options.carrier && { carrier: options.carrier }),
    forMs: options.for ?? DEFAULT_FOR_MS,
    isPlain: options.plain ?? false,
    facts: [
      `virtual time, ${options.boards} boards, seed ${options.seed}`,
      `bundle ${bundle.sizeBytes} bytes sha256=${bundle.sha256}`,
    ],
  });
  if (result.isCarrierMissing) {
    const { carrier = CARRIERS[0] } = options;
    const others = CARRIERS.filter((other) => other !== carrier).join(" or ");
    throw new AppError("E_SIM_CARRIER", `${missingCarrierText(carrier)}: try --carrier ${others}`);
  }
  if (result.problems.length > 0)
    throw new AppError("E_SIM_SCRIPT", [...new Set(result.problems)].slice(0, 10).join("; "));
  return result.counts;
}

async function realtime(setup: Setup): Promise<Counts> {
  const { options, bundle, deviceIds, signal } = setup;
  const url = options.broker ?? DEFAULT_BROKER;
  const keys = new Map(deviceIds.map((id) => [id, options.key ?? createKey()]));
  const world = new World({
    seed: options.seed,
    realtime: true,
    keepTrace: false,
    watch: setup.watch,
    ...(setup.onTraceLine ? { onTraceLine: setup.onTraceLine } : {}),
  });
  const isLive = process.stdout.isTTY && !options.plain;
  try {
    const boards = new Map(
      deviceIds.map((deviceId) => {
        const config = boardConfigText({
          device_id: deviceId,
          urls: url,
          key: keys.get(deviceId) as string,
          interval_s: options.interval / 1000,
          immediate: true,
          // The virtual access point takes any name.
          // The host's own time serves.
          time_servers: "",
          wifi_ssid: "lubdub",
          qos: options.qos,
          topic_prefix: options.prefix,
        });
        let onPrint: (line: string) => void = () => {};
        const board = world.board(deviceId, {
          serial: deviceId,
          script: bundle.text,
          ...(bundle.sourceMap !== null && { sourceMaps: { ".bootcde": bundle.sourceMap } }),
          files: { [CONFIG_FILE]: config },
          isOff: true,
          onPrint: (line) => onPrint(line),
        });
        return [deviceId, { board, listen: (fn: typeof onPrint) => void (onPrint = fn) }];
      }),
    );
    if (setup.plan !== undefined) world.plan(setup.plan as Plan);
    const stopReading = isLive ? () => {} : readCommands(world);
    try {
      return await runFleet({
        title: `lubdub sim: ${options.boards} virtual boards`,
        url,
        prefix: options.prefix,
        deviceIds,
        intervalMs: options.interval,
        createBoard: (deviceId, onPrint) => {
          const { board, listen } = boards.get(deviceId) as NonNullable<
            ReturnType<typeof boards.get>
          >;
          listen(onPrint);
          return board;
        },
        keys,
        forMs: options.for,
        signal,
        isPlain: options.plain ?? false,
        consoleLevel: "W",
        command: (line) => runFaultCommand(world, line),
        facts: [
          `broker ${url}`,
          `bundle ${bundle.sizeBytes} bytes sha256=${bundle.sha256} seed=${options.seed}`,
          `key id ${KEY_ID}, ${options.key ? "one given key" : "a fresh key each"}`,
        ],
      });
    } finally {
      stopReading();
    }
  } finally {
    await world.close();
  }
}

/** Takes fault commands from a pipe or a plain terminal, a line each. */
function readCommands(world: World): () => void {
  const lines = createInterface({ input: process.stdin });
  lines.on("line", (line) => {
    if (line.trim() !== "") process.stdout.write(`fault ${runFaultCommand(world, line)}\n`);
  });
  return () => {
    lines.close();
    process.stdin.unref?.();
  };
}

/** Opens the trace's file; a full disk ends the run with one clear line. */
function openTrace(file: string): { write(line: string): void; close(): void } {
  const fail = (error: unknown): never => {
    throw new AppError("E_TRACE", `cannot write ${file}: ${errorText(error)}`, { cause: error });
  };
  let fd: number;
  try {
    fd = openSync(file, "w");
  } catch (error) {
    return fail(error);
  }
  let batch = "";
  const flush = (): void => {
    try {
      let bytes = Buffer.from(batch, "utf8");
      batch = "";
      while (bytes.length > 0) bytes = bytes.subarray(writeSync(fd, bytes));
    } catch (error) {
      fail(error);
    }
  };
  return {
    write: (line) => {
      batch += line;
      if (batch.length > 65_536) flush();
    },
    close: () => {
      flush();
      closeSync(fd);
    },
  };
}

function judge(
  { accepted, refused, lost }: Counts,
  { hasPlan, isRepeatable }: { hasPlan: boolean; isRepeatable: boolean },
): void {
  const repeat = isRepeatable ? `; repeat: npx lubdub ${process.argv.slice(2).join(" ")}` : "";
  if (accepted === 0) throw new AppError("E_SIM_SILENT", `no heartbeat was accepted${repeat}`);
  if (!hasPlan && (refused > 0 || lost > 0))
    throw new AppError("E_SIM_BEATS", `${refused} heartbeats refused, ${lost} lost${repeat}`);
}
