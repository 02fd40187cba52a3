// SPDX-License-Identifier: MIT
// The platform's own logic on globals that the test plays: what it does with the interpreter's odd
// answers. How the interpreter really answers is shown by the parity and integration tests.
import { transformSync } from "@babel/core";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beforeEach, describe, expect, it } from "vitest";
import { createRuntime } from "../../../firmware/core/runtime.ts";
import type { Board, Socket } from "../../../firmware/platform/board.ts";
import { createTelemetry } from "../../../firmware/services/telemetry.ts";
import { createFakeClock } from "../../helpers/fake-clock.ts";
import type { FakeClock } from "../../helpers/fake-clock.ts";

/** What the store has left. */
const FREE_BYTES = 1000;

type Listener = (...args: unknown[]) => void;

/** The interpreter's socket: listeners are called by hand. */
class InterpreterSocket {
  readonly listeners = new Map<string, Listener>();
  readonly calls: string[] = [];
  clsNow?: boolean;
  onConnect: Listener = () => undefined;
  isClosed = false;

  on(event: string, listener: Listener): void {
    // A second listener would be legal there; the platform needs one each.
    expect(this.listeners.has(event)).toBe(false);
    this.listeners.set(event, listener);
  }
  emit(event: string, ...args: unknown[]): void {
    this.listeners.get(event)?.(...args);
  }
  write(bytes: string): boolean {
    if (this.isClosed) throw new Error("This socket is closed");
    this.calls.push(`write ${bytes}`);
    return false;
  }
  end(): void {
    this.calls.push("end");
  }
}

interface World {
  nowSec: number;
  kicks: number;
  epochMs: number;
  timers: FakeClock;
  net: { connect: (options: { host: string; port: number }, cb: Listener) => InterpreterSocket };
  sockets: InterpreterSocket[];
  connects: string[];
  wifi: Record<string, unknown> | undefined;
  crypto: Record<string, unknown> | undefined;
  files: Map<string, string>;
  storageError: Error | undefined;
  printed: string[];
  seeds: number[];
  /** Listeners of `process` and `E` by event. */
  events: Map<string, Listener>;
  global: Record<string, unknown>;
}

let world: World;

function toBytes(part: unknown): Buffer {
  if (typeof part === "string") return Buffer.from(part, "latin1");
  if (part instanceof ArrayBuffer) return Buffer.from(part);
  const view = part as Uint8Array;
  return Buffer.from(view.buffer, view.byteOffset, view.byteLength);
}

function requireModule(name: string): unknown {
  if (name === "net" || name === "tls") return world.net;
  if (name === "Storage")
    return {
      read: (file: string) => world.files.get(file),
      write: (file: string, data: string) => {
        if (world.storageError) throw world.storageError;
        world.files.set(file, data);
        return true;
      },
      erase: (file: string) => world.files.delete(file),
      getFree: () => FREE_BYTES,
    };
  const found = name === "Wifi" ? world.wifi : world.crypto;
  if (!found) throw new Error(`Module "${name}" not found`);
  return found;
}

/** The interpreter's globals that the file names. */
function globals(): Record<string, unknown> {
  return {
    require: requireModule,
    getTime: () => world.nowSec,
    getSerial: () => "a1b2-c3d4",
    print: (line: string) => world.printed.push(line),
    global: world.global,
    process: {
      version: "2v29",
      env: { BOARD: "LINUX" },
      memory: () => ({ usage: 77 }),
      on: (event: string, listener: Listener) => world.events.set(event, listener),
    },
    // The interpreter's milliseconds have fractions.
    Date: { now: () => world.epochMs + 0.25 },
    setTimeout: (fn: Listener, delayMs: number, ...args: unknown[]) =>
      world.timers.after(delayMs, () => fn(...args)),
    clearTimeout: (id: number) => world.timers.cancel(id),
    setTime: () => undefined,
    load: () => undefined,
    E: {
      CRC32: () => 0,
      reboot: () => undefined,
      enableWatchdog: () => undefined,
      kickWatchdog: () => void world.kicks++,
      toString: (...parts: unknown[]) =>
        parts.map((part) => toBytes(part).toString("latin1")).join(""),
      toArrayBuffer: (text: string) => new Uint8Array(Buffer.from(text, "latin1")).buffer,
      mapInPlace: (from: Uint8Array, to: Uint8Array, table: Uint8Array) => {
        for (const [i, byte] of from.entries()) to[i] = table[byte] ?? 0;
      },
      srand: (seed: number) => world.seeds.push(seed),
      on: (event: string, listener: Listener) => world.events.set(event, listener),
    },
  };
}

