// SPDX-License-Identifier: MIT
// The record that every run of a scenario leaves, for people and for machines.

import type { Carrier } from "./server.ts";

/** Outcome of a run. */
export type ScenarioVerdict = "pass" | "fail" | "skip";

/** What was seen, by name; units in the names. */
export type Evidence = { [name: string]: string | number | boolean };

/** One result. */
export interface ScenarioResult {
  scenario: string;
  target: string;
  carrier: Carrier;
  /** What it reported to, such as `mosquitto 2.0.11`. */
  server: string;
  verdict: ScenarioVerdict;
  /** Why it failed or was skipped; absent when it passed. */
  reason?: string;
  evidence: Evidence;
  /** Last console lines, oldest first; only when it failed. */
  console?: string[];
  /** SHA-256 of the bundle that ran, hex. */
  bundleSha256: string;
  versions: { lubdub: string; wire: number; node: string; interpreter?: string };
  /** ISO 8601 UTC. */
  startedAt: string;
  durationMs: number;
}
