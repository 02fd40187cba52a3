// SPDX-License-Identifier: MIT
// Something sets the system clock behind the interpreter (FIELD P1).
import { defineFault, number } from "./fault.ts";

/** The system clock steps. */
export const clockStep = defineFault({
  name: "clock-step",
  summary: "The system clock steps",
  target: "board",
  params: { step_ms: number("ms", 600_000, -3_600_000, 3_600_000) },
  isInstant: false,
  begin: (board, { step_ms: stepMs }) => board.stepClock(stepMs),
});
