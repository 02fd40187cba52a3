// SPDX-License-Identifier: MIT
import { createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import { createIdentity } from "../../../firmware/auth/identity.ts";
import { createJwt } from "../../../firmware/auth/jwt.ts";
import type { Failure, Level } from "../../../firmware/core/runtime.ts";
import {
  BURST,
  EACH_MS,
  INBOX_MAX,
  INBOX_MAX_BYTES,
  INTERVAL_MAX_SEC,
  INTERVAL_MIN_SEC,
  FAULT_MAX_BYTES,
  PAUSE_MS,
  REPLY_MS,
  RESULT_MAX_BYTES,
  RESTART_MS,
  RETRY_MS,
  SEEN_MAX,
  createCommands,
} from "../../../firmware/services/commands.ts";
import type { Args, CommandOptions } from "../../../firmware/services/commands.ts";
import { CONFIG } from "../../../firmware/wire/config.ts";
import { KEY, armedCount, configOf, createFakeBoard, linesOf } from "../../helpers/fake-board.ts";
import type { FakeBoard } from "../../helpers/fake-board.ts";

const TRUE_MS = 1_790_000_000_000;
const HOUR_MS = 3_600_000;

interface Reply {
  device_id: string;
  id: string | null;
  ok: boolean;
  result?: unknown;
  error?: { code: string; message: string };
  uptime_ms: number;
}

/** A device that takes commands, and the host that sends them. */
function boot(board: FakeBoard = createFakeBoard(), changes: Partial<CommandOptions> = {}) {
  const identity = createIdentity(board, configOf());
  const jwt = createJwt(board, identity, configOf());
  const replies: Reply[] = [];
  const calls: unknown[][] = [];
  const options: CommandOptions = {
    jwt,
    reply: (text, done) => {
      replies.push(JSON.parse(text) as Reply);
      done();
    },
    status: () => ({ id: "kitchen", uplink: "online" }),
    setInterval: (sec) => void calls.push(["interval", sec]),
    changeConfig: (args) => {
      calls.push(["config", args]);
      return undefined;
    },
    reboot: (reason) => void calls.push(["reboot", reason]),
    update: (args, done) => void calls.push(["update", args, done]),
    rotate: (key, kid) => {
      calls.push(["rotate", key, kid]);
      return undefined;
    },
    own: { open_door: (args, answer) => answer(undefined, args["side"]) },
    ...changes,
  };
  const commands = createCommands(board, options);
  let count = 0;
  const nowSec = (): number => Math.floor(board.wallMs() / 1000);

  function token(cmd: unknown, args?: unknown, claims: Args = {}): string {
    const body = {
      sub: "kitchen",
      aud: "lubdub",
      iat: nowSec(),
      exp: nowSec() + 60,
      jti: `c${++count}`,
      cmd,
      args,
      ...claims,
    };
    const encode = (value: unknown): string =>
      Buffer.from(JSON.stringify(value)).toString("base64url");
    const input = `${encode({ alg: "HS256", kid: "1" })}.${encode(body)}`;
    const tag = createHmac("sha256", Buffer.from(KEY, "base64url")).update(input);
    return `${input}.${tag.digest("base64url")}`;
  }

  /** Sends a token and gives the reply to it, if any. */
  function send(text: string): Reply | undefined {
    const before = replies.length;
    commands.handle(text);
    board.advance(PAUSE_MS);
    return replies[before];
  }

  /** Sends a command; pauses before it so that the rate is no matter. */
  function ask(cmd: unknown, args?: unknown, claims?: Args): Reply | undefined {
    board.advance(EACH_MS);
    return send(token(cmd, args, claims));
  }
  return { board, commands, replies, calls, token, send, ask, nowSec };
}

describe("a command", () => {
  it.each([
    ["in time", -HOUR_MS, 60, undefined],
    ["too late", -48 * HOUR_MS, -24 * 3600, "E_COMMAND_EXPIRED"],
  ])("that waited at the broker is judged when time servers have been heard: %s", (...row) => {
    const [, aheadMs, expSec, code] = row;
    // The last time that the board knows is from before a power cut.
    const board = createFakeBoard({ systemMs: TRUE_MS + aheadMs });
    let isTimeDue = true;
    const { commands, token, replies } = boot(board, { isTimeDue: () => isTimeDue });
    const exp = Math.floor(TRUE_MS / 1000) + expSec;
    commands.handle(token("ping", {}, { iat: exp - 3600, exp }));
    board.advance(8000);
    expect(replies).toEqual([]);
    board.setWall(TRUE_MS + 8000, "synced");
    isTimeDue = false;
    board.advance(RETRY_MS);
    expect(replies.map((reply) => reply.error?.code)).toEqual([code]);
  });

  it("is answered after a timer, with id and uptime", () => {
    const { board, commands, replies, token } = boot();
    board.advance(1000);
    commands.handle(token("ping", { nonce: 'a"b' }));
    expect(replies).toEqual([]);
    board.advance(1);
    expect(replies).toEqual([
      { device_id: "kitchen", id: "c1", ok: true, result: { nonce: 'a"b' }, uptime_ms: 1000 },
    ]);
  });

  it.each([
    ["is unknown", "fly", undefined, "E_COMMAND_UNKNOWN"],
    ["has the name of something that every object has", "toString", {}, "E_COMMAND_UNKNOWN"],
    ["has a long nonce", "ping", { nonce: "x".repeat(65) }, "E_COMMAND_ARGS"],
    ["asks for no interval", "interval", {}, "E_COMMAND_ARGS"],
    ["asks for an interval as text", "interval", { seconds: "5" }, "E_COMMAND_ARGS"],
    ["asks for too short an interval", "interval", { seconds: 0.05 }, "E_COMMAND_ARGS"],
    ["asks for too long an interval", "interval", { seconds: 86_401 }, "E_COMMAND_ARGS"],
    ["asks for a log level there is not", "log", { level: "DI" }, "E_COMMAND_ARGS"],
    ["asks for half a blink", "identify", { count: 1.5 }, "E_COMMAND_ARGS"],
    ["asks for endless blinks", "identify", { count: 41 }, "E_COMMAND_ARGS"],
    ["changes nothing", "config", {}, "E_COMMAND_ARGS"],
    ["changes the key in the open", "config", { key: "A".repeat(43) }, "E_COMMAND_ARGS"],
    ["names no new key", "rotate_key", { salt: "0123456789abcdef" }, "E_COMMAND_ARGS"],
    ["has little salt", "rotate_key", { kid: "2", salt: "short" }, "E_COMMAND_ARGS"],
    ["has no name", undefined, {}, "E_COMMAND_CLAIMS"],
    ["has arguments that are a text", "ping", "x", "E_COMMAND_CLAIMS"],
    ["has arguments that are null", "ping", null, "E_COMMAND_CLAIMS"],
  ])("that %s is refused", (_name, cmd, args, code) => {
    const { ask, calls } = boot();
    expect(ask(cmd, args)).toMatchObject({ ok: false, error: { code } });
    expect(calls).toEqual([]);
  });

  it.each([
    ["expired", { exp: 1, iat: 0 }, "E_COMMAND_EXPIRED"],
    ["of the future", { iat: 4e9, exp: 5e9 }, "E_COMMAND_EARLY"],
    ["for another device", { sub: "hall" }, "E_COMMAND_CLAIMS"],
  ])("that is signed but %s is told so", (_name, claims, code) => {
    const { ask, commands } = boot();
    expect(ask("ping", {}, claims)).toMatchObject({ id: "c1", error: { code } });
    expect([commands.obeyed, commands.refused]).toEqual([0, 1]);
  });

  it.each([[undefined], [""], [5], ["x".repeat(65)]])("without an id (%j) is told so", (jti) => {
    const reply = boot().ask("ping", {}, { jti });
    expect(reply).toMatchObject({ id: null, error: { code: "E_COMMAND_CLAIMS" } });
  });

  it("gets no reply without the key, and one log line a minute for each kind", () => {
    const { board, commands, replies, send, token } = boot();
    for (let i = 0; i < 30; i++) {
      send(`${token("ping").slice(0, -4)}AAAA`);
      send("junk");
    }
    expect(replies).toEqual([]);
    expect(commands.refused).toBe(60);
    expect(linesOf(board, "refused")).toEqual([
      "W command refused cause=signature count=1",
      "W command refused cause=form count=2",
    ]);
    board.advance(60_000);
    send("junk");
    expect(linesOf(board, "refused")).toHaveLength(3);
  });

  it("waits in a queue, and what finds no place there is told in one reply", () => {
    const { board, commands, replies, token } = boot();
    for (let i = 0; i < INBOX_MAX + 3; i++) commands.handle(token("ping"));
    board.advance((INBOX_MAX + 1) * PAUSE_MS);
    expect(replies.map(({ id }) => id)).toEqual([
      ...Array.from({ length: INBOX_MAX }, (_, i) => `c${i + 1}`),
      null,
    ]);
    expect(replies.map(({ ok }) => ok).lastIndexOf(true)).toBe(BURST - 1);
    expect(replies.at(-1)?.error).toEqual({ code: "E_COMMAND_RATE", message: "lost=3" });
    expect(commands.refused).toBe(INBOX_MAX + 3 - BURST);
  });

  it("finds no place when those that wait have many bytes", () => {
    const { board, commands, token } = boot();
    const long = token("ping", { nonce: "x".repeat(1200) });
    for (let i = 0; i < INBOX_MAX; i++) commands.handle(long);
    board.advance(0);
    expect(commands.refused).toBe(INBOX_MAX - Math.floor(INBOX_MAX_BYTES / long.length));
  });

  it("waits until the reply to the one before has arrived, for some time", () => {
    const texts: string[] = [];
    const dones: ((failure?: Failure) => void)[] = [];
    const reply: CommandOptions["reply"] = (text, done) => {
      texts.push(text);
      dones.push(done);
    };
    const { board, commands, token } = boot(createFakeBoard(), { reply });
    for (let i = 0; i < 3; i++) commands.handle(token("ping"));
    board.advance(REPLY_MS - 1);
    expect(texts).toHaveLength(1);
    dones[0]?.();
    board.advance(PAUSE_MS);
    expect(texts).toHaveLength(2);
    board.advance(REPLY_MS);
    expect(texts).toHaveLength(3);
  });

  it("is answered when there is room for the reply, and not before", () => {
    const texts: string[] = [];
    let failure: Failure | undefined = "E_MQTT_WINDOW";
    const reply: CommandOptions["reply"] = (text, done) => {
      texts.push(text);
      done(failure);
    };
    const { board, commands, token } = boot(createFakeBoard(), { reply });
    commands.handle(token("ping"));
    commands.handle(token("ping"));
    board.advance(RETRY_MS);
    expect(texts).toEqual([texts[0], texts[0]]);
    failure = undefined;
    board.advance(RETRY_MS + PAUSE_MS);
    expect(texts.map((text) => (JSON.parse(text) as Reply).id)).toEqual(["c1", "c1", "c1", "c2"]);
    commands.stop();
  });

  it.each([
    ["over HTTP", "E_HTTP_NONE"],
    ["from a broker that does not allow them", "E_MQTT_DENIED"],
  ])("that came %s has no reply, which is logged", (_from, failure) => {
    const { board, commands, token } = boot(createFakeBoard(), {
      reply: (_text, done) => done(failure),
    });
    for (let i = 0; i < 3; i++) commands.handle(token("ping"));
    board.advance(2 * PAUSE_MS);
    expect(commands.obeyed).toBe(3);
    expect(linesOf(board, "reply-lost")).toHaveLength(3);
  });

  it("costs nothing of the rate when it is expired, repeated, forgotten or unsigned", () => {
    const { board, send, token } = boot();
    const old = token("ping", {}, { iat: 1, exp: 2 });
    const known = token("ping");
    send(known);
    for (let i = 0; i < 2 * BURST; i++) {
      send(old);
      send(known);
    }
    expect(send(token("reboot"))?.ok).toBe(true);
    expect(board.nowMs()).toBeLessThan(10 * EACH_MS);
  });

  it("is looked at no faster than five a second, signed or not", () => {
    const { board, commands } = boot();
    for (let i = 0; i < 10; i++) commands.handle("junk");
    board.advance(5 * PAUSE_MS - 1);
    expect(commands.refused).toBe(5);
  });

  it("beyond the rate is refused until time has passed", () => {
    const { board, send, token } = boot();
    const codes = Array.from({ length: BURST + 2 }, () => send(token("ping"))?.error?.code);
    const none = Array.from({ length: BURST }, () => undefined);
    expect(codes).toEqual([...none, "E_COMMAND_RATE", "E_COMMAND_RATE"]);
    board.advance(EACH_MS);
    expect([send(token("ping"))?.ok, send(token("ping"))?.ok]).toEqual([true, false]);
  });
});

describe("a repeated command", () => {
  it("has its first result and is not obeyed again", () => {
    const { board, calls, send, token } = boot();
    const text = token("interval", { seconds: 5 });
    const first = send(text);
    board.advance(20_000);
    const second = send(text);
    expect(second).toEqual({ ...first, uptime_ms: 20_000 + PAUSE_MS });
    expect(calls).toHaveLength(1);
  });

  it("is not answered while the first is under way", () => {
    const { calls, replies, send, token } = boot();
    const text = token("update", { url: "x" });
    send(text);
    send(text);
    expect([calls.length, replies.length]).toEqual([1, 0]);
    const done = calls[0]?.[2] as (failure?: Failure) => void;
    done("E_UPDATE cause=mac");
    expect(replies[0]?.error).toEqual({ code: "E_UPDATE", message: "cause=mac" });
    expect(send(text)?.error?.code).toBe("E_UPDATE");
  });

  it("is refused when it was forgotten, and so is what is no newer", () => {
    const { ask, board, nowSec, send, token } = boot();
    const iat = nowSec();
    const text = token("ping", {}, { exp: iat + 9999 });
    send(text);
    const twin = token("ping", {}, { exp: iat + 9999 });
    for (let i = 0; i < SEEN_MAX; i++) ask("ping");
    board.advance(EACH_MS * 2);
    expect(send(text)?.error?.code).toBe("E_COMMAND_OLD");
    expect(send(twin)?.error?.code).toBe("E_COMMAND_OLD");
    expect(ask("ping")?.ok).toBe(true);
  });

  it("that had an effect is refused after a restart", () => {
    const board = createFakeBoard();
    const first = boot(board);
    const text = first.token("reboot");
    expect(first.send(text)?.ok).toBe(true);
    first.commands.stop();
    const second = boot(board);
    expect(second.send(text)?.error?.code).toBe("E_COMMAND_OLD");
    expect(second.calls).toEqual([]);
    board.advance(1000);
    expect(second.send(second.token("reboot"))?.ok).toBe(true);
  });

  it("is not obeyed at all when that cannot be kept", () => {
    const { ask, calls } = boot(createFakeBoard({ flash: null }));
    expect(ask("reboot")?.error?.code).toBe("E_STORE");
    expect(ask("ping")?.ok).toBe(true);
    expect(calls).toEqual([]);
  });
});

describe("the built-in commands", () => {
  it("interval takes what the configuration takes", () => {
    const { ask, calls } = boot();
    expect(CONFIG.interval_s.slice(2)).toEqual([INTERVAL_MIN_SEC, INTERVAL_MAX_SEC]);
    expect(ask("interval", { seconds: 0.1 })).toMatchObject({ ok: true, result: null });
    expect(calls).toEqual([["interval", 0.1]]);
  });

  it("log sets the level", () => {
    const { ask, board } = boot();
    expect(ask("log", { level: "E" })?.ok).toBe(true);
    expect(board.logLevel).toBe("E");
  });

  it("identify blinks the LED and ends dark", () => {
    const { ask, board } = boot();
    expect(ask("identify", { count: 2 })?.ok).toBe(true);
    board.advance(2000);
    expect(board.leds).toEqual([true, false, true, false]);
    ask("identify");
    board.advance(5000);
    expect(board.leds).toHaveLength(4 + 10);
  });

  it("identify says that there is no LED", () => {
    const board = createFakeBoard();
    delete board.led;
    expect(boot(board).ask("identify")?.error?.code).toBe("E_LED_NONE");
  });

  it("diagnostics tells the status of every service, the memory and the last faults", () => {
    const board = createFakeBoard();
    const { ask } = boot(board);
    for (const [level, event] of ["W first", "E second", "I fine", "W third", "E fourth"].map(
      (text) => text.split(" ") as [Level, string],
    ))
      board.log(level, "test", event, "detail=" + "x".repeat(100));
    const result = ask("diagnostics")?.result as Args;
    expect(result).toMatchObject({ id: "kitchen", uplink: "online", vars: 4321 });
    const faults = result["faults"] as string[];
    expect(faults.map((line) => line.split(" ").slice(1, 4).join(" "))).toEqual([
      "E test second",
      "W test third",
      "E test fourth",
    ]);
    expect(Math.max(...faults.map((line) => line.length))).toBe(FAULT_MAX_BYTES);
  });

  it("diagnostics leaves out what is too much, and says how many", () => {
    const status = () =>
      Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`service${i}`, "x".repeat(20)]));
    const result = boot(createFakeBoard(), { status }).ask("diagnostics")?.result as Args;
    expect(JSON.stringify(result).length).toBeLessThanOrEqual(RESULT_MAX_BYTES);
    expect(result["service0"]).toBeDefined();
    expect(result["trimmed"]).toBe(44 + 1 - Object.keys(result).length);
  });

  it("config is answered and then applied by a restart, behind those that came with it", () => {
    const { board, commands, token, calls, replies } = boot();
    commands.handle(token("config", { interval_s: 60, qos: null }));
    for (let i = 0; i < 4; i++) commands.handle(token("ping"));
    board.advance(RESTART_MS - PAUSE_MS);
    expect(calls).toEqual([["config", { interval_s: 60, qos: null }]]);
    board.advance(2 * PAUSE_MS);
    expect(replies.map(({ id, ok }) => [id, ok])).toEqual(
      ["c1", "c2", "c3", "c4", "c5"].map((id) => [id, true]),
    );
    expect(calls).toEqual([
      ["config", { interval_s: 60, qos: null }],
      ["reboot", "config"],
    ]);
  });

  it.each(["config", "reboot"])("%s is applied though its answer is cut short", (cmd) => {
    const { board, commands, token, calls } = boot(createFakeBoard(), {
      reply: () => {
        throw new Error("out of memory");
      },
    });
    commands.handle(token(cmd, { qos: 0 }));
    board.advance(RESTART_MS + PAUSE_MS);
    expect(calls.at(-1)?.[0]).toBe("reboot");
  });

  it("config that is wrong is told and restarts nothing", () => {
    const calls: string[] = [];
    const { ask } = boot(createFakeBoard(), {
      changeConfig: () => "E_CONFIG key=qos",
      reboot: (reason) => void calls.push(reason),
    });
    expect(ask("config", { qos: 7 })?.error).toEqual({ code: "E_CONFIG", message: "key=qos" });
    expect(calls).toEqual([]);
  });

  it("rotate_key derives the key that a host derives", () => {
    const { ask, calls } = boot();
    expect(ask("rotate_key", { kid: "2", salt: "0123456789abcdef" })?.ok).toBe(true);
    const mac = createHmac("sha256", Buffer.from(KEY, "base64url"));
    const key = mac.update("rotate_key.2.0123456789abcdef").digest("base64url");
    expect(calls).toEqual([["rotate", key, "2"]]);
  });

  it.each(["interval", "config", "update", "reboot", "rotate_key"])(
    "%s is unknown where there is nothing for it",
    (cmd) => {
      const none = { setInterval: undefined, changeConfig: undefined, reboot: undefined };
      const changes = { ...none, update: undefined, rotate: undefined } as object;
      const { ask } = boot(createFakeBoard(), changes);
      expect(ask(cmd, {})?.error?.code).toBe("E_COMMAND_UNKNOWN");
    },
  );
});