const FILE = fileURLToPath(new URL("../../../firmware/platform/espruino.ts", import.meta.url));
const COMPILED = transformSync(readFileSync(FILE, "utf8"), {
  filename: FILE,
  presets: ["@babel/preset-typescript"],
  configFile: false,
});

/** Runs the file with the globals as its parameters; the test's own are not touched. */
function create(): Board {
  const given = globals();
  const body = String(COMPILED?.code).replaceAll(/^export /gm, "") + "\nreturn createBoard();";
  // eslint-disable-next-line typescript/no-implied-eval -- the file names globals that must not exist here
  const run = new Function(...Object.keys(given), body) as (...values: unknown[]) => Board;
  return run(...Object.values(given));
}

beforeEach(() => {
  world = {
    nowSec: 1000,
    kicks: 0,
    epochMs: Date.UTC(2026, 6, 1, 12),
    timers: createFakeClock(),
    net: {
      connect: (options, cb) => {
        world.connects.push(`${options.host}:${options.port}`);
        const socket = new InterpreterSocket();
        socket.onConnect = cb;
        world.sockets.push(socket);
        return socket;
      },
    },
    sockets: [],
    connects: [],
    wifi: undefined,
    crypto: {
      SHA256: (bytes: unknown) => {
        const digest = createHash("sha256").update(toBytes(bytes)).digest();
        return new Uint8Array(digest).buffer;
      },
    },
    files: new Map(),
    storageError: undefined,
    printed: [],
    seeds: [],
    events: new Map(),
    global: {},
  };
});

describe("monotonic clock", () => {
  it("counts whole milliseconds from its creation", () => {
    const clock = create();
    expect(clock.nowMs()).toBe(0);
    world.nowSec += 1.2345;
    expect(clock.nowMs()).toBe(1234);
  });

  it("does not go back when the wall clock does", () => {
    const clock = create();
    world.nowSec += 10;
    expect(clock.nowMs()).toBe(10_000);
    world.nowSec -= 3600;
    expect(clock.nowMs()).toBe(10_000);
    world.nowSec += 5;
    expect(clock.nowMs()).toBe(15_000);
  });

  it("does not leap when the wall clock is set for the first time", () => {
    const clock = create();
    world.nowSec += 10;
    expect(clock.nowMs()).toBe(10_000);
    world.nowSec = 1_780_000_000;
    expect(clock.nowMs()).toBe(10_000);
    world.nowSec += 5;
    expect(clock.nowMs()).toBe(15_000);
  });

  it("takes a silence of three minutes, as of a call that blocks, for what it is", () => {
    const clock = create();
    world.nowSec += 180;
    expect(clock.nowMs()).toBe(180_000);
  });
});

describe("wall clock", () => {
  it("is whole milliseconds", () => {
    const clock = create();
    expect([clock.systemMs()]).toEqual([Date.UTC(2026, 6, 1, 12)]);
  });

  it("has timers that can be taken back", () => {
    const clock = create();
    const calls: string[] = [];
    clock.after(() => calls.push("a"), 10);
    clock.cancel(clock.after(() => calls.push("b"), 10));
    world.timers.advance(20);
    expect(calls).toEqual(["a"]);
  });
});

