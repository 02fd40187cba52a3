// SPDX-License-Identifier: MIT
// The `lubdub` command as a process, the way a person starts it.
import { spawn } from "node:child_process";
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { waitFor } from "./wait.ts";

/** The launcher, absolute. */
export const LAUNCHER = fileURLToPath(new URL("../../tools/lubdub.js", import.meta.url));

/** A command that runs or has run. */
export interface CliRun {
  readonly child: ChildProcessWithoutNullStreams;
  stdout(): string;
  stderr(): string;
  /** Waits for a text on stdout. */
  sees(pattern: RegExp, boundMs?: number): Promise<void>;
  /** Exit code or signal. */
  ended: Promise<number | NodeJS.Signals>;
}

/** Longest time a command may take before it is killed, ms. */
const BOUND_MS = 90_000;

/** Starts a program; killed after 30 s whatever happens. */
export function startProgram(command: string, args: string[], env: NodeJS.ProcessEnv = {}): CliRun {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: "pipe" });
  const texts = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const)
    child[name].on("data", (bytes: Buffer) => (texts[name] += bytes.toString("latin1")));
  const timer = setTimeout(() => child.kill("SIGKILL"), BOUND_MS);
  const ended = new Promise<number | NodeJS.Signals>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      resolve(code ?? signal ?? -1);
    });
  });
  return {
    child,
    stdout: () => texts.stdout,
    stderr: () => texts.stderr,
    sees: async (pattern, boundMs = 40_000) => {
      const what = (): string => `${pattern}; seen: ${texts.stdout}${texts.stderr}`;
      await waitFor(() => pattern.test(texts.stdout), boundMs, what);
    },
    ended,
  };
}

/** Starts `lubdub` with `args`. */
export function startCli(args: string[], env?: NodeJS.ProcessEnv): CliRun {
  return startProgram(process.execPath, [LAUNCHER, ...args], env);
}

/** Runs `lubdub` with `args` to its end. */
export async function runCli(
  args: string[],
  env?: NodeJS.ProcessEnv,
): Promise<{ code: number | NodeJS.Signals; stdout: string; stderr: string }> {
  const run = startCli(args, env);
  const code = await run.ended;
  return { code, stdout: run.stdout(), stderr: run.stderr() };
}
