// SPDX-License-Identifier: MIT
// `lubdub command`: signs a command for one board, any of those in firmware/wire/README.md or a
// program's own, and prints the token or, with a broker, sends it and prints the reply. Exit code 1
// when the board refused or nobody replied. `lubdub update` makes the arguments of `update` itself.
import type { Command } from "commander";
import { parseText } from "../lib/cli.ts";
import { addCommandOptions, readDeviceKey, sendCommand } from "../lib/command-program.ts";
import type { CommandOptions } from "../lib/command-program.ts";
import { parseArgs } from "../lib/command-token.ts";

/** Adds the program to the command. */
export function registerCommand(root: Command): void {
  const program = root
    .command("command")
    .description("sign a command for a board; with a broker, send it (docs/reference/updates.md)")
    .argument("<cmd>", "ping, diagnostics, reboot, config, ... or one of your own", parseText(64))
    .option("--args <json>", "its arguments, a JSON object", parseArgs);
  addCommandOptions(program, "15s").action(
    (cmd: string, options: CommandOptions & { args?: object }) =>
      sendCommand(options, readDeviceKey(options.key), cmd, options.args),
  );
}
