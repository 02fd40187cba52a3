// SPDX-License-Identifier: MIT
// What every program of the `lubdub` command has in common: option values with units, exit codes
// (0 ok, 1 failed, 2 called wrongly), one clear line on stderr instead of a stack trace, and an
// orderly end on Ctrl-C or when whoever read our output has gone.
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { isDeviceId } from "../../firmware/wire/topics.ts";
import { CONFIG } from "../../firmware/wire/config.ts";
import { areUrls, parseUrl } from "../../firmware/wire/url.ts";
import { KEY_MIN_BYTES } from "../../firmware/wire/claims.ts";
import { LUBDUB_VERSION } from "../../firmware/wire/version.ts";
import { AppError, errorText, usageError } from "./errors.ts";
import { decodeBase64url } from "./token.ts";

const UNITS_MS: { [unit: string]: number } = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** The longest time that a timer of the host holds, ms: 31 bits. */
export const TIMER_MAX_MS = 2 ** 31 - 1;

/** Parses a time with its unit (`500ms`, `2s`, `1.5m`, `1h`, `3d`) into ms; at least 1 ms. */
export function parseDurationMs(text: string, maxMs = TIMER_MAX_MS): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text);
  const ms = match ? Number(match[1]) * (UNITS_MS[match[2] as string] as number) : Number.NaN;
  if (!(ms >= 1 && ms <= maxMs))
    throw new InvalidArgumentError(
      `Expected a time with a unit, such as 500ms, 2s or 5m, at most ${Math.floor(maxMs / 86_400_000)}d.`,
    );
  return ms;
}

/** Parses a heartbeat interval into ms, within the range that boards accept. */
export function parseIntervalMs(text: string): number {
  const [, , minSec, maxSec] = CONFIG.interval_s as [unknown, unknown, number, number];
  const ms = parseDurationMs(text);
  if (ms < minSec * 1000 || ms > maxSec * 1000)
    throw new InvalidArgumentError(`Expected a time from ${minSec * 1000}ms to ${maxSec / 3600}h.`);
  return ms;
}

/** Makes a parser for whole numbers within a range, both ends included. */
export function parseCount(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max))
      throw new InvalidArgumentError(`Expected a whole number from ${min} to ${max}.`);
    return value;
  };
}

/** Checks the URLs of brokers and servers, of the form the boards know. */
export function parseBroker(text: string): string {
  if (!areUrls(text))
    throw new InvalidArgumentError(
      "Expected scheme://host[:port][/path], several with commas, without user name.",
    );
  return text;
}

/** Checks the URL of one broker. */
export function parseOneBroker(text: string): string {
  if (!/^(mqtts?|wss?)$/.test(parseUrl(text)?.scheme ?? ""))
    throw new InvalidArgumentError(
      "Expected mqtt[s]://host[:port] or ws[s]://host[:port]/path, without user name.",
    );
  return text;
}

/**
 * Checks a device key: base64url of at least 32 bytes. The complaint does not repeat the text, as
 * commander's would: even a mistyped key is nearly one.
 * @param source where it comes from, for the complaint
 */
export function checkKey(text: string, source: string): string {
  if ((decodeBase64url(text)?.length ?? 0) < KEY_MIN_BYTES)
    throw usageError(`${source} is invalid. Expected base64url of ${KEY_MIN_BYTES} bytes or more.`);
  return text;
}

/** Checks a device key that is an option's value. */
export function parseKey(text: string): string {
  return checkKey(text, "--key");
}

/** Makes a parser for texts that a token can carry: printable ASCII of bounded length. */
export function parseText(maxChars: number): (text: string) => string {
  return (text) => {
    if (!/^[ -~]+$/.test(text) || text.length > maxChars)
      throw new InvalidArgumentError(`Expected 1-${maxChars} characters of printable ASCII.`);
    return text;
  };
}

