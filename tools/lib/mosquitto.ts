// SPDX-License-Identifier: MIT
// A real Mosquitto of one's own, as a process: free ports of 127.0.0.1, one for MQTT over TCP and one
// for MQTT over WebSocket, and a temporary folder. `stop` and `start` are a restart on the same ports;
// with `isPersistent` SIGTERM makes it save everything it has acknowledged.
import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { randomInt } from "node:crypto";
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { sleepMs } from "./cli.ts";
import { AppError } from "./errors.ts";

const HOST = "127.0.0.1";
const START_MS = 5000;
const STOP_MS = 5000;
const LOOK_MS = 10;
const ATTEMPTS = 5;

/** Why there is none. */
export const NO_MOSQUITTO = "no mosquitto on PATH (Debian: apt-get install mosquitto)";

/** Path of the program, or undefined when the machine has none. */
export const MOSQUITTO = find();

function find(): string | undefined {
  // Debian puts it into a folder that is on the PATH of root only.
  const folders = [...(process.env["PATH"] ?? "").split(":"), "/usr/sbin", "/usr/local/sbin"];
  for (const folder of folders) {
    const file = path.join(folder, "mosquitto");
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // Not here.
    }
  }
  return undefined;
}

/** Asks the program for its version, such as `2.0.11`. */
export function mosquittoVersion(): string {
  if (MOSQUITTO === undefined) throw new AppError("E_BROKER", NO_MOSQUITTO);
  const { stdout } = spawnSync(MOSQUITTO, ["-h"], { encoding: "utf8" });
  return /version (\S+)/.exec(stdout)?.[1] ?? "unknown";
}

/** A running broker. */
export interface Mosquitto {
  /** `mqtt://127.0.0.1:port`; like the other one it stays the same over restarts. */
  readonly url: string;
  /** `ws://127.0.0.1:port`. */
  readonly wsUrl: string;
  readonly port: number;
  /** SIGTERM, and SIGKILL when that takes too long. */
  stop(): Promise<void>;
  /** Starts it again and waits until it listens; only after `stop`. */
  start(): Promise<void>;
  /** What it printed. */
  log(): string;
  /** Stops it and deletes its folder. */
  dispose(): Promise<void>;
}

/** Every one that runs or has a folder, so that none outlives this process. */
const cleanups = new Set<() => void>();
process.on("exit", () => {
  for (const clean of cleanups) clean();
});

/**
 * Starts a broker and waits until it listens. Fails with `E_BROKER` when there is no program, or when
 * it does not start.
 * @param options `isPersistent`: it remembers over restarts; what it has is on disk within a second
 */
export async function startMosquitto(options: { isPersistent: boolean }): Promise<Mosquitto> {
  if (MOSQUITTO === undefined) throw new AppError("E_BROKER", NO_MOSQUITTO);
  const program = MOSQUITTO;
  const folder = mkdtempSync(path.join(tmpdir(), "lubdub-mosquitto-"));
  let port = 0;
  let log = "";
  // The one that runs, and whether it still does.
  const run: { child?: ChildProcess; isOver: boolean } = { isOver: true };
  function clean(): void {
    if (!run.isOver) run.child?.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
  cleanups.add(clean);

  function writeConfig(): string {
    const file = path.join(folder, "mosquitto.conf");
    const lines = [
      `listener ${port} ${HOST}`,
      `listener ${port + 1} ${HOST}`,
      "protocol websockets",
      "allow_anonymous true",
      `persistence ${options.isPersistent}`,
      `persistence_location ${folder}/`,
      // Beside the save at its end.
      "autosave_interval 1",
      "max_queued_messages 0",
      "max_inflight_messages 0",
      // Started by root it would become the user `mosquitto`, who cannot write the folder.
      "user root",
      // Standard output would come in blocks, too late to wait for a line.
      "log_dest stderr",
      "log_type error",
      "log_type warning",
      "log_type notice",
      "log_type information",
      "connection_messages true",
    ];
    writeFileSync(file, `${lines.join("\n")}\n`);
    return file;
  }

  /** False when it ended at once, which it does when a port is taken. */
  async function launch(): Promise<boolean> {
    const at = log.length;
    const started = spawn(program, ["-c", writeConfig()], { cwd: folder, stdio: "pipe" });
    Object.assign(run, { child: started, isOver: false });
    started.on("close", () => (run.isOver = true));
    started.on("error", (error) => {
      log += `${error.message}\n`;
      run.isOver = true;
    });
    for (const stream of [started.stdout, started.stderr]) {
      stream.setEncoding("latin1");
      stream.on("data", (text: string) => (log += text));
    }
    const endMs = performance.now() + START_MS;
    while (!run.isOver && !log.includes(" running\n", at)) {
      if (performance.now() > endMs) throw new AppError("E_BROKER", `mosquitto hangs: ${log}`);
      await sleepMs(LOOK_MS);
    }
    return !run.isOver;
  }

  async function stop(): Promise<void> {
    if (!run.isOver) run.child?.kill("SIGTERM");
    const endMs = performance.now() + STOP_MS;
    while (!run.isOver) {
      if (performance.now() > endMs) run.child?.kill("SIGKILL");
      await sleepMs(LOOK_MS);
    }
  }

  async function dispose(): Promise<void> {
    await stop();
    clean();
    cleanups.delete(clean);
  }

  try {
    for (let i = 0; ; i++) {
      // Not from the range that systems use for outgoing connections, see embedded-broker.ts.
      port = randomInt(15_000, 30_000);
      if (await launch()) break;
      if (i === ATTEMPTS) throw new AppError("E_BROKER", `mosquitto does not start: ${log}`);
    }
  } catch (error) {
    await dispose();
    throw error;
  }
  return {
    url: `mqtt://${HOST}:${port}`,
    wsUrl: `ws://${HOST}:${port + 1}`,
    port,
    stop,
    start: async () => {
      if (!(await launch())) throw new AppError("E_BROKER", `mosquitto is gone: ${log}`);
    },
    log: () => log,
    dispose,
  };
}
