// SPDX-License-Identifier: MIT
// The entry of the bundle: what a board says to each kind of configuration file. It runs
// as it was built, on a virtual board whose time the test advances and whose broker refuses.
import { describe, expect, it } from "vitest";
import { LUBDUB_VERSION } from "../../firmware/wire/version.ts";
import { loadBundle } from "../../tools/lib/bundle.ts";
import { KEY } from "../helpers/fake-board.ts";
import { bootAlone } from "../helpers/lone-board.ts";
import type { LoneBoard } from "../helpers/lone-board.ts";

const GOOD = { device_id: "kitchen", urls: "mqtt://broker.test", key: KEY };
const BOOT = `I app boot version=${LUBDUB_VERSION} interpreter=2v29.277`;

/** Starts the bundle on a board with this text as its configuration file. */
function start(text: string | undefined, prelude = ""): LoneBoard {
  const files = { ".bootcde": prelude + loadBundle().text };
  return bootAlone(text === undefined ? files : { ...files, "lubdub.json": text }, 50);
}

describe("a good configuration", () => {
  it("starts the program and puts it on the console", () => {
    const { board, lines, advance } = start(JSON.stringify(GOOD));
    expect(lines[0]).toBe(BOOT);
    expect(lines).toContain("I app ready");
    expect(board.evaluate("lubdub.status().id")).toBe("kitchen");
    board.evaluate("lubdub.stop()");
    advance(4000);
    expect(lines.at(-1)).toBe("I app stopped");
    expect(board.isDone()).toBe(true);
    board.powerOff();
  });

  it("starts although it has keys that nobody knows, and warns of them", () => {
    const { board, lines } = start(JSON.stringify({ ...GOOD, colour: 1, 'a"b\n': 2 }));
    expect(lines.slice(1, 3)).toEqual([
      'W config unknown-key key="colour"',
      'W config unknown-key key="a?b?"',
    ]);
    expect(lines).toContain("I app ready");
    board.powerOff();
  });

  it("logs at the level it asks for", () => {
    const { board, lines, advance } = start(JSON.stringify({ ...GOOD, log_level: "E" }));
    advance(60_000);
    expect(lines.slice(1).filter((line) => /^[DIW] /.test(line))).toEqual([]);
    board.powerOff();
  });

  it("reports an exception that nobody caught", () => {
    const { board, lines, advance } = start(JSON.stringify(GOOD));
    board.evaluate('setTimeout(function(){throw new Error("boom")},10)');
    advance(100);
    expect(lines).toContain('E app fault text="exception Error: boom"');
    board.powerOff();
  });

  it("counts each start", () => {
    const { board, lines, advance } = start(JSON.stringify(GOOD));
    board.powerOff();
    board.powerOn();
    advance(50);
    const boots = lines
      .filter((line) => line.startsWith("I app identity"))
      .map((line) => Number(/boot=(\d+)/.exec(line)?.[1]));
    expect(boots).toHaveLength(2);
    expect(Number(boots[1]) - Number(boots[0])).toBe(1);
    board.powerOff();
  });
});

describe("a configuration that cannot be used", () => {
  const unusable = (got: string): string =>
    `E config unusable code=E_CONFIG expected=JSON got=${got} file=lubdub.json`;

  it.each([
    ["absent", undefined],
    ["no JSON", "{urls"],
    ["null", "null"],
    ["a number", "5"],
    ["a text", '"mqtt://broker.test"'],
  ])("is %s: the board says so and stays on its console", (_name, text) => {
    const { board, lines } = start(text);
    expect(lines).toEqual([BOOT, unusable(text === undefined ? "nothing" : "else")]);
    expect(board.evaluate("typeof lubdub")).toBe("undefined");
    expect(board.isDone()).toBe(true);
    board.powerOff();
  });

  it("is a list: the keys are missing", () => {
    const { board, lines } = start("[]");
    expect(lines.slice(1)).toEqual([
      'E config wrong key=urls expected="1-4 of scheme://host[:port][/path] with commas, no query over HTTP" got="nothing"',
      'E config wrong key=key expected="base64url of 32 bytes or more" got="nothing"',
    ]);
    board.powerOff();
  });

  it("has wrong values: all of them are told, no secret among them", () => {
    const { board, lines } = start(
      JSON.stringify({ ...GOOD, key: "hunter2!", qos: 3, wifi_password: 5, log_level: "X" }),
    );
    expect(lines.slice(1)).toEqual([
      'E config wrong key=key expected="base64url of 32 bytes or more" got="(secret)"',
      'E config wrong key=log_level expected="one of D I W E" got="?X?"',
      'E config wrong key=qos expected="integer from 0 to 2" got="3"',
      'E config wrong key=wifi_password expected="text of 0 to 64 characters" got="(secret)"',
    ]);
    expect(board.isDone()).toBe(true);
    board.powerOff();
  });
});

it("an interpreter without SHA-256 is told as that", () => {
  const { board, lines } = start(JSON.stringify(GOOD), 'require("crypto").SHA256=undefined;\n');
  expect(lines).toEqual([BOOT, "E app unusable code=E_HASH_NONE"]);
  expect(board.isDone()).toBe(true);
  board.powerOff();
});