describe("a program's own command", () => {
  it("is one line", () => {
    expect(boot().ask("open_door", { side: "left" })).toMatchObject({ ok: true, result: "left" });
  });

  it("that throws is answered with the fault", () => {
    const own = {
      bad: () => {
        throw new Error("broken");
      },
    };
    expect(boot(createFakeBoard(), { own }).ask("bad")?.error).toEqual({
      code: "E_COMMAND_FAULT",
      message: 'text="Error: broken"',
    });
  });

  it("with too long a result is answered with a failure, and only once", () => {
    const own: CommandOptions["own"] = {
      long: (_args, answer) => {
        answer(undefined, "x".repeat(RESULT_MAX_BYTES));
        answer(undefined, "again");
      },
    };
    const { ask, replies } = boot(createFakeBoard(), { own });
    expect(ask("long")?.error?.code).toBe("E_COMMAND_SIZE");
    expect(replies).toHaveLength(1);
  });
});

it("is not moved by an answer that comes after its end", () => {
  const { board, calls, commands, replies, send, token } = boot();
  send(token("update", { url: "x" }));
  commands.stop();
  const done = calls[0]?.[2] as (failure?: Failure) => void;
  done("E_UPDATE cause=mac");
  expect([armedCount(board), replies]).toEqual([0, []]);
});

it("stops without a timer, and dark", () => {
  const { ask, board, commands, token } = boot();
  ask("identify");
  commands.handle(token("ping"));
  commands.stop();
  const leds = board.leds.length;
  board.advance(10_000);
  expect(board.leds.at(-1)).toBe(false);
  expect(board.leds).toHaveLength(leds);
  commands.handle(token("ping"));
  board.advance(10);
  expect(commands.status).toBe("stopped");
  expect(commands.obeyed).toBe(1);
});
