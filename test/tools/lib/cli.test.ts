// SPDX-License-Identifier: MIT
// Option values with units, and how a command that was called wrongly or failed ends.
import type { Command } from "commander";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  createRootCommand,
  parseBroker,
  parseCount,
  parseDurationMs,
  parseIntervalMs,
  parseKey,
  parsePrefix,
  runCommand,
  sleepMs,
} from "../../../tools/lib/cli.ts";
import { AppError, usageError } from "../../../tools/lib/errors.ts";

describe("option values", () => {
  it.each([
    ["500ms", 500],
    ["2s", 2000],
    ["1.5m", 90_000],
    ["1h", 3_600_000],
  ])("reads %s as %i ms", (text, ms) => {
    expect(parseDurationMs(text)).toBe(ms);
  });

  it.each(["2", "s", "-2s", "0s", "2 s", "1e3s", "600h", "1s2", ""])(
    "refuses the time %j",
    (text) => {
      expect(() => parseDurationMs(text)).toThrow("Expected a time with a unit");
    },
  );

  it.each(["99ms", "25h"])("refuses the interval %s, which no board accepts", (text) => {
    expect(() => parseIntervalMs(text)).toThrow("Expected a time from 100ms to 24h");
  });

  it.each(["0", "11", "1.5", "x", "-1", "1e1", ""])("refuses the count %j of 1 to 10", (text) => {
    expect(() => parseCount(1, 10)(text)).toThrow("whole number from 1 to 10");
  });

  it.each(["ftp://x", "mqtt://", "mqtt://a:b@c", "mqtt://h:0", "mqtt://h/path", "h:1883"])(
    "refuses the broker %j",
    (text) => {
      expect(() => parseBroker(text)).toThrow("Expected scheme://host[:port]");
    },
  );

  it.each(["a/+", "#", "/a", "a/", "", "a b"])("refuses the topic prefix %j", (text) => {
    expect(() => parsePrefix(text)).toThrow("without wildcards");
  });

  it("refuses a short key without repeating it", () => {
    expect(() => parseKey("c2VjcmV0")).toThrow(
      /^--key is invalid\. Expected base64url of 32 bytes/,
    );
  });

  it("takes values at the edges", () => {
    expect(parseCount(0, 65_535)("65535")).toBe(65_535);
    expect(parseIntervalMs("100ms")).toBe(100);
    expect(parseKey("A".repeat(43))).toHaveLength(43);
  });
});

describe("command", () => {
  let complaints: string[];
  beforeEach(() => {
    complaints = [];
    vi.spyOn(process.stdout, "write").mockReturnValue(true);
    vi.spyOn(process.stderr, "write").mockImplementation((text) => {
      complaints.push(String(text));
      return true;
    });
  });
  afterEach(() => {
    process.exitCode = 0;
  });

  function root(action: () => void | Promise<void>): Command {
    const command = createRootCommand("test");
    command.command("go").option("--count <n>", "a count", parseCount(1, 3)).action(action);
    return command;
  }
  const run = (args: string[], action: () => void | Promise<void> = () => {}): Promise<number> =>
    runCommand(root(action), args);

  it.each<[string, string[], number, string]>([
    ["an unknown program", ["stop"], 2, "lubdub: unknown command 'stop'\n"],
    ["an unknown option", ["go", "--x"], 2, "lubdub go: unknown option '--x'\n"],
    ["a stray argument", ["go", "x"], 2, "lubdub go: too many arguments"],
    ["a missing value", ["go", "--count"], 2, "lubdub go: option '--count <n>' argument missing\n"],
    ["a bad value", ["go", "--count", "9"], 2, "lubdub go: option '--count <n>' argument '9'"],
  ])("answers %s with one line and exit code 2", async (_name, args, code, text) => {
    expect(await run(args)).toBe(code);
    expect(complaints).toHaveLength(1);
    expect(complaints[0]).toContain(text);
    expect(complaints[0]?.match(/\n/g)).toHaveLength(1);
  });

  it("prints the help on stderr and ends with 2 when called without anything", async () => {
    expect(await run([])).toBe(2);
    expect(complaints.join("")).toContain("Usage: lubdub");
  });

  it.each([[["--help"]], [["go", "--help"]], [["--version"]]])("ends %j with 0", async (args) => {
    expect(await run(args)).toBe(0);
    expect(complaints).toEqual([]);
  });

  it.each<[string, Error, number, string]>([
    ["a failure", new AppError("E_X", "no\nluck"), 1, "lubdub go: no luck\n"],
    ["a wrong call", usageError("not so"), 2, "lubdub go: not so\n"],
    ["a bug", new TypeError("x is undefined"), 1, "lubdub go: internal error: x is undefined"],
  ])("ends %s with its code and one line", async (_name, error, code, text) => {
    expect(await run(["go"], () => Promise.reject(error))).toBe(code);
    expect(complaints).toHaveLength(1);
    expect(complaints[0]).toContain(text);
  });

  it("ends with the exit code that the program has set", async () => {
    const action = (): void => {
      process.exitCode = 1;
    };
    expect(await run(["go"], action)).toBe(1);
  });
});

describe("sleep", () => {
  it("ends at once when the signal aborts", async () => {
    const controller = new AbortController();
    const sleeping = sleepMs(60_000, controller.signal);
    controller.abort();
    await expect(sleeping).resolves.toBeUndefined();
  });

  it("does not begin when the signal has aborted", async () => {
    await expect(sleepMs(60_000, AbortSignal.abort())).resolves.toBeUndefined();
  });
});
