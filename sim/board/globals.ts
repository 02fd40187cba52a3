// SPDX-License-Identifier: MIT
// The interpreter's own globals: timers, print and console, E, process, time, text of bytes.
// Not for: what belongs to the language (realm.ts), modules (modules/).
import { Abort } from "./abort.ts";
import { asBuffer, bytesOf, NotBytes } from "./bytes.ts";
import type { Chip } from "./chip.ts";
import type { Console } from "./console.ts";
import { createErrorFlags } from "./error-flags.ts";
import type { ErrorFlags } from "./error-flags.ts";
import { installEsp32 } from "./esp32.ts";
import { createEvents } from "./events.ts";
import type { Events } from "./events.ts";
import { installE } from "./globals-e.ts";
import type { EHost } from "./globals-e.ts";
import type { Loop, TimerFunction } from "./loop.ts";
import { createUrl } from "./modules/url.ts";
import { installPins } from "./pins.ts";
import { createPipes } from "./pipes.ts";
import { INTERPRETER_VERSION } from "./profile.ts";
import type { Profile } from "./profile.ts";
import { createRandomGenerator } from "./random-generator.ts";
import type { Frame, Realm } from "./realm.ts";
import type { Serial } from "./serial.ts";
import { createStreams } from "./streams.ts";
import type { Streams } from "./streams.ts";
import { createTerminal } from "./terminal.ts";
import type { Wires } from "./wires.ts";

/** What the globals need from their board. */
export interface GlobalsHost {
  profile: Profile;
  serial: string;
  /** Wall clock, ms since 1970, fractional. */
  wallMs(): number;
  setWallMs(ms: number): void;
  /** The same, seen from outside: looking takes no time. */
  wallNowMs(): number;
  wires: Wires;
  /** Writes console output; a line ends with \n. */
  write(text: string): void;
  /** Takes console output of a port with an outside, as lines; the same bytes leave the port. */
  printed(text: string): void;
  /** Takes bytes that leave a port; null when nobody looks at them. */
  onSerial: ((port: string, bytes: string) => void) | null;
  chip: Chip;
  /** Stands still; timers go on afterwards from where they were. */
  lightSleep(ms: number): void;
  /** `require` of a script. */
  require(name: unknown): unknown;
  /** Restarts the board after this pass: with everything, with a file, or without saved code. */
  restart(how: { file?: string; withSavedCode: boolean }): void;
  /** Seeds the random numbers; null where nothing does. */
  randomSeed: number | null;
  isEmitQueued: boolean;
  /** Counts a call into the platform; may throw an Abort. */
  called(): void;
  /** Estimate of variables in use; `collects` makes it look at all objects. */
  varsInUse(how: { collects: boolean }): number;
  /** Gets each error that nobody caught and the console shows. */
  onUncaught(error: { text: string; frames: Frame[] }): void;
}

/** What the board needs from its globals. */
export interface Globals {
  events: Events;
  streams: Streams;
  errorFlags: ErrorFlags;
  serial: Serial;
  console: Console;
  /** The objects E and process, whose listeners the board calls. */
  E: object;
  process: object;
  /** Reports an error that nobody caught, as the interpreter's loop does. */
  report(error: unknown): void;
  /** Bytes of a value for E.toString and the modules; throws a TypeError of the world. */
  bytes(value: unknown): Uint8Array;
}

/** The interpreter says "100 years" and means a thousand. */
const LONGEST_DELAY_MS = 31_536_000_001_000;

/** Text that is bytes: the host's own function takes no other. */
const BYTES_ONLY = /^[\x00-\xff]*$/;

/** Base64 of bytes. */
function toBase64(bytes: Uint8Array): string {
  return asBuffer(bytes).toString("base64");
}

/** Bytes of base64 text: characters outside the alphabet are skipped, padding is not needed. */
function fromBase64(text: string): string {
  const clean = text.replace(/=[^]*$/, "").replace(/[^A-Za-z0-9+/]/g, "");
  return Buffer.from(clean, "base64").toString("latin1");
}