/** Checks the first levels of the topics: no wildcards, no empty ends. */
export function parsePrefix(text: string): string {
  if (!/^[!-~]{1,128}$/.test(text) || /[+#]|^\/|\/$/.test(text))
    throw new InvalidArgumentError("Expected topic levels without wildcards, such as devices.");
  return text;
}

/** Checks a device id. */
export function parseDeviceId(text: string): string {
  if (!isDeviceId(text)) throw new InvalidArgumentError("Expected 1-64 of A-Z a-z 0-9 _ -.");
  return text;
}

/** An option that takes a duration. */
export function durationOption(flags: string, description: string, maxMs?: number): Option {
  return new Option(flags, description).argParser((text) => parseDurationMs(text, maxMs));
}

/** An option that takes a heartbeat interval, with a default. */
export function intervalOption(flags: string, defaultText: string): Option {
  return new Option(flags, "time between heartbeats")
    .argParser(parseIntervalMs)
    .default(parseIntervalMs(defaultText), defaultText);
}

/** Creates the root command, still without programs. */
export function createRootCommand(description: string): Command {
  return (
    new Command("lubdub")
      .description(description)
      .version(LUBDUB_VERSION, "-V, --version", "print the version")
      .helpOption("-h, --help", "print this help")
      .helpCommand(false)
      // Or a program would take the options of its own subcommand that have the same names.
      .enablePositionalOptions()
      .exitOverride()
      .configureHelp({ sortSubcommands: false, subcommandTerm: (command) => command.name() })
      .configureOutput({
        // Errors are written once, by `runCommand`.
        outputError: () => {},
      })
  );
}

/**
 * Parses `args` (without node and script), runs the program, and gives the exit code. Programs
 * throw AppError for expected failures; a program that fails without one sets `process.exitCode`.
 */
export async function runCommand(root: Command, args: string[]): Promise<number> {
  const program = args.find((arg) => !arg.startsWith("-"));
  const isKnown = root.commands.some((command) => command.name() === program);
  const label = isKnown ? `lubdub ${program}` : "lubdub";
  const complain = (text: string): void => void process.stderr.write(`${label}: ${text}\n`);
  process.exitCode = 0;
  try {
    if (args.length === 0) {
      root.outputHelp({ error: true });
      return 2;
    }
    await root.parseAsync(args, { from: "user" });
    return process.exitCode;
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return 0;
      complain(errorText(error).replace(/^error: /, ""));
      return 2;
    }
    if (error instanceof AppError) {
      complain(errorText(error));
      return error.exitCode;
    }
    complain(`internal error: ${errorText(error)} (LUBDUB_DEBUG=1 shows where)`);
    if (process.env["LUBDUB_DEBUG"] && error instanceof Error)
      process.stderr.write(`${error.stack}\n`);
    return 1;
  }
}

/** A signal so soon after the first is the same key press, which npm hands on once more, ms. */
const SAME_PRESS_MS = 300;

/**
 * A signal that is aborted by the first Ctrl-C, SIGTERM or SIGHUP, or when stdout is closed by its
 * reader. The second Ctrl-C or SIGTERM ends the process at once with 128 + the signal's number.
 * Call `dispose` when the program is over.
 */
export function createShutdownSignal(): { signal: AbortSignal; dispose(): void } {
  const controller = new AbortController();
  const numbers = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 };
  let firstMs = 0;
  function onSignal(name: keyof typeof numbers): void {
    const nowMs = performance.now();
    if (!controller.signal.aborted) {
      firstMs = nowMs;
      controller.abort(name);
    } else if (nowMs - firstMs > SAME_PRESS_MS) process.exit(128 + numbers[name]);
  }
  function onPipeError(error: NodeJS.ErrnoException): void {
    if (error.code === "EPIPE") controller.abort("EPIPE");
  }
  const names = Object.keys(numbers) as (keyof typeof numbers)[];
  for (const name of names) process.on(name, onSignal);
  process.stdout.on("error", onPipeError);
  return {
    signal: controller.signal,
    dispose: () => {
      for (const name of names) process.off(name, onSignal);
      process.stdout.off("error", onPipeError);
    },
  };
}

/** Makes writing to a closed pipe a quiet end instead of an uncaught error. Call once, first. */
export function quietPipes(): void {
  for (const stream of [process.stdout, process.stderr])
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
    });
}

/** Resolves after `ms`, or at once when `signal` aborts; never rejects. */
export function sleepMs(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const timer = setTimeout(done, ms);
    function done(): void {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    }
    signal?.addEventListener("abort", done, { once: true });
    return undefined;
  });
}
