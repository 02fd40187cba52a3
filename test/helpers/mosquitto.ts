// SPDX-License-Identifier: MIT
// A real Mosquitto of one's own: a free port of 127.0.0.1, a temporary folder, persistence on.
// SIGTERM makes it save everything it has acknowledged; `stop` and `start` are a restart on the
// same port with the same memory.
import { accessSync, constants, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { findFreePort } from "./free-port.ts";
import { createTempFolder, startChild } from "./leftovers.ts";
import type { Child } from "./leftovers.ts";
import { waitFor } from "./wait.ts";

const START_MS = 5000;
const STOP_MS = 5000;

/** Why tests that need it are skipped. */
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

/** A broker. */
export interface Mosquitto {
  /** `mqtt://127.0.0.1:port`; stays the same over restarts. */
  readonly url: string;
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

/** Starts a broker and waits until it listens. */
export async function startMosquitto(): Promise<Mosquitto> {
  const program = MOSQUITTO;
  if (!program) throw new Error(NO_MOSQUITTO);
  const folder = createTempFolder("mosquitto");
  let port = 0;
  let log = "";
  let child: Child | undefined;

  function writeConfig(): string {
    const file = path.join(folder.path, "mosquitto.conf");
    const lines = [
      `listener ${port} 127.0.0.1`,
      "allow_anonymous true",
      "persistence true",
      `persistence_location ${folder.path}/`,
      // Beside the save at its end: each change of memory is on disk within a second.
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

  /** False when it ended at once, which it does when the port is taken. */
  async function launch(): Promise<boolean> {
    const at = log.length;
    const running = startChild(program as string, ["-c", writeConfig()], {
      cwd: folder.path,
      onOutput: (text) => (log += text),
    });
    child = running;
    await waitFor(
      () => running.ended() !== undefined || log.includes(" running\n", at),
      START_MS,
      () => `mosquitto to start:\n${log}`,
    );
    return running.ended() === undefined;
  }

  async function stop(): Promise<void> {
    await child?.stop("SIGTERM", STOP_MS);
    child = undefined;
  }

  async function dispose(): Promise<void> {
    await stop();
    folder.remove();
  }

  try {
    for (let i = 0; ; i++) {
      port = await findFreePort();
      if (await launch()) break;
      await stop();
      if (i === 4) throw new Error(`mosquitto does not start:\n${log}`);
    }
  } catch (error) {
    await dispose();
    throw error;
  }
  return {
    url: `mqtt://127.0.0.1:${port}`,
    port,
    stop,
    start: async () => {
      if (!(await launch())) throw new Error(`mosquitto does not start again:\n${log}`);
    },
    log: () => log,
    dispose,
  };
}