describe("sockets", () => {
  function connect(host = "10.0.0.7"): { socket: Socket; events: string[] } {
    const board = create();
    const events: string[] = [];
    const socket = board.connect(
      { host, port: 1883 },
      {
        onOpen: () => events.push("open"),
        onData: (bytes) => events.push(`data ${bytes}`),
        onClose: (reason) => events.push(`close ${reason}`),
      },
    );
    return { socket, events };
  }
  const peer = (): InterpreterSocket => world.sockets.at(-1) as InterpreterSocket;

  it("tell of opening, data and close in order", () => {
    const { events } = connect();
    peer().onConnect();
    peer().emit("data", "ab");
    peer().emit("end");
    peer().emit("close", false);
    expect(events).toEqual(["open", "data ab", "close ended"]);
    expect(world.connects).toEqual(["10.0.0.7:1883"]);
  });

  it("give what others have written before they block time to leave", () => {
    let asked = 0;
    const board = create();
    board.beforeBlock = () => asked++ < 1;
    const nothing = (): void => undefined;
    board.connect(
      { host: "10.0.0.7", port: 80 },
      { onOpen: nothing, onData: nothing, onClose: nothing },
    );
    expect(world.connects).toEqual([]);
    world.timers.advance(20);
    expect([asked, world.connects]).toEqual([2, ["10.0.0.7:80"]]);
  });

  it("tell of an error by the reason of the close, once", () => {
    const { events } = connect();
    peer().onConnect();
    peer().emit("error", { code: -8, message: "unsent data" });
    peer().emit("close", true);
    peer().emit("close", true);
    expect(events).toEqual(["open", "close error"]);
  });

  it.each([
    ["Unable to create socket", "refused"],
    ["Unable to locate host", "dns"],
  ])("turn the exception '%s' into a close that comes later", (text, reason) => {
    world.net.connect = () => {
      throw new Error(text);
    };
    const { socket, events } = connect();
    expect(events).toEqual([]);
    expect(socket.write("x")).toBe(false);
    world.timers.advance(0);
    expect(events).toEqual([`close ${reason}`]);
    socket.abort();
  });

  it("say that they cannot write when the interpreter throws", () => {
    const { socket, events } = connect();
    peer().onConnect();
    expect(socket.write("ab")).toBe(true);
    peer().isClosed = true;
    expect(socket.write("cd")).toBe(false);
    expect(peer().calls).toEqual(["write ab"]);
    expect(events).toEqual(["open"]);
  });

  it("count what was written until it has left", () => {
    const { socket } = connect();
    peer().onConnect();
    socket.write("abc");
    socket.write("de");
    expect(socket.pendingBytes()).toBe(5);
    peer().emit("drain");
    expect(socket.pendingBytes()).toBe(0);
  });

  it("end by flushing, and tell when that is over, by nothing else", () => {
    const { socket, events } = connect();
    peer().onConnect();
    socket.end(1000, () => events.push("done"));
    expect(peer().calls).toEqual(["end"]);
    peer().emit("close", false);
    world.timers.advance(5000);
    expect(events).toEqual(["open", "done"]);
    expect(peer().clsNow).toBeUndefined();
  });

  it.each([
    { name: "TLS", tls: {}, until: "data", causes: ["tls", "code"] },
    { name: "TLS", tls: {}, until: "close", causes: ["tls", "code"] },
    { name: "TCP", tls: undefined, until: "data", causes: ["code", "code"] },
  ])(
    "over $name make telemetry name a stall before $until, and after",
    ({ tls, until, causes }) => {
      const rt = createRuntime(create());
      const telemetry = createTelemetry(rt, { reset: "unknown", connectedMs: () => 0 });
      const slot = rt.newSlot();
      let seq = 3;
      const stall = (): unknown => {
        rt.arm(slot, 10, () => undefined);
        world.nowSec += 0.5;
        world.timers.advance(10);
        return JSON.parse(telemetry(++seq, 77));
      };
      const ignore = (): void => undefined;
      rt.connect(
        { host: "10.0.0.7", port: 8883, ...(tls && { tls }) },
        { onOpen: ignore, onData: ignore, onClose: ignore },
      );
      const before = stall();
      peer().emit(until, until === "data" ? "ab" : false);
      expect([before, stall()]).toMatchObject(
        causes.map((cause) => ({ stall_ms: 490, stall: cause })),
      );
    },
  );

  it("feed the watchdog before they block", () => {
    connect();
    expect(world.kicks).toBe(1);
  });

  it.each([
    ["from a slot", false],
    ["behind the radio's answer about a name", true],
  ])(
    "tell a block %s once, with its cause, and not as that of the code around it",
    (_when, isName) => {
      world.wifi = isName
        ? { getHostByName: (_name: string, done: (ip: string) => void) => done("10.0.0.7") }
        : undefined;
      const rt = createRuntime(create());
      const stalls: string[] = [];
      rt.onStall = (ms, cause) => stalls.push(`${cause} ${ms}`);
      const open = world.net.connect;
      world.net.connect = (options, onConnect) => {
        world.nowSec += 5;
        return open(options, onConnect);
      };
      const ignore = (): void => undefined;
      const events = { onOpen: ignore, onData: ignore, onClose: ignore };
      const dial = (): void => {
        rt.connect({ host: isName ? "broker.test" : "10.0.0.7", port: 1883 }, events);
        world.nowSec += 0.004;
      };
      rt.arm(rt.newSlot(), 10, isName ? ignore : dial);
      if (isName) dial();
      world.nowSec += 0.02;
      world.timers.advance(10);
      expect(stalls).toEqual(["connect 5000"]);
    },
  );

  it("end by force when the peer does not read", () => {
    const { socket, events } = connect();
    peer().onConnect();
    socket.end(1000, () => events.push("done"));
    world.timers.advance(1000);
    expect([events, peer().clsNow]).toEqual([["open", "done"], true]);
    peer().emit("close", true);
    expect(events).toEqual(["open", "done"]);
  });

  it("abort by force, and say nothing more", () => {
    const { socket, events } = connect();
    peer().onConnect();
    socket.abort();
    expect([peer().calls, peer().clsNow]).toEqual([["end"], true]);
    peer().emit("data", "late");
    peer().emit("close", false);
    peer().onConnect();
    expect(socket.write("x")).toBe(false);
    expect(events).toEqual(["open"]);
  });

  describe("to a name on a board with a radio", () => {
    let answer: (ip: string | null) => void;
    beforeEach(() => {
      world.wifi = {
        getHostByName: (_name: string, done: (ip: string | null) => void) => (answer = done),
      };
    });

    it("ask the radio, which does not block, and connect by address", () => {
      const { socket, events } = connect("broker.test");
      expect(world.connects).toEqual([]);
      expect(socket.write("x")).toBe(false);
      answer("10.0.0.7");
      expect(world.connects).toEqual(["10.0.0.7:1883"]);
      peer().onConnect();
      expect(events).toEqual(["open"]);
    });

    it("ask one after the other: the radio keeps one question", () => {
      const { resolve } = create();
      const told: string[] = [];
      const ask = (name: string): void => resolve?.(name, (ip) => told.push(`${name} ${ip}`));
      ask("a");
      const first = answer;
      ask("b");
      ask("c");
      expect(answer).toBe(first);
      first("10.0.0.1");
      expect(told).toEqual(["b null", "a 10.0.0.1"]);
      expect(answer).not.toBe(first);
      answer("10.0.0.3");
      expect(told.at(-1)).toBe("c 10.0.0.3");
    });

    it("ask anew when an answer never comes", () => {
      const { resolve } = create();
      resolve?.("a", () => {});
      const first = answer;
      world.nowSec += 130;
      resolve?.("b", () => {});
      expect(answer).not.toBe(first);
    });

    it("close when the name has no address", () => {
      const { events } = connect("broker.test");
      answer(null);
      expect(events).toEqual(["close dns"]);
      expect(world.connects).toEqual([]);
    });

    it("do not connect any more once they are aborted", () => {
      const { socket, events } = connect("broker.test");
      socket.abort();
      answer("10.0.0.7");
      expect([world.connects, events]).toEqual([[], []]);
    });

    it("are over at once when they end before the answer", () => {
      const { socket, events } = connect("broker.test");
      socket.end(1000, () => events.push("done"));
      answer("10.0.0.7");
      expect([world.connects, events]).toEqual([[], ["done"]]);
    });

    it("do not ask for an address", () => {
      connect("10.0.0.7");
      expect(world.connects).toEqual(["10.0.0.7:1883"]);
    });
  });
});

