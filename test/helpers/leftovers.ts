// SPDX-License-Identifier: MIT
// Child processes and temporary folders that outlive no test run. A test disposes of what it made;
// should it fail to, the process of the run does when it ends.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";

const cleanups = new Set<() => void>();

process.on("exit", () => {
  for (const clean of cleanups) clean();
});

/** A folder of one's own under the system's temporary one. */
export interface TempFolder {
  path: string;
  /** Deletes it with all that is in it. */
  remove(): void;
}

/** Makes a folder whose name starts with `lubdub-` and `name`. */
export function createTempFolder(name: string): TempFolder {
  const folder = mkdtempSync(path.join(tmpdir(), `lubdub-${name}-`));
  function remove(): void {
    cleanups.delete(remove);
    rmSync(folder, { recursive: true, force: true });
  }
  cleanups.add(remove);
  return { path: folder, remove };
}

/** A running child process. */
export interface Child {
  readonly pid: number;
  /** Undefined while it runs, then how it ended: an exit code or a signal's name. */
  ended(): number | string | undefined;
  /** Types into it. */
  write(text: string): void;
  /**
   * Sends `signal`, waits up to `boundMs` for the end, then kills it. Nothing when it has ended.
   * @returns how it ended
   */
  stop(signal: NodeJS.Signals, boundMs: number): Promise<number | string>;
}

/**
 * Starts a program with its input kept open.
 * @param options `env`: further variables; `onOutput`: gets standard output and error, bytes
 *   decoded as latin1
 */
export function startChild(
  command: string,
  args: string[],
  options: { cwd: string; env?: NodeJS.ProcessEnv | undefined; onOutput(text: string): void },
): Child {
  const env = { ...process.env, ...options.env };
  const child = spawn(command, args, { cwd: options.cwd, env, stdio: "pipe" });
  let ended: number | string | undefined;
  const kill = (): void => void child.kill("SIGKILL");
  cleanups.add(kill);
  const end = new Promise<number | string>((resolve) => {
    const over = (how: number | string): void => {
      cleanups.delete(kill);
      ended = how;
      resolve(how);
    };
    child.once("close", (code, signal) => over(code ?? signal ?? "unknown"));
    child.once("error", (error) => {
      options.onOutput(`${error.message}\n`);
      if (child.pid === undefined) over("not started");
    });
  });
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("latin1");
    stream.on("data", options.onOutput);
  }
  // Written to after its end: that it ended is what the caller has to see.
  child.stdin.on("error", () => {});
  return {
    get pid() {
      return child.pid ?? 0;
    },
    ended: () => ended,
    write: (text) => void child.stdin.write(text, "latin1"),
    stop: async (signal, boundMs) => {
      if (ended !== undefined) return ended;
      child.kill(signal);
      const timer = setTimeout(kill, boundMs);
      const how = await end;
      clearTimeout(timer);
      return how;
    },
  };
}
