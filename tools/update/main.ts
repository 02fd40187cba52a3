// SPDX-License-Identifier: MIT
// `lubdub update`: signs the command that makes a board fetch a bundle from a web server, which is
// somebody else's part, and start it on trial. Prints the token or sends it, like `lubdub command`.
// Not for boards without the loader: `lubdub image` makes what they are installed with.
import { createHmac } from "node:crypto";
import process from "node:process";
import { InvalidArgumentError } from "commander";
import type { Command } from "commander";
import type { UpdateArgs } from "../../firmware/wire/update.ts";
import { updateMacText } from "../../firmware/wire/update.ts";
import { parseUrl } from "../../firmware/wire/url.ts";
import { loadSlotBundle } from "../lib/bundle.ts";
import { addCommandOptions, readDeviceKey, sendCommand } from "../lib/command-program.ts";
import type { CommandOptions } from "../lib/command-program.ts";

/** Adds the program to the command. */
export function registerUpdate(root: Command): void {
  const program = root
    .command("update")
    .description("sign the command that replaces a board's bundle (docs/reference/updates.md)")
    .argument("<bundle>", "what is flashed, such as dist/firmware/lubdub.min.js")
    .requiredOption("--url <url>", "where boards fetch that very file by ranges", parseFileUrl);
  addCommandOptions(program, "5m").action(runUpdate);
}

/** Checks where a bundle is, as the board will. */
function parseFileUrl(text: string): string {
  if (!/^https?$/.test(parseUrl(text)?.scheme ?? ""))
    throw new InvalidArgumentError("Expected http[s]://host[:port]/path without user name.");
  return text;
}

async function runUpdate(file: string, options: CommandOptions & { url: string }): Promise<void> {
  const key = readDeviceKey(options.key);
  const { text, digest: sha256 } = loadSlotBundle(file);
  const size = text.length;
  const mac = createHmac("sha256", key).update(updateMacText(size, sha256)).digest("base64url");
  const args: UpdateArgs = { url: options.url, size, sha256, mac };
  // Not on stdout, which is for the token or the reply.
  process.stderr.write(`${file}: ${size} bytes, runs as bundle ....${sha256.slice(0, 8)}\n`);
  await sendCommand(options, key, "update", args);
}