describe("hash", () => {
  it("is absent without the module, and without SHA-256 in it", () => {
    world.crypto = undefined;
    expect(create().sha256).toBeUndefined();
    world.crypto = { SHA1: () => undefined };
    expect(create().sha256).toBeUndefined();
  });

  it("digests bytes", () => {
    const hash = create();
    const digest = createHash("sha256").update(Buffer.from("\xff\0a", "latin1")).digest();
    expect(hash.sha256?.("\xff\0a")).toBe(digest.toString("latin1"));
  });

  it.each([0, 1, 2, 3, 4, 5, 31, 32, 33, 256])("encodes %i bytes as base64url", (count) => {
    const hash = create();
    const bytes = Buffer.from(Array.from({ length: count }, (_, i) => (255 - i * 5) & 255));
    const text = hash.base64url(bytes.toString("latin1"));
    expect(text).toBe(bytes.toString("base64url"));
    expect(hash.fromBase64url(text)).toBe(bytes.toString("latin1"));
  });

  it("encodes and decodes the characters that base64 has not", () => {
    const hash = create();
    expect(hash.base64url("\xfb\xff\xbf")).toBe("-_-_");
    expect(hash.fromBase64url("-_-_")).toBe("\xfb\xff\xbf");
  });
});

describe("store", () => {
  it("reads, writes, and gives the exception of a full flash as text", () => {
    const store = create();
    expect(store.read("a")).toBeUndefined();
    expect(store.write("a", "1")).toBeUndefined();
    expect(store.read("a")).toBe("1");
    world.storageError = new Error("No free space");
    expect(store.write("a", "2")).toBe("Error: No free space");
  });

  it("refuses a file for which the interpreter would compact", () => {
    const store = create();
    const most = FREE_BYTES - 36;
    expect(store.write("a", "x".repeat(most))).toBeUndefined();
    expect(store.write("a", "x".repeat(most + 1))).toBe("full");
    expect(store.write("a", "x", 0, most + 1)).toBe("full");
    expect(store.write("a", "x".repeat(most + 1), 1)).toBeUndefined();
    expect(store.read("a")).toHaveLength(most + 1);
  });
});

