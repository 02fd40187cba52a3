// SPDX-License-Identifier: MIT
// Runs one scenario on one fresh target and makes the result record. Whatever happens, the target
// is switched off and removed, the watcher closed and the server stopped before it returns.
import { randomBytes } from "node:crypto";
import { LUBDUB_VERSION, WIRE_VERSION } from "../../firmware/wire/version.ts";
import { boardConfigText, createKey } from "../lib/board-config.ts";
import type { Bundle } from "../lib/bundle.ts";
import { AppError, errorText } from "../lib/errors.ts";
import type { Evidence, ScenarioResult } from "./result.ts";
import { createRig } from "./rig.ts";
import type { Scenario } from "./scenario.ts";
import type { ServerChoice } from "./server.ts";
import type { Capability, Target } from "./target.ts";

/** How to run. */
export interface RunOptions {
  bundle: Bundle;
  /** What the target reports to; one of our own is started for each run. */
  server: ServerChoice;
  beatCount: number;
  intervalMs: number;
  /** Bound of each scenario, ms; undefined: its own. */
  timeoutMs: number | undefined;
  /** Whether a bundle that lacks the carrier fails; it is skipped otherwise. */
  isCarrierWanted: boolean;
  /** Ends the run in hand as failed. */
  signal: AbortSignal;
  onLine(line: string): void;
}

/** Bound of a scenario that has none of its own, ms. */
const BOUND_MS = 60_000;

/** Console lines kept for the record of a failure. */
const LINES_KEPT = 30;

/** Runs `scenario` on a target made by `createTarget`, which goes by `targetName`. */
export async function runScenario(
  scenario: Scenario,
  targetName: string,
  createTarget: () => Promise<Target>,
  options: RunOptions,
): Promise<ScenarioResult> {
  const startedMs = Date.now();
  const lines: string[] = [];
  const versions: ScenarioResult["versions"] = {
    lubdub: LUBDUB_VERSION,
    wire: WIRE_VERSION,
    node: process.versions.node,
  };
  const cleanups: (() => Promise<void>)[] = [];
  const { server: choice } = options;
  let outcome: Pick<ScenarioResult, "verdict" | "evidence" | "reason">;
  try {
    outcome = await attempt();
  } catch (error) {
    // Anything else than an expected failure is a fault of ours and must not pass for one.
    if (!(error instanceof AppError)) throw error;
    const verdict = error.code === "E_CARRIER_NONE" && !options.isCarrierWanted ? "skip" : "fail";
    outcome = { verdict, reason: errorText(error), evidence: {} };
  } finally {
    // Last in, first out: the watcher goes before the server, the server before the target.
    while (cleanups.length > 0) await cleanups.pop()?.();
  }
  return {
    scenario: scenario.name,
    target: targetName,
    carrier: choice.carrier,
    server: choice.name,
    ...outcome,
    ...(outcome.verdict === "fail" ? { console: lines } : {}),
    bundleSha256: options.bundle.sha256,
    versions,
    startedAt: new Date(startedMs).toISOString(),
    durationMs: Date.now() - startedMs,
  };

  async function attempt(): Promise<typeof outcome> {
    const target = await createTarget();
    cleanups.push(() => target.dispose());
    const available: Capability[] = [...target.capabilities];
    if (choice.isOurs) available.push("server-control");
    const missing = scenario.needs.filter((need) => !available.includes(need));
    if (missing.length > 0)
      return { verdict: "skip", reason: `needs ${missing.join(", ")}`, evidence: {} };

    const deviceId = `hil-${randomBytes(4).toString("hex")}`;
    const key = createKey();
    const keyBytes = Buffer.from(key, "base64url");
    const server = await choice.start(deviceId, keyBytes);
    cleanups.push(() => server.dispose());
    const config = boardConfigText({
      device_id: deviceId,
      urls: server.url,
      key,
      interval_s: options.intervalMs / 1000,
      reconnect_spread_s: 2,
      ...target.settings,
    });
    versions.interpreter = await target.prepare(config, options.bundle);
    const { rig, abort, dispose } = await createRig({
      target,
      server,
      deviceId,
      key: keyBytes,
      intervalMs: options.intervalMs,
      beatCount: options.beatCount,
      timeoutMs: options.timeoutMs ?? scenario.boundMs?.(options.intervalMs) ?? BOUND_MS,
      onLine: (line) => {
        lines.push(line);
        if (lines.length > LINES_KEPT) lines.shift();
        options.onLine(line);
      },
    });
    cleanups.push(dispose);
    const onAbort = (): void => abort(new AppError("E_ABORTED", "stopped by hand"));
    options.signal.addEventListener("abort", onAbort);
    cleanups.push(() => Promise.resolve(options.signal.removeEventListener("abort", onAbort)));
    if (options.signal.aborted) onAbort();
    const evidence: Evidence = await scenario.run(rig);
    return { verdict: "pass", evidence };
  }
}
