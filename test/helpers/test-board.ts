// SPDX-License-Identifier: MIT
// One board that runs the built bundle, as tests see it: the same whether it is a virtual board or
// the real interpreter, so that one table of tests runs on both.
import type { Config } from "../../firmware/wire/config.ts";
import type { ConsoleLog } from "./console-log.ts";

/** A board with a console, switched off at first. */
export interface TestBoard {
  /** All it has printed, over all its starts. */
  readonly console: ConsoleLog;
  /**
   * Puts the bundle and a configuration file into flash; only while switched off.
   * @param text the file as it is; undefined writes none
   */
  configure(text: string | undefined): Promise<void>;
  /** Starts the bundle. */
  powerOn(): Promise<void>;
  /** Evaluates an expression as typed on the console. Returns the result as text. */
  evaluate(expression: string): Promise<string>;
  /** Cuts the power: nothing is said to anybody. Flash stays. */
  powerOff(): Promise<void>;
  /** Cuts the power and removes what is left. */
  dispose(): Promise<void>;
}

/** Makes boards of one kind. `name` is unique in a test file. */
export type CreateTestBoard = (name: string) => TestBoard;

/** Key of every test board: base64url of 32 bytes. */
export const TEST_KEY = Buffer.alloc(32, "lubdub").toString("base64url");

/** Configuration text with short timeouts, `settings` over them. */
export function quickConfig(settings: Partial<Config>): string {
  const quick: Partial<Config> = {
    key: TEST_KEY,
    interval_s: 0.1,
    keep_alive_s: 1,
    connect_timeout_s: 1,
    ping_timeout_s: 0.5,
    ack_timeout_s: 1,
    reconnect_spread_s: 0.2,
    log_level: "D",
    // Boards with a radio join; the interpreter process has none.
    wifi_ssid: "test",
  };
  return JSON.stringify({ ...quick, ...settings });
}
