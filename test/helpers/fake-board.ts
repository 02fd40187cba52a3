// SPDX-License-Identifier: MIT
// The board for firmware tests: clock, network, UDP, radio, flash and the rest as working fakes that
// a test scripts and looks into, with the firmware's runtime on it. Nothing here is Espruino; that is
// the simulator's business.
import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import type {
  Board,
  Endpoint,
  Radio,
  Socket,
  SocketEvents,
} from "../../firmware/platform/board.ts";
import { FLASH_BYTES, FLASH_PAGE_BYTES } from "../../firmware/platform/board.ts";
import { checkConfig } from "../../firmware/wire/config.ts";
import type { Config } from "../../firmware/wire/config.ts";
import { BOOT_COUNT, persist, restore } from "../../firmware/core/persist.ts";
import { createRuntime } from "../../firmware/core/runtime.ts";
import type { Runtime } from "../../firmware/core/runtime.ts";
import { createFlashMemory } from "../../sim/board/flash-memory.ts";
import type { FlashMemory } from "../../sim/board/flash-memory.ts";
import { createFakeClock } from "./fake-clock.ts";
import type { FakeClock } from "./fake-clock.ts";
import { randomOf } from "./seeds.ts";

/** The peer's side of one connection, and what the device did to it. */
export interface FakeSocket {
  endpoint: Endpoint;
  /** All bytes written so far. */
  written: string;
  /** Bytes that a stalled network has not taken. */
  pendingBytes: number;
  /** What `write` answers; set false for a socket that is gone before it has said so. */
  isWritable: boolean;
  /** `ending`: flushing; `ended`: flushed; `aborted`: closed by force; `closed`: by the peer. */
  state: "connecting" | "open" | "ending" | "ended" | "aborted" | "closed";
  /** The peer does not read: nothing is ever flushed. */
  isStalled: boolean;
  /** Gets each write. */
  onWrite: ((bytes: string) => void) | undefined;
  /** The peer accepts. */
  open(): void;
  /** The peer sends. */
  receive(bytes: string): void;
  /** The peer, or the network, ends it. */
  close(reason: string): void;
}

/** The network as a test sees it. */
export interface FakeNetwork {
  /** Every attempt so far, and every accepted connection. */
  sockets: FakeSocket[];
  /** The last attempt; throws when there is none. */
  last(): FakeSocket;
  /** Connections that the device has not given back. */
  openCount(): number;
  /** How long `connect` blocks the interpreter, ms. */
  blockMs: number;
  /** Gets each new socket before `connect` returns. */
  onConnect: ((socket: FakeSocket) => void) | undefined;
  /** Ports the device listens on. */
  ports: Map<number, (socket: Socket) => SocketEvents>;
  /** A client connects to a port of the device. */
  dial(port: number): FakeSocket;
}

/** The radio as a test sees it. */
export interface FakeRadio extends Radio {
  joins: { ssid: string; password: string; done: (error: string | null) => void }[];
  /** Calls of `leave`. */
  leaves: number;
  /** The board gets an address. */
  up(ip: string): void;
  /** The board loses it. */
  down(reason: string): void;
}

/** UDP as a test sees it. */
export interface FakeUdp {
  sent: { bytes: string; address: string; port: number }[];
  /** Sockets that the device has not closed. */
  openCount: number;
  /** A datagram arrives at every open socket. */
  receive(bytes: string, address: string): void;
}