/** Installs the globals in a world. */
export function installGlobals(realm: Realm, loop: Loop, host: GlobalsHost): Globals {
  const { global, show } = realm;
  let timeZoneHours = 0;
  const random = createRandomGenerator(host.randomSeed);

  const bytes = (value: unknown): Uint8Array => {
    try {
      return bytesOf(value, show);
    } catch (error) {
      if (error instanceof NotBytes) return realm.fail("TypeError", error.message);
      throw error;
    }
  };
  const runText = (code: string): unknown => realm.run(code, "");
  const events = createEvents(realm, loop, runText, host.isEmitQueued);
  const E = realm.object();
  const errorFlags = createErrorFlags(realm, loop, events, E, host.write);
  const pipe = createPipes(realm, loop, events);
  const streams = createStreams(loop, events, {
    onOverflow: () => errorFlags.raise("BUFFER_FULL"),
    pipe,
  });
  const { serial, terminal } = createTerminal({
    realm,
    loop,
    streams,
    errorFlags,
    profile: host.profile,
    bytes,
    printed: host.printed,
    onSerial: host.onSerial,
    report: (error) => report(error),
  });
  realm.attach({
    events,
    loop,
    wallMs: host.wallMs,
    timeZoneHours: () => timeZoneHours,
    draw: random.draw,
    called: host.called,
  });

  // ------------------------------------------------------------------------------ timers
  const callFunction: TimerFunction = (callback, args) => {
    (callback as (...args: unknown[]) => void).apply(global, args as unknown[]);
  };
  const callText: TimerFunction = (text) => void runText(text as string);
  const setTimer = (
    callback: unknown,
    delay: unknown,
    args: readonly unknown[],
    repeats: boolean,
  ): number => {
    if (typeof callback !== "function" && typeof callback !== "string") {
      realm.fail("Error", "Function or String not supplied!");
    }
    const delayMs = Number(delay);
    if (delayMs > LONGEST_DELAY_MS) realm.fail("Error", "Interval is too long (>100 years)");
    const fn = typeof callback === "function" ? callFunction : callText;
    return loop.setTimer(fn, delayMs, { repeats, callback, ...(args.length > 0 && { args }) });
  };
  const clear = (kind: string, args: readonly unknown[]): void => {
    if (args.length === 0) return loop.clearAllTimers();
    const [id] = args;
    if (id === undefined) {
      realm.fail("Error", `clear${kind}(undefined) not allowed. Use clear${kind}() instead`);
    }
    if (typeof id === "number") loop.clearTimer(id);
  };
  realm.define(global, {
    setTimeout: (fn: unknown, delay?: unknown, ...args: unknown[]) =>
      setTimer(fn, delay, args, false),
    setInterval: (fn: unknown, delay?: unknown, ...args: unknown[]) =>
      setTimer(fn, delay, args, true),
    clearTimeout: (...args: unknown[]) => clear("Timeout", args),
    clearInterval: (...args: unknown[]) => clear("Interval", args),
    changeInterval: (id: unknown, periodMs: unknown) => {
      if (!loop.changeInterval(Number(id), Number(periodMs))) {
        realm.fail("Error", "Unknown Interval");
      }
    },
  });

  // ----------------------------------------------------------------------------- console
  const print = (...args: unknown[]): void => host.write(`${args.map(show).join(" ")}\n`);
  const consoleObject = realm.object();
  realm.define(consoleObject, {
    log: print,
    debug: print,
    info: print,
    warn: print,
    error: print,
    trace: print,
  });
  realm.define(global, {
    print,
    echo: (isOn: unknown) => terminal.setEcho(Boolean(isOn)),
    trace: () => {},
    dump: () => {},
    edit: () => {},
  });

  // -------------------------------------------------------------------------- time, bytes
  realm.define(global, {
    getTime: () => host.wallMs() / 1000,
    setTime: (seconds: unknown) => host.setWallMs(Number(seconds) * 1000),
    getSerial: () => host.serial,
    btoa: (data: unknown) =>
      typeof data === "string" && BYTES_ONLY.test(data) ? btoa(data) : toBase64(bytes(data)),
    atob: (text: unknown) => fromBase64(realm.text(text)),
    require: (name: unknown) => host.require(name),
    load: (file?: unknown) =>
      host.restart(
        file === undefined
          ? { withSavedCode: true }
          : { file: realm.text(file), withSavedCode: false },
      ),
    reset: () => host.restart({ withSavedCode: false }),
    save: () => {
      if ((host.require("Storage") as { read(name: string): unknown }).read(".bootcde")) {
        realm.fail("Error", "Cannot save: .bootcde file already exists. Please remove it first.");
      }
      host.write("ERROR: save() of variables is not modelled\n");
    },
  });

  installE(E, {
    realm,
    events,
    errorFlags,
    serial,
    bytes,
    draw: random.draw,
    seed: random.seed,
    setTimeZone: (hours) => {
      timeZoneHours = hours;
    },
    pipe,
    storage: () => host.require("Storage") as ReturnType<EHost["storage"]>,
    watchdog: host.chip.watchdog,
    hasChip: host.profile.hasChip,
    reboot: () => {
      events.callNow(E, "kill", []);
      return host.chip.reset("reboot");
    },
    write: host.write,
  });

  // ------------------------------------------------------------------------------ process
  const processObject = realm.object();
  const env = realm.objectOf({
    VERSION: INTERPRETER_VERSION,
    GIT_COMMIT: "c5ff787b1",
    BOARD: host.profile.board,
    RAM: 0,
    FLASH: host.profile.storageBytes,
    STORAGE: host.profile.storageBytes,
    SERIAL: host.serial,
    CONSOLE: host.profile.serialPorts[0],
    MODULES: host.profile.modules.join(","),
  });
  const valueOf = (value: unknown): PropertyDescriptor => ({ value, configurable: true });
  Object.defineProperty(processObject, "version", valueOf(INTERPRETER_VERSION));
  Object.defineProperty(processObject, "env", valueOf(env));
  realm.define(processObject, {
    memory: (gc?: unknown) => {
      const collects = gc === undefined || Boolean(gc);
      const usage = host.varsInUse({ collects });
      const total = host.profile.totalVars;
      return realm.ownObject({
        free: total - usage,
        usage,
        total,
        history: 0,
        ...(collects && { gc: 0, gctime: 0 }),
        blocksize: 14,
        rx: realm.ownObject({ used: 0, total: 1024 }),
        tx: realm.ownObject({ used: 0, total: 256 }),
      });
    },
  });

  const url = createUrl(realm);
  const named = { global, console: consoleObject, E, process: processObject, url, HIGH: 1, LOW: 0 };
  for (const [name, value] of Object.entries(named)) {
    Object.defineProperty(global, name, { value, writable: true, configurable: true });
  }

  const { pins } = installPins(realm, loop, {
    profile: host.profile.pins,
    wires: host.wires,
    errorFlags,
    wallSec: () => host.wallNowMs() / 1000,
    bytes,
    write: host.write,
    runText,
  });

  if (host.profile.hasChip) {
    installEsp32(realm, {
      chip: host.chip,
      pinOf: pins.numberOf,
      pinAt: pins.get,
      lightSleep: host.lightSleep,
      storage: () => host.require("Storage") as ReturnType<EHost["storage"]>,
      freeHeapBytes: host.profile.freeHeapBytes,
      write: host.write,
    });
  }

  // ------------------------------------------------------------------------------- errors
  const printError = (error: unknown): void => {
    const { text, frames } = realm.describe(error);
    host.write(`Uncaught ${text}\n`);
    for (const f of frames) {
      host.write(`    at ${f.functionName}${f.functionName ? " " : ""}(${place(f)})\n`);
    }
    host.onUncaught({ text, frames });
  };
  const report = (error: unknown): void => {
    const outcome = events.callNow(processObject, "uncaughtException", [error]);
    if (outcome === false) printError(error);
    // A handler that throws puts its own error in place of the one it got.
    else if (outcome) {
      const { thrown } = outcome;
      const left = thrown instanceof Abort ? realm.errorOf(thrown) : thrown;
      if (left !== null) printError(left);
      if (thrown instanceof Abort) host.write("Execution Interrupted\n");
    }
  };

  return {
    events,
    streams,
    errorFlags,
    serial,
    console: terminal,
    E,
    process: processObject,
    report,
    bytes,
  };
}

function place(frame: { file: string; line: number; column: number }): string {
  return `${frame.file}:${frame.line}:${frame.column}`;
}
