// SPDX-License-Identifier: MIT
// The configuration in flash: which one is used, when it is kept, when it is given up.
import { describe, expect, it } from "vitest";
import { createFlash } from "../../../sim/index.ts";
import type { Flash } from "../../../sim/index.ts";
import {
  GOOD_FILE,
  TRIAL_MS,
  TRIAL_STARTS,
  changeConfig,
  keepConfig,
  loadConfig,
  tryConfig,
} from "../../../firmware/core/config-store.ts";
import type { Config } from "../../../firmware/wire/config.ts";
import { ALL_KEYS, CONFIG_FILE } from "../../../firmware/wire/config.ts";
import type { FakeBoard } from "../../helpers/fake-board.ts";
import { linesOf } from "../../helpers/fake-board.ts";
import { createFlashBoard } from "../../helpers/flash-board.ts";

const BASE = { key: "k".repeat(43), urls: "mqtt://broker.test" };
const textOf = (more: object): string => JSON.stringify({ ...BASE, ...more });
const GOOD = textOf({ device_id: "good" });
const NEW = textOf({ device_id: "new" });
const WRONG = textOf({ qos: 7 });

const isUrl = (text: string): boolean => text.startsWith("mqtt://");

function start(
  flash: Flash,
  before?: FakeBoard,
): {
  board: FakeBoard;
  config: Config | undefined;
  reasons: string[];
} {
  const board = createFlashBoard(flash, before && { flash: before.flash });
  const config = loadConfig(board, ALL_KEYS, isUrl);
  const reasons: string[] = [];
  tryConfig(board, (reason) => reasons.push(reason));
  return { board, config, reasons };
}

function flashWith(files: { [name: string]: string | undefined }): Flash {
  const flash = createFlash();
  for (const [name, text] of Object.entries(files)) if (text !== undefined) flash.write(name, text);
  return flash;
}

/** A board with both files that is started. */
function startWith(file: string | undefined, good?: string): ReturnType<typeof start> {
  return start(flashWith({ [CONFIG_FILE]: file, [GOOD_FILE]: good }));
}

describe("the configuration", () => {
  it("is the file when it is right, whatever was good before", () => {
    expect(startWith(NEW).config?.device_id).toBe("new");
    expect(startWith(NEW, GOOD).config?.device_id).toBe("new");
  });

  it.each([
    {
      name: "missing",
      file: undefined,
      line: `E config unusable code=E_CONFIG expected=JSON got=nothing file=${CONFIG_FILE}`,
    },
    {
      name: "no JSON",
      file: "{",
      line: `E config unusable code=E_CONFIG expected=JSON got=else file=${CONFIG_FILE}`,
    },
    {
      name: "no object",
      file: "5",
      line: `E config unusable code=E_CONFIG expected=JSON got=else file=${CONFIG_FILE}`,
    },
    {
      name: "empty",
      file: "null",
      line: `E config unusable code=E_CONFIG expected=JSON got=else file=${CONFIG_FILE}`,
    },
    {
      name: "wrong",
      file: WRONG,
      line: 'E config wrong key=qos expected="integer from 0 to 2" got="7"',
    },
  ])("falls back to the good one when it is $name, and is left as it is", ({ file, line }) => {
    const { board, config, reasons } = startWith(file, GOOD);
    expect(config?.device_id).toBe("good");
    expect(board.lines).toEqual([`0 ${line}`, `0 W config fallback file=${GOOD_FILE}`]);
    board.advance(2 * TRIAL_MS);
    expect([board.read(CONFIG_FILE), reasons]).toEqual([file, []]);
  });

  it("is none without a good one, or with one that is torn", () => {
    expect(startWith(WRONG).config).toBeUndefined();
    const { board, config } = startWith(WRONG, GOOD.slice(0, 30) + "\xff".repeat(30));
    expect(config).toBeUndefined();
    expect(linesOf(board, "unusable")).toEqual([
      `E config unusable code=E_CONFIG expected=JSON got=else file=${GOOD_FILE}`,
    ]);
  });

  it("warns of keys that it does not know", () => {
    const { board, config } = startWith(textOf({ colour: 1, 'a"b\n': 2 }));
    expect(config).toBeDefined();
    expect(linesOf(board, "config")).toEqual([
      'W config unknown-key key="colour"',
      'W config unknown-key key="a?b?"',
    ]);
  });
});

describe("a configuration that reached online", () => {
  it("is kept, once", () => {
    const { board, reasons } = startWith(NEW, GOOD);
    keepConfig(board);
    expect(board.read(GOOD_FILE)).toBe(NEW);
    board.write = () => "must not write";
    keepConfig(board);
    board.advance(2 * TRIAL_MS);
    expect(reasons).toEqual([]);
  });

  it("is told when it cannot be kept", () => {
    const { board } = startWith(NEW, GOOD);
    board.write = () => "full";
    keepConfig(board);
    expect(linesOf(board, "config")).toEqual(['E config not-kept code=E_STORE text="full"']);
  });

  it("is not what somebody has written since the start", () => {
    const { board } = startWith(GOOD);
    board.write(CONFIG_FILE, NEW);
    keepConfig(board);
    expect(board.read(GOOD_FILE)).toBeUndefined();
  });

  it("is not the file when the board fell back from that", () => {
    const { board } = startWith(WRONG, GOOD);
    keepConfig(board);
    expect([board.read(CONFIG_FILE), board.read(GOOD_FILE)]).toEqual([WRONG, GOOD]);
  });
});

