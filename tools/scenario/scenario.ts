// SPDX-License-Identifier: MIT
// The format of a scenario: what it needs, and what it does with a rig. It passes by returning what
// it saw, and fails by throwing.
import { AppError } from "../lib/errors.ts";
import type { Evidence } from "./result.ts";
import type { Rig } from "./rig.ts";
import type { Capability } from "./target.ts";

/** One scenario; each lives in a file of its own and is found by listing the folder. */
export interface Scenario {
  /** Kebab case, equal to the file's name. */
  name: string;
  /** One line: what holds when it passes. */
  title: string;
  needs: readonly Capability[];
  /** Bound of a run whose heartbeats come every `intervalMs`, ms, where it takes longer than others. */
  boundMs?(intervalMs: number): number;
  run(rig: Rig): Promise<Evidence>;
}

/** Fails the scenario with `text` unless `isTrue`. */
export function expectThat(isTrue: boolean, text: string): void {
  if (!isTrue) throw new AppError("E_SCENARIO_EXPECT", text);
}
