// SPDX-License-Identifier: MIT
// Shares jobs out among processes: each gets the next one as soon as it has answered.
import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { setPriority } from "node:os";
import { fileURLToPath } from "node:url";
import { AppError } from "../lib/errors.ts";
import type { Job } from "./jobs.ts";

const PROGRAM = fileURLToPath(new URL("worker.ts", import.meta.url));
/** The machine's owner comes first. */
const NICENESS = 10;

/**
 * Runs jobs until there are none.
 *
 * @param next gives the next job, undefined when there is none; asked whenever a process is free
 * @param onResult gets what came of a job
 * @throws AppError `E_SOAK` when a process fails; the others are ended
 */
export async function shareOut(
  workers: number,
  next: () => Job | undefined,
  onResult: (job: Job, result: unknown) => void,
): Promise<void> {
  const children: ChildProcess[] = [];
  const work = (child: ChildProcess): Promise<void> =>
    new Promise((resolve, reject) => {
      let job = next();
      const go = (): void => {
        if (job) child.send(job);
        else resolve();
      };
      child.on("message", ({ result, problem }: { result?: unknown; problem?: string }) => {
        if (problem !== undefined) reject(new AppError("E_SOAK", problem));
        else if (job) {
          onResult(job, result);
          job = next();
          go();
        }
      });
      child.once("error", reject);
      child.once("exit", (code) => reject(new AppError("E_SOAK", `a process ended with ${code}`)));
      go();
    });
  try {
    await Promise.all(
      Array.from({ length: workers }, () => {
        const child = fork(PROGRAM, { execArgv: ["--import", "tsx"] });
        if (child.pid !== undefined) setPriority(child.pid, NICENESS);
        children.push(child);
        return work(child);
      }),
    );
  } finally {
    for (const child of children) {
      child.removeAllListeners("exit");
      child.kill();
    }
  }
}
