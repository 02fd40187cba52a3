// SPDX-License-Identifier: MIT
// What a scenario needs from the thing that runs the firmware, whatever it is: a virtual board, an
// interpreter process, a real board.
import type { Config } from "../../firmware/wire/config.ts";
import type { Bundle } from "../lib/bundle.ts";

/**
 * What a target, or the world around it, can do; scenarios name what they need.
 * `console`: takes typed lines. `restart`: keeps its flash while switched off.
 * `memory`: counts its memory in real JsVars. `server-control`: the server is ours to stop and start.
 */
export type Capability = "console" | "restart" | "memory" | "server-control";

/** What a target reports while it is on. */
export interface TargetEvents {
  /** One console line, without line end and prompt. */
  onLine(line: string): void;
  /** It ended although nobody had switched it off, and how. At most once per `boot`. */
  onExit(reason: string): void;
}

/** One target, used for one run of one scenario. */
export interface Target {
  readonly capabilities: readonly Capability[];
  /** Configuration that this target needs beside the scenario's, such as a network to join. */
  readonly settings: Partial<Config>;
  /**
   * Puts configuration file and bundle into its flash and checks that they stand there byte for
   * byte. Called once, before the first `boot`.
   * @returns the interpreter's version. Fails with `E_TARGET_PREPARE`.
   */
  prepare(configText: string, bundle: Bundle): Promise<string>;
  /** Switches it on; the firmware starts from flash. Returns before the firmware is ready. */
  boot(events: TargetEvents): Promise<void>;
  /** Types a line on its console. */
  send(line: string): void;
  /** Switches it off without a word; its sockets are gone when this resolves. */
  halt(): Promise<void>;
  /** Switches it off and removes what it left on the host. Legal in every state. */
  dispose(): Promise<void>;
}