describe("a changed configuration that does not reach online", () => {
  it("is given up after its time, and the good one becomes the file", () => {
    const flash = flashWith({ [CONFIG_FILE]: NEW, [GOOD_FILE]: GOOD });
    const { board, reasons } = start(flash);
    board.advance(TRIAL_MS - 10);
    expect(reasons).toEqual([]);
    board.advance(20);
    expect(reasons).toEqual(["trial"]);
    expect(linesOf(board, "undone")).toEqual(["W config undone"]);
    const next = start(flash);
    expect(next.config?.device_id).toBe("good");
    next.board.advance(2 * TRIAL_MS);
    expect(next.reasons).toEqual([]);
    keepConfig(next.board);
    expect(next.board.read(CONFIG_FILE)).toBe(GOOD);
    expect(start(flash).config?.device_id).toBe("good");
  });

  it("is given up by a board that starts anew again and again, before its time", () => {
    const flash = flashWith({ [CONFIG_FILE]: NEW, [GOOD_FILE]: GOOD });
    let { board, reasons } = start(flash);
    for (let starts = 1; starts < TRIAL_STARTS; starts++) {
      board.advance(TRIAL_MS / 2);
      ({ board, reasons } = start(flash, board));
    }
    board.advance(TRIAL_MS / 2);
    expect([reasons, board.read(CONFIG_FILE)]).toEqual([[], NEW]);
    // Another one has all its starts.
    flash.write(CONFIG_FILE, textOf({ device_id: "newer" }));
    ({ board } = start(flash, board));
    board.advance(10);
    expect(board.read(CONFIG_FILE)).toContain("newer");
    for (let starts = 1; starts <= TRIAL_STARTS; starts++)
      ({ board, reasons } = start(flash, board));
    board.advance(10);
    expect(reasons).toEqual(["trial"]);
    expect(start(flash, board).config?.device_id).toBe("good");
  });

  it("stays when there is no other that can be used, and when it was good before", () => {
    for (const good of [undefined, NEW, GOOD.slice(0, 30) + "\xff".repeat(30), WRONG]) {
      const { board, reasons } = startWith(NEW, good);
      board.advance(2 * TRIAL_MS);
      expect([reasons, board.read(CONFIG_FILE)]).toEqual([[], NEW]);
    }
  });
});

describe("a change by command", () => {
  function change(changes: { [key: string]: unknown }, file = GOOD, good?: string) {
    const { board } = startWith(file, good);
    const failure = changeConfig(board, changes, ALL_KEYS, isUrl);
    return { failure, text: board.read(CONFIG_FILE) };
  }

  it("sets keys and takes them out", () => {
    const { failure, text } = change({ device_id: null, qos: 0 });
    expect(failure).toBeUndefined();
    expect(JSON.parse(text ?? "")).toEqual({ ...BASE, qos: 0 });
  });

  it.each([
    {
      name: "a wrong value",
      changes: { qos: 7 },
      is: 'qos expected="integer from 0 to 2" got="7"',
    },
    { name: "an unknown key", changes: { colour: 1 }, is: 'colour expected="none" got=""' },
    {
      name: "what contradicts another key",
      changes: { keep_alive_s: 5, ping_timeout_s: 6 },
      is: 'ping_timeout_s expected="at most keep_alive_s (5)" got="6"',
    },
    {
      name: "a required key taken out",
      changes: { key: null },
      is: 'key expected="base64url of 32 bytes or more" got="nothing"',
    },
    {
      name: "a secret",
      changes: { key: "hunter2" },
      is: 'key expected="base64url of 32 bytes or more" got="(secret)"',
    },
  ])("is refused with $name, and nothing is written", ({ changes, is }) => {
    expect(change(changes)).toEqual({ failure: `E_CONFIG key=${is}`, text: GOOD });
  });

  it("does not mind an unknown key that was there", () => {
    expect(change({ qos: 0 }, textOf({ colour: 1 })).failure).toBeUndefined();
  });

  it.each([
    ["is no JSON", "{"],
    ["is null", "null"],
    ["is a number", "5"],
    ["is a list", "[]"],
    ["has a wrong value", WRONG],
  ])("changes the good one, which is in use, when the file %s", (_name, file) => {
    const { failure, text } = change({ qos: 0 }, file, GOOD);
    expect(failure).toBeUndefined();
    expect(JSON.parse(text ?? "")).toEqual({ ...BASE, device_id: "good", qos: 0 });
  });

  it("is added to one that was made since the start", () => {
    const { board } = startWith(WRONG, GOOD);
    changeConfig(board, { qos: 0 }, ALL_KEYS, isUrl);
    changeConfig(board, { kid: "2" }, ALL_KEYS, isUrl);
    expect(JSON.parse(board.read(CONFIG_FILE) ?? "")).toEqual({
      ...BASE,
      device_id: "good",
      qos: 0,
      kid: "2",
    });
  });

  it("is made to what is in use, not to what an earlier start used", () => {
    startWith(WRONG, GOOD);
    const { text } = change({ qos: 0 }, NEW, GOOD);
    expect(JSON.parse(text ?? "")).toMatchObject({ device_id: "new", qos: 0 });
  });

  it("tells when it cannot be written", () => {
    const { board } = startWith(GOOD);
    board.write = () => "full";
    expect(changeConfig(board, { qos: 0 }, ALL_KEYS, isUrl)).toBe('E_STORE text="full"');
  });
});
