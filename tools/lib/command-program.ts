// SPDX-License-Identifier: MIT
// What the programs that command a board have in common: their options, the device's key, and the way
// of the command to stdout or to the device. The key comes from a file or the environment, never from
// the command line, which every process of the host can read.
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import process from "node:process";
import type { Command } from "commander";
import { AUDIENCE, KEY_ID } from "../../firmware/wire/claims.ts";
import { TOPIC_PREFIX } from "../../firmware/wire/topics.ts";
import {
  checkKey,
  durationOption,
  parseDeviceId,
  parseDurationMs,
  parseOneBroker,
  parsePrefix,
  parseText,
} from "./cli.ts";
import { deliverCommand } from "./command-link.ts";
import { signCommand } from "./command-token.ts";
import { AppError, systemCode, usageError } from "./errors.ts";

/** Values of {@link addCommandOptions}. */
export interface CommandOptions {
  device: string;
  /** File with the key. */
  key?: string;
  kid: string;
  aud: string;
  /** ms. */
  ttl: number;
  jti?: string;
  broker?: string;
  user?: string;
  prefix: string;
  /** ms. */
  wait: number;
}

const KEY_VARIABLE = "LUBDUB_KEY";
const PASSWORD_VARIABLE = "LUBDUB_BROKER_PASSWORD";

/** Adds the options; `waitText` is the default of `--wait`. */
export function addCommandOptions(command: Command, waitText: string): Command {
  return command
    .requiredOption("--device <id>", "who is commanded", parseDeviceId)
    .option("--key <file>", `file with the device's key as in lubdub.json, or env ${KEY_VARIABLE}`)
    .option("--kid <id>", "id of that key", parseText(32), KEY_ID)
    .option("--aud <text>", "audience", parseText(64), AUDIENCE)
    .addOption(
      durationOption("--ttl <time>", "the board obeys it for this time").default(60_000, "60s"),
    )
    .option(
      "--jti <text>",
      "id of the command; random unless given, the same one is obeyed once",
      parseText(64),
    )
    .option("--broker <url>", "publish it there and print the reply, not the token", parseOneBroker)
    .option("--user <name>", `user name for the broker, password in env ${PASSWORD_VARIABLE}`)
    .option("--prefix <topic>", "first levels of the topics", parsePrefix, TOPIC_PREFIX)
    .addOption(
      durationOption("--wait <time>", "longest wait for the reply").default(
        parseDurationMs(waitText),
        waitText,
      ),
    );
}

/** Reads the device's key; no complaint repeats what may be a key. */
export function readDeviceKey(file: string | undefined): Buffer {
  let text = process.env[KEY_VARIABLE];
  if (file !== undefined)
    try {
      text = readFileSync(file, "latin1");
    } catch (error) {
      const code = systemCode(error) ?? "unreadable";
      throw usageError(`--key names no file that can be read (${code}); it is a file, not the key`);
    }
  if (text === undefined)
    throw usageError(`there is no key: --key names a file with it, or env ${KEY_VARIABLE} has it`);
  const name = file === undefined ? KEY_VARIABLE : "the key in the file of --key";
  return Buffer.from(checkKey(text.trim(), name), "base64url");
}

/**
 * Signs a command and prints its token; with a broker delivers it and prints the reply.
 * @throws AppError (`E_COMMAND_REFUSED` and those of {@link deliverCommand})
 */
export async function sendCommand(
  options: CommandOptions,
  key: Buffer,
  cmd: string,
  args: object | undefined,
): Promise<void> {
  const { device, kid, aud, broker, prefix, wait } = options;
  const jti = options.jti ?? randomBytes(12).toString("base64url");
  const iat = Math.floor(Date.now() / 1000);
  const exp = iat + Math.ceil(options.ttl / 1000);
  const token = signCommand(
    { sub: device, aud, iat, exp, jti, cmd, ...(args && { args }) },
    kid,
    key,
  );
  if (broker === undefined) {
    process.stdout.write(`${token}\n`);
    return;
  }
  const { ok, code, text } = await deliverCommand({
    url: broker,
    username: options.user,
    password: options.user === undefined ? undefined : process.env[PASSWORD_VARIABLE],
    prefix,
    deviceId: device,
    token,
    jti,
    waitMs: wait,
  });
  process.stdout.write(`${text}\n`);
  if (!ok) throw new AppError("E_COMMAND_REFUSED", `${device} refused: ${code}`);
}