describe("system", () => {
  it("hands the interpreter's own things on", () => {
    const system = create();
    expect([system.version, system.varsInUse(), system.serial()]).toEqual([
      "2v29",
      77,
      "a1b2-c3d4",
    ]);
    system.print("line");
    system.seed(4_294_967_295);
    system.expose("lubdub", 5);
    expect([world.printed, world.seeds, world.global]).toEqual([
      ["line"],
      [4_294_967_295],
      { lubdub: 5 },
    ]);
    expect(system.random()).toBeLessThan(1);
  });

  it("reports exceptions of any kind, and error flags", () => {
    const system = create();
    const texts: string[] = [];
    system.onFault((text) => texts.push(text));
    world.events.get("uncaughtException")?.(new Error("boom"));
    world.events.get("uncaughtException")?.(undefined);
    world.events.get("errorFlag")?.(["LOW_MEMORY", "MEMORY"]);
    expect(texts).toEqual([
      "exception Error: boom",
      "exception undefined",
      "flags LOW_MEMORY,MEMORY",
    ]);
  });
});

describe("radio", () => {
  it("is absent without the module", () => {
    expect(create().radio).toBeUndefined();
  });

  it("listens, joins and tells address and signal", () => {
    const listeners = new Map<string, Listener>();
    let ip = "0.0.0.0";
    const joins: unknown[] = [];
    world.wifi = {
      on: (event: string, listener: Listener) => listeners.set(event, listener),
      removeAllListeners: (event: string) => listeners.delete(event),
      connect: (...args: unknown[]) => joins.push(args.slice(0, 2)),
      getIP: () => ({ ip }),
      getStatus: () => ({ rssi: -61 }),
    };
    const { radio } = create();
    const events: string[] = [];
    radio?.listen(
      (address) => events.push(`up ${address}`),
      (reason) => events.push(`down ${reason}`),
    );
    radio?.join("home", "secret", () => undefined);
    expect(joins).toEqual([["home", { password: "secret" }]]);
    expect([radio?.address(), radio?.rssiDbm()]).toEqual([undefined, undefined]);
    ip = "10.0.0.9";
    expect([radio?.address(), radio?.rssiDbm()]).toEqual(["10.0.0.9", -61]);
    listeners.get("connected")?.({ ip });
    listeners.get("disconnected")?.({ reason: "8" });
    expect(events).toEqual(["up 10.0.0.9", "down 8"]);
  });
});
