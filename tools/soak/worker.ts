// SPDX-License-Identifier: MIT
// A process of the soak: runs the jobs that it is sent, one after the other, and sends back what came
// of each.
import { errorText } from "../lib/errors.ts";
import { runJob } from "./jobs.ts";
import type { Job } from "./jobs.ts";

process.on("message", (job: Job) => {
  runJob(job)
    .then((result) => process.send?.({ result }))
    .catch((error: unknown) => process.send?.({ problem: errorText(error) }));
});
// Whoever would read what comes of a job is gone.
process.on("disconnect", () => process.exit());