/** The whole board, with the runtime on it. */
export interface FakeBoard extends Runtime {
  clock: FakeClock;
  net: FakeNetwork;
  udpNet: FakeUdp;
  sha256(bytes: string): string;
  radio?: FakeRadio;
  /** Console lines. */
  lines: string[];
  /** Files; `storeError` makes `write` fail. */
  files: Map<string, string>;
  storeError: string | undefined;
  /** The chip beside the store, which counts its wear and can lose its power. */
  flash: FlashMemory;
  /** What `resolve` answers; a name that is not here has no address. */
  names: Map<string, string>;
  /** Seeds that the random generator got. */
  seeds: number[];
  exposed: Map<string, unknown>;
  /** What `random` answers next, before the seeded stream. */
  draws: number[];
  /** JsVars free. */
  varsFree: number;
  reboots: number;
  /** Calls of `restart`. */
  restarts: number;
  /** Hardware watchdog: its period, s (0: the idle loop feeds it), and when it was fed last, ms. */
  watchdogSec: number;
  fedMs: number;
  /** Each change of the LED. */
  leds: boolean[];
  /** Gets what nobody caught. */
  fault: (text: string) => void;
  /** Lets time pass and runs what falls due. */
  advance(ms: number): void;
}

/** What a test can choose. */
export interface FakeBoardOptions {
  serial?: string;
  files?: { [name: string]: string };
  radio?: FakeRadio;
  /** Epoch ms of the interpreter's clock at the start; 0 for a board that was not told the time. */
  systemMs?: number;
  /** How often the board has been started before. */
  boot?: number;
  /** The chip that an earlier board left; null: none on this board. */
  flash?: FlashMemory | null;
}

function createNetwork(clock: FakeClock): {
  net: FakeNetwork;
  connect: Board["connect"];
} {
  function make(endpoint: Endpoint, eventsOf: () => SocketEvents): [FakeSocket, Socket] {
    let flushed: (() => void) | undefined;
    const fake: FakeSocket = {
      endpoint,
      written: "",
      pendingBytes: 0,
      isWritable: true,
      state: "connecting",
      isStalled: false,
      onWrite: undefined,
      open: () => {
        if (fake.state !== "connecting") return;
        fake.state = "open";
        eventsOf().onOpen();
      },
      receive: (bytes) => {
        for (let at = 0; at < bytes.length && fake.state === "open"; at += 536)
          eventsOf().onData(bytes.slice(at, at + 536));
      },
      close: (reason) => {
        if (fake.state === "ending") {
          fake.state = "ended";
          flushed?.();
        } else if (fake.state === "connecting" || fake.state === "open") {
          fake.state = "closed";
          eventsOf().onClose(reason);
        }
      },
    };
    const socket: Socket = {
      write: (bytes) => {
        if (fake.state !== "open" || !fake.isWritable) return false;
        fake.written += bytes;
        fake.onWrite?.(bytes);
        return true;
      },
      pendingBytes: () => fake.pendingBytes,
      abort: () => {
        if (fake.state === "connecting" || fake.state === "open") fake.state = "aborted";
      },
      end: (flushMs, done) => {
        if (fake.state !== "connecting" && fake.state !== "open") return done();
        fake.state = "ending";
        flushed = () => {
          flushed = undefined;
          done();
        };
        clock.after(fake.isStalled ? flushMs : 1, () => {
          if (fake.state !== "ending") return;
          fake.state = fake.isStalled ? "aborted" : "ended";
          flushed?.();
        });
        return undefined;
      },
    };
    net.sockets.push(fake);
    return [fake, socket];
  }

  const net: FakeNetwork = {
    sockets: [],
    blockMs: 0,
    onConnect: undefined,
    ports: new Map(),
    last: () => {
      const socket = net.sockets.at(-1);
      if (!socket) throw new Error("no connection was tried");
      return socket;
    },
    openCount: () =>
      net.sockets.filter((socket) => ["connecting", "open", "ending"].includes(socket.state))
        .length,
    dial: (port) => {
      const accept = net.ports.get(port);
      if (!accept) throw new Error(`nothing listens on ${port}`);
      const [fake, socket] = make({ host: "device", port }, () => events);
      fake.state = "open";
      const events: SocketEvents = accept(socket);
      return fake;
    },
  };
  return {
    net,
    connect: (endpoint, events) => {
      const [fake, socket] = make(endpoint, () => events);
      clock.block(net.blockMs);
      net.onConnect?.(fake);
      return socket;
    },
  };
}

