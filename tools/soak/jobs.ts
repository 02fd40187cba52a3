// SPDX-License-Identifier: MIT
// The proofs of the soak cut into jobs: what a process is told, what it answers, and what runs it. A
// job is small, so that many processes share a proof out evenly; it depends on nothing but itself.
import { loadBundle } from "../lib/bundle.ts";
import { runBoots } from "./boots.ts";
import type { BootsResult } from "./boots.ts";
import { runReconnects } from "./reconnects.ts";
import type { Failure, ReconnectResult } from "./reconnects.ts";
import { runRestart } from "./restart.ts";
import type { RestartResult } from "./restart.ts";
import { runTrial } from "./trial.ts";
import type { TrialResult } from "./trial.ts";

/** What a process is told to do. */
export type Job = { seed: number; bundleFile: string } & (
  | { proof: "hours"; rounds: number }
  | { proof: "reconnects"; failure: Failure; reconnects: number }
  | { proof: "boots"; devices: string[]; boots: number }
  | { proof: "restart"; boards: number; first: number }
);

/** A proof by its name. */
export type Proof = Job["proof"];

/** What comes of each. */
export interface JobResults {
  hours: TrialResult;
  reconnects: ReconnectResult;
  boots: BootsResult;
  restart: RestartResult;
}

/** Runs a job in this process. */
export async function runJob(job: Job): Promise<JobResults[Proof]> {
  const bundle = loadBundle(job.bundleFile).text;
  switch (job.proof) {
    case "hours":
      return runTrial({ ...job, bundle });
    case "reconnects":
      return runReconnects({ ...job, bundle });
    case "boots":
      return runBoots({ ...job, bundle });
    default:
      return runRestart({ ...job, bundle });
  }
}
