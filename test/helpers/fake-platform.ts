// SPDX-License-Identifier: MIT
// The board for firmware tests: clock, network, store, hash, radio and system as working fakes that
// a test scripts and looks into. Nothing here is Espruino; that is the simulator's business.
import { createHash } from "node:crypto";
import type {
  Hash,
  Network,
  Platform,
  Radio,
  RadioEvents,
  SocketEvents,
} from "../../firmware/platform/platform.ts";
import type { Config } from "../../firmware/wire/config.ts";
import { checkConfig } from "../../firmware/wire/config.ts";
import type { Logger } from "../../firmware/core/logger.ts";
import { createLogger } from "../../firmware/core/logger.ts";
import type { FakeClock } from "./fake-clock.ts";
import { createFakeClock } from "./fake-clock.ts";
import { randomOf } from "./seeds.ts";

/** SHA-256 and encodings by node:crypto. */
export const nodeHash: Hash = {
  sha256: (bytes) => createHash("sha256").update(bytes, "latin1").digest().toString("latin1"),
  base64url: (bytes) => Buffer.from(bytes, "latin1").toString("base64url"),
  fromBase64url: (text) => Buffer.from(text, "base64url").toString("latin1"),
};

/** The peer's side of one connection, and what the device did to it. */
export interface FakeSocket {
  host: string;
  port: number;
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

/** The network. */
export interface FakeNetwork extends Network {
  /** Every attempt so far. */
  sockets: FakeSocket[];
  /** The last attempt; throws when there is none. */
  last(): FakeSocket;
  /** Connections that the device has not given back. */
  openCount(): number;
  /** How long `connect` blocks the interpreter, ms. */
  blockMs: number;
  /** Gets each new socket before `connect` returns. */
  onConnect: ((socket: FakeSocket) => void) | undefined;
}

/** The radio. */
export interface FakeRadio extends Radio {
  /** Calls of `listen`; more than one is a leak. */
  listeners: RadioEvents[];
  joins: { ssid: string; password: string; done: (error: string | null) => void }[];
  /** The board gets an address. */
  up(ip: string): void;
  /** The board loses it. */
  down(reason: string): void;
}

/** The whole board. */
export interface FakePlatform extends Platform {
  clock: FakeClock;
  net: FakeNetwork;
  hash: Hash;
  /** Console lines. */
  lines: string[];
  /** Files; `storeError` makes `write` fail. */
  files: Map<string, string>;
  storeError: string | undefined;
  /** Seeds that the random generator got. */
  seeds: number[];
  exposed: Map<string, unknown>;
  /** What `random` answers next, before the seeded stream. */
  draws: number[];
}

/** What a test can choose. */
export interface FakePlatformOptions {
  serial?: string;
  files?: { [name: string]: string };
  radio?: FakeRadio;
}

function createFakeNetwork(clock: FakeClock): FakeNetwork {
  const net: FakeNetwork = {
    sockets: [],
    blockMs: 0,
    onConnect: undefined,
    last: () => {
      const socket = net.sockets.at(-1);
      if (!socket) throw new Error("no connection was tried");
      return socket;
    },
    openCount: () =>
      net.sockets.filter((socket) => ["connecting", "open", "ending"].includes(socket.state))
        .length,
    connect: (host, port, events: SocketEvents) => {
      const socket: FakeSocket = {
        host,
        port,
        written: "",
        pendingBytes: 0,
        isWritable: true,
        state: "connecting",
        isStalled: false,
        onWrite: undefined,
        open: () => {
          if (socket.state === "connecting") socket.state = "open";
          events.onOpen();
        },
        receive: (bytes) => events.onData(bytes),
        close: (reason) => {
          if (socket.state === "connecting" || socket.state === "open") socket.state = "closed";
          events.onClose(reason);
        },
      };
      net.sockets.push(socket);
      clock.block(net.blockMs);
      net.onConnect?.(socket);
      return {
        write: (bytes) => {
          if (socket.state !== "open" || !socket.isWritable) return false;
          socket.written += bytes;
          socket.onWrite?.(bytes);
          return true;
        },
        pendingBytes: () => socket.pendingBytes,
        end: () => {
          if (socket.state !== "connecting" && socket.state !== "open") return;
          socket.state = "ending";
          if (socket.isStalled) return;
          clock.after(1, () => {
            if (socket.state !== "ending") return;
            socket.state = "ended";
            events.onClose("ended");
          });
        },
        abort: () => {
          if (socket.state !== "closed" && socket.state !== "ended") socket.state = "aborted";
        },
      };
    },
  };
  return net;
}

/** Creates a radio that is not associated. */
export function createFakeRadio(): FakeRadio {
  let address: string | undefined;
  const radio: FakeRadio = {
    listeners: [],
    joins: [],
    listen: (events) => {
      radio.listeners.push(events);
    },
    join: (ssid, password, done) => {
      radio.joins.push({ ssid, password, done });
    },
    address: () => address,
    rssiDbm: () => (address ? -61 : undefined),
    up: (ip) => {
      address = ip;
      for (const events of radio.listeners) events.onUp(ip);
    },
    down: (reason) => {
      address = undefined;
      for (const events of radio.listeners) events.onDown(reason);
    },
  };
  return radio;
}

/** Creates a board, without a radio unless one is given. */
export function createFakePlatform(options: FakePlatformOptions = {}): FakePlatform {
  const clock = createFakeClock();
  const random = randomOf("fake-platform");
  const files = new Map(Object.entries(options.files ?? {}));
  const platform: FakePlatform = {
    clock,
    net: createFakeNetwork(clock),
    hash: nodeHash,
    lines: [],
    files,
    storeError: undefined,
    seeds: [],
    exposed: new Map(),
    draws: [],
    store: {
      read: (name) => files.get(name),
      write: (name, data) => {
        if (platform.storeError !== undefined) return platform.storeError;
        files.set(name, data);
        return undefined;
      },
    },
    system: {
      serial: () => options.serial ?? "a1b2-c3d4",
      seed: (value) => platform.seeds.push(value),
      random: () => platform.draws.shift() ?? random(),
      varsInUse: () => 4321,
      varsFree: () => 12000,
      collect: () => {},
      version: () => "2v29",
      print: (line) => platform.lines.push(line),
      onFault: () => undefined,
      expose: (name, value) => platform.exposed.set(name, value),
    },
  };
  if (options.radio) platform.radio = options.radio;
  return platform;
}

/** Key of the tests: the 32 bytes 0 to 31. */
export const KEY = Buffer.from(Array.from({ length: 32 }, (_, i) => i)).toString("base64url");

/** A checked configuration; what a test sets is what matters to it. */
export function configOf(overrides: Partial<Config> = {}): Config {
  const raw = { device_id: "kitchen", mqtt_url: "mqtt://broker.test", key: KEY, ...overrides };
  const checked = checkConfig(raw);
  if (checked.problems.length) throw new Error(JSON.stringify(checked.problems));
  return checked.config;
}

/** A logger with every level on, writing to `platform.lines`. */
export function loggerOf(platform: FakePlatform, level = "D"): Logger {
  return createLogger(platform.clock, platform.system.print, level);
}

/** Console lines without their time stamps that contain a text. */
export function linesWith(platform: FakePlatform, text: string): string[] {
  return platform.lines
    .map((line) => line.slice(line.indexOf(" ") + 1))
    .filter((line) => line.includes(text));
}