/** Keeps one of the numbers of core/persist.ts in the board's flash. */
export function keepNumber(rt: Runtime, place: number, value: number): void {
  const numbers = restore(rt);
  numbers[place] = value;
  persist(rt, numbers);
}

/** Creates a radio that is not associated. */
export function createFakeRadio(): FakeRadio {
  let address: string | undefined;
  let listeners: [(ip: string) => void, (reason: string) => void] | undefined;
  const radio: FakeRadio = {
    joins: [],
    leaves: 0,
    listen: (onUp, onDown) => {
      listeners = [onUp, onDown];
    },
    join: (ssid, password, done) => {
      radio.joins.push({ ssid, password, done });
    },
    leave: () => {
      radio.leaves++;
      address = undefined;
    },
    address: () => address,
    rssiDbm: () => (address ? -61 : undefined),
    up: (ip) => {
      address = ip;
      listeners?.[0](ip);
    },
    down: (reason) => {
      address = undefined;
      listeners?.[1](reason);
    },
  };
  return radio;
}

/** Creates a board at 0 ms with every level logged, without a radio unless one is given. */
export function createFakeBoard(options: FakeBoardOptions = {}): FakeBoard {
  const clock = createFakeClock();
  if (options.systemMs !== undefined) clock.setWall(options.systemMs);
  const random = randomOf("fake-board");
  const { net, connect } = createNetwork(clock);
  const files = new Map(Object.entries(options.files ?? {}));
  const listeners = new Set<(bytes: string, address: string) => void>();
  const udpNet: FakeUdp = {
    sent: [],
    openCount: 0,
    receive: (bytes, address) => {
      for (const listener of listeners) listener(bytes, address);
    },
  };
  const flash =
    options.flash ?? createFlashMemory({ totalBytes: FLASH_BYTES, pageBytes: FLASH_PAGE_BYTES });
  const own = {
    clock,
    flash,
    net,
    udpNet,
    lines: [] as string[],
    files,
    storeError: undefined as string | undefined,
    names: new Map<string, string>(),
    seeds: [] as number[],
    exposed: new Map<string, unknown>(),
    draws: [] as number[],
    varsFree: 12000,
    reboots: 0,
    restarts: 0,
    watchdogSec: 0,
    fedMs: 0,
    leds: [] as boolean[],
    fault: (text: string): void => {
      throw new Error(`nobody listens for ${text}`);
    },
    advance: clock.advance,
  };
  const board: Board & typeof own = Object.assign(own, {
    nowMs: clock.nowMs,
    systemMs: clock.wallMs,
    after: (fn: () => void, delayMs: number) => clock.after(delayMs, fn),
    cancel: clock.cancel,
    connect,
    hasTls: true,
    resolve: (host: string, done: (address: string | null) => void) => {
      clock.after(5, () => done(own.names.get(host) ?? null));
    },
    udp: (onMessage: (bytes: string, address: string) => void) => {
      listeners.add(onMessage);
      udpNet.openCount++;
      return {
        send: (bytes: string, address: string, port: number) =>
          void udpNet.sent.push({ bytes, address, port }),
        close: () => {
          if (listeners.delete(onMessage)) udpNet.openCount--;
        },
      };
    },
    listen: (port: number, accept: (socket: Socket) => SocketEvents) => {
      net.ports.set(port, accept);
      return () => void net.ports.delete(port);
    },
    read: (name: string, offset = 0, length?: number) =>
      files.get(name)?.slice(offset, length === undefined ? undefined : offset + length),
    write: (name: string, data: string, offset?: number, size?: number) => {
      if (own.storeError !== undefined) return own.storeError;
      if (!data) return "no data";
      if (offset === undefined) files.set(name, data);
      else {
        const old = files.get(name) ?? "\xff".repeat(size ?? offset + data.length);
        const there = old.slice(offset, offset + data.length);
        if (/[^\xff]/.test(there) && there !== data) return "not erased";
        files.set(name, old.slice(0, offset) + data + old.slice(offset + data.length));
      }
      return undefined;
    },
    erase: (name: string) => void files.delete(name),
    storeFreeBytes: () => 500_000,
    sha256: (bytes: string) =>
      createHash("sha256").update(bytes, "latin1").digest().toString("latin1"),
    sha1: (bytes: string) => createHash("sha1").update(bytes, "latin1").digest().toString("latin1"),
    mask: (bytes: string) => {
      const key = Buffer.from([0, 0, 0, 0].map(() => Math.floor(rt.random() * 256)));
      const masked = Buffer.from(bytes, "latin1").map((byte, i) => byte ^ (key[i & 3] as number));
      return key.toString("latin1") + Buffer.from(masked).toString("latin1");
    },
    base64: (bytes: string) => Buffer.from(bytes, "latin1").toString("base64"),
    base64url: (bytes: string) => Buffer.from(bytes, "latin1").toString("base64url"),
    fromBase64url: (text: string) => Buffer.from(text, "base64url").toString("latin1"),
    crc32: (bytes: string | Uint8Array) =>
      crc32(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes),
    serial: () => options.serial ?? "a1b2-c3d4",
    seed: (value: number) => void own.seeds.push(value),
    random: () => own.draws.shift() ?? random(),
    varsInUse: () => 4321,
    varsTotal: 16383,
    collect: () => own.varsFree,
    version: "2v29",
    print: (line: string) => void own.lines.push(line),
    onFault: (fn: (text: string) => void) => {
      own.fault = fn;
    },
    expose: (name: string, value: unknown) => void own.exposed.set(name, value),
    reboot: () => void own.reboots++,
    restart: () => void own.restarts++,
    watchdog: (sec: number, isAuto: boolean) => {
      own.watchdogSec = isAuto ? 0 : sec;
    },
    feed: () => {
      own.fedMs = clock.nowMs();
    },
    led: (isOn: boolean) => void own.leds.push(isOn),
  });
  if (options.radio) Object.assign(board, { radio: options.radio });
  if (options.flash !== null)
    Object.assign(board, {
      flashRead: (at: number, length: number) =>
        Uint8Array.from(flash.read(at, length), (char) => char.charCodeAt(0)),
      flashWrite: (at: number, bytes: Uint8Array) => flash.program(at, bytes),
      flashErase: (at: number) => flash.erasePage(at / FLASH_PAGE_BYTES),
    });
  const rt = createRuntime(board) as FakeBoard;
  rt.logLevel = "D";
  if (options.boot !== undefined) keepNumber(rt, BOOT_COUNT, options.boot);
  return rt;
}

/** Console lines without their time stamps that contain a text. */
export function linesOf(board: FakeBoard, text: string): string[] {
  return board.lines
    .map((line) => line.slice(line.indexOf(" ") + 1))
    .filter((line) => line.includes(text));
}

/** Number of slots that are armed; a service that has ended leaves none. */
export function armedCount(board: FakeBoard): number {
  let count = 0;
  for (let slot = 0; slot < 100; slot++) if (board.isArmed(slot)) count++;
  return count;
}

/** Key of the tests: the 32 bytes 0 to 31. */
export const KEY = Buffer.from(Array.from({ length: 32 }, (_, i) => i)).toString("base64url");

/** A checked configuration; what a test sets is what matters to it. */
export function configOf(overrides: Partial<Config> = {}): Config {
  const raw = { device_id: "kitchen", urls: "mqtt://broker.test", key: KEY, ...overrides };
  const checked = checkConfig(raw);
  if (checked.problems.length) throw new Error(JSON.stringify(checked.problems));
  return checked.config;
}
