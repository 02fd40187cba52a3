// SPDX-License-Identifier: MIT
// One virtual board: power, boot, restart, scripts and the console's expressions. Each board has a
// world, a loop and sockets of its own; what goes wrong in one stays there.
//
// | state | entered when | leaves on |
// | off | created; powerOff | powerOn, runScript |
// | on | powerOn, runScript | powerOff; load, reset and E.reboot pass through a restart |
//
// Not for: time and network, which come from outside; the meaning of globals and modules.
import type { SimClock } from "../clock/clock.ts";
import type { Radio } from "../network/access-point.ts";
import type { SimNetwork } from "../network/network.ts";
import { createRandom } from "../random.ts";
import { Abort, endAbort, passingAbort, remainsOf } from "./abort.ts";
import { bugsOf } from "./bugs.ts";
import type { BugSwitches } from "./bugs.ts";
import { listenerCount } from "./events.ts";
import { createChip } from "./chip.ts";
import { createFlash } from "./flash.ts";
import type { Flash } from "./flash.ts";
import { installGlobals } from "./globals.ts";
import type { Globals } from "./globals.ts";
import { createLoop } from "./loop.ts";
import type { CallWatch, Loop } from "./loop.ts";
import { createMemory } from "./memory.ts";
import type { Memory } from "./memory.ts";
import { MODULES } from "./modules/index.ts";
import type { ModuleHost } from "./modules/index.ts";
import { installModules } from "./module-loader.ts";
import type { ModuleLoader } from "./module-loader.ts";
import { SAVED_FILE, createWifiDriver } from "./modules/wifi-driver.ts";
import type { WifiOptions } from "./modules/wifi-driver.ts";
import { createPlatformCalls, withCounting } from "./platform-calls.ts";
import { PROFILES } from "./profile.ts";
import type { Profile, ProfileName } from "./profile.ts";
import { createWires } from "./wires.ts";
import type { BoardPins } from "./wires.ts";
import { createContextRealm } from "./realm-context.ts";
import { createInstrumentedRealm } from "./realm-instrumented.ts";
import { createSourceMaps } from "./source-map.ts";
import { createSharedRealm } from "./realm-shared.ts";
import type { Frame, Realm } from "./realm.ts";
import { runawayOf } from "./runaway.ts";
import type { Runaway } from "./runaway.ts";
import { createSystemClock } from "./system-clock.ts";

/** What a board is made of. */
export interface BoardOptions {
  clock: SimClock;
  network: SimNetwork;
  /** `getSerial()`; from the seed unless given. */
  serial?: string;
  /** The flash of an earlier board of this kind, to keep its files; a new one unless given. */
  flash?: Flash;
  /** The radio; `false` takes it away. Boards of profile `linux` have none. */
  wifi?: WifiOptions | Radio | false;
  /** Gets each line of console output, without its end; bytes, one per character. */
  onPrint(line: string): void;
  /** `esp32` unless given. */
  profile?: ProfileName;
  /**
   * `own` (the default): objects of the language belong to this board alone. `shared`: to all boards
   * of this kind in the process, which costs a tenth of the memory; see realm-shared.ts.
   */
  realm?: "own" | "shared";
  /**
   * Rewrites scripts so that they run as on the interpreter inside the language too: its numbers in
   * text, names, classes, errors and limits, refused constructs that throw when they are reached,
   * and an end to loops that never end. For a realm of its own; costs time.
   */
  instrument?: boolean;
  /** Bugs of the platform that this board has or has not; those of its profile unless given. */
  bugs?: Partial<BugSwitches>;
  /** What the system clock shows when power comes, ms since 1970; the world's time unless given. */
  clockStartMs?: number;
  /** Source maps (JSON) by file name of the scripts: frames of errors then tell their `source`. */
  sourceMaps?: Readonly<Record<string, string>>;
  /** Decides everything about this board that is left to chance. */
  seed: number;
  /**
   * Gets the bytes that leave a serial port, one per character: of the console's with echo, prompt
   * and results, line ends as CR LF. Without it nobody sees echo and prompt.
   */
  onSerial?(bytes: string, port: string): void;
  /** Called when it begins to run its boot files. */
  onBoot?(cause: BootCause): void;
  /** Gets each error that nobody caught, when the console has shown it. */
  onUncaught?(error: { text: string; frames: Frame[] }): void;
  /** Told when the board was switched off because its callbacks came without end. */
  onRunaway?(runaway: Runaway): void;
  /** Most callbacks within a second of the board's time; 200,000 unless given. */
  maxCallsInSec?: number;
  /** Looks on from another thread while callbacks run; see watch-thread.ts. */
  watch?: CallWatch;
}

/** Why a board boots: power came, a script restarted it, its watchdog did, or it slept. */
export type BootCause = "power" | "restart" | "watchdog" | "deep-sleep";

/** What a board holds at a moment. All counts are exact but `vars`, which is an estimate. */
export interface BoardUsage {
  timers: number;
  /** Of E, process, modules and open sockets. */
  listeners: number;
  sockets: number;
  /** Bytes that wait in sockets, either way. */
  bufferedBytes: number;
  /** Bytes of files, and of trash, in Storage. */
  fileBytes: number;
  trashBytes: number;
  /** Variables of the interpreter in use; objects as they were when last looked at. */
  vars: number;
}

/** A virtual board. */
export interface Board {
  readonly flash: Flash;
  /** Its pins: press a button, look at an LED. */
  readonly pins: BoardPins;
  /** Starts as after power-up: boot files of the flash, then `init`. No effect when on. */
  powerOn(): void;
  /**
   * Runs a script as `espruino file.js` does; turns the board on without its boot files.
   *
   * @param source bytes, one per character
   * @throws BoardError for what the interpreter refuses and for an error that nobody caught
   */
  runScript(source: string, fileName: string): void;
  /**
   * Evaluates an expression as typed on the console.
   * @returns its value, which belongs to the board's world; see {@link Board.show}
   * @throws BoardError when the board is off, and as runScript
   */
  evaluate(expression: string): unknown;
  /**
   * Bytes that come in at a serial port, the console's unless told otherwise; handled in the next
   * pass. Control characters are those of a terminal, see console.ts.
   *
   * @param bytes one per character
   * @returns how many of them fit into the board's buffer; the rest is lost. 0 when it is off
   * @throws RangeError for a port that the board has not
   */
  serialIn(bytes: string, port?: string): number;
  /** Text of a value as the board's console shows it. */
  show(value: unknown): string;
  /** True when no timer, socket or event is left that could run anything. */
  isDone(): boolean;
  /** Ends at once: timers and sockets are gone and nothing of the board runs afterwards. */
  powerOff(): void;
  /** A dip of the power: off and on again at once, without the event `kill`. No effect when off. */
  brownout(): void;
  /**
   * Lets the power go when exactly so many more bytes of flash have been programmed, and stay off.
   * What is written then is torn; see {@link Flash.cutAfter}.
   *
   * @param onCut called at that moment, before anything of the board has ended
   */
  cutPowerAfterFlash(bytes: number, onCut?: () => void): void;
  /** Moves the system clock behind the interpreter's back, as time synchronisation does. */
  stepClock(ms: number): void;
  /** Lets the system clock run fast (positive) or slow from now on, through power cycles too. */
  setClockDrift(ppm: number): void;
  /** What the system clock shows when power comes, from the next time on; null: the world's time. */
  setClockStart(ms: number | null): void;
  /** What the platform sees of the scripts' work; null when the board is off. */
  usage(): BoardUsage | null;
  /** Calls of scripts into the platform so far. */
  platformCalls(): number;
  /** Lets the n-th call from now into the platform run out of memory; 1 is the next one. */
  injectOutOfMemory(n: number): void;
  /** How far the system clock is ahead of the world's, ms. */
  clockErrorMs(): number;
}

/** An error of a script that reached the top. */
export class BoardError extends Error {
  /** The interpreter's name of its class, such as `SyntaxError`; `thrown` for other values. */
  readonly type: string;
  /** Where it arose, innermost first; empty when unknown. */
  readonly frames: readonly Frame[];
  constructor(text: string, type: string, frames: readonly Frame[]) {
    super(text);
    this.name = "BoardError";
    this.type = type;
    this.frames = frames;
  }
}

interface Running {
  realm: Realm;
  loop: Loop;
  globals: Globals;
  memory: Memory;
  /** Set as soon as the board is made. */
  modules: ModuleLoader | null;
  powerOffHooks: (() => void)[];
  /** Scripts that it has run, by file. */
  sources: Map<string, string>;
  isRestarting: boolean;
}

const BOOT_FILES = [".boot0", ".boot1", ".boot2", ".boot3"];

/** With less room for text than this nothing can be called any more. */
const STARVED_BYTES = 100;

/** What one look at the clock takes, ms: 21 thousand instructions on the interpreter. */
const READ_CLOCK_MS = 0.02;

/** Characters of a long text in one variable. */
const BYTES_PER_VAR = 10;

function serialFrom(seed: number): string {
  const stream = createRandom(seed).stream("serial");
  const hex = (digits: number): string =>
    stream
      .integer(0, 16 ** digits - 1)
      .toString(16)
      .padStart(digits, "0");
  return `24${hex(6)}-${hex(4)}`;
}

/** Creates a board; it is off. */
export function createBoard(options: BoardOptions): Board {
  const { clock, network, onPrint, seed } = options;
  const profileName = options.profile ?? "esp32";
  const profile: Profile = PROFILES[profileName];
  const bugs = bugsOf(profileName, options.bugs);
  const systemClock = createSystemClock();
  let clockStartMs = options.clockStartMs ?? null;
  const serial = options.serial ?? serialFrom(seed);
  const flash =
    options.flash ??
    createFlash({
      totalBytes: profile.storageBytes,
      pageBytes: profile.flashPageBytes,
      address: profile.flashAddress,
      spareBytes: profile.spareBytes,
      spareAddress: profile.spareAddress,
    });
  const random = createRandom(seed);
  const entropy = random.stream("entropy");
  const wires = createWires(profile.pins, clock);
  const chip = createChip({
    clock,
    wires,
    nowMs: () => running?.loop.now() ?? clock.now(),
    down: () => powerDown(),
    up: (start) => powerUp(start === "reboot" ? "restart" : start),
  });
  const platform = createPlatformCalls(() => outOfMemory());
  const modulesOfBoard = profile.modules.filter((m) => m !== "Wifi" || options.wifi !== false);
  const wifi = createWifiDriver(options.wifi || {}, { clock, random, serial });
  let running: Running | null = null;
  /** The last look at the clock, ms; a member, where a new number takes no new memory. */
  const lastRead = { ms: -Infinity };
  let clockReads = 0;
  const sourceMaps = createSourceMaps(options.sourceMaps ?? {});
  let line = "";

  const printed = (text: string): void => {
    const lines = (line + text).split("\n");
    line = lines.pop() as string;
    for (const complete of lines) onPrint(complete);
  };
  const write = (text: string): void => {
    if (running) running.globals.console.write(text);
    else printed(text);
  };
  flash.attach({
    print: write,
    erased: (pages) => running?.loop.block(pages * profile.eraseMs),
  });

  const hostOf = (board: Running): ModuleHost => ({
    ...board,
    clock,
    network,
    flash,
    random,
    bugs,
    outOfMemory,
    profile: { ...profile, modules: modulesOfBoard },
    serial,
    wifi,
    write,
    onPowerOff: (fn) => board.powerOffHooks.push(fn),
  });

  const createRealm = (): Realm => {
    if (options.realm === "shared") return createSharedRealm();
    if (!options.instrument) return createContextRealm();
    return createInstrumentedRealm({
      stackBytes: profile.stackBytes,
      memoryBytes: profile.totalVars * BYTES_PER_VAR,
      now: () => running?.loop.now() ?? clock.now(),
      looks: () => clockReads,
      outOfMemory: () => outOfMemory(),
      endless: () => endless(),
    });
  };
  const create = (): Running => {
    const made = createRealm();
    const realm = withCounting(made, platform.called);
    const loop = createLoop({
      clock,
      ...(bugs["timers-follow-clock"] && { time: systemClock }),
      bugs,
      enter: realm.enter,
      report: (error) => board.globals.report(error),
      storm: (storm) => {
        const found = runawayOf(storm, board.sources, realm.sourceOf);
        const runaway = { ...found, frames: sourceMaps.withSource(found.frames) };
        write(`ERROR: ${runaway.text}\n`);
        powerOff();
        options.onRunaway?.(runaway);
      },
      ...(options.maxCallsInSec !== undefined && { maxCallsInSec: options.maxCallsInSec }),
      watch: options.watch,
      blocking: chip.blocking,
      errorOf: realm.errorOf,
      cutOff: (what) => {
        if (what === "pass") return write("Execution Interrupted during event processing.\n");
        write("ERROR: Ctrl-C while processing interval - removing it.\n");
        board.globals.errorFlags.raise("CALLBACK");
      },
    });
    const globals = installGlobals(realm, loop, {
      profile: { ...profile, modules: modulesOfBoard },
      serial,
      wallMs: () => {
        // A script that reads the clock over and over waits for it: virtual time must pass then.
        clockReads++;
        if (loop.now() === lastRead.ms) loop.block(READ_CLOCK_MS);
        lastRead.ms = loop.now();
        return systemClock.at(lastRead.ms);
      },
      wallNowMs: () => systemClock.at(clock.now()),
      wires,
      setWallMs: (ms) => {
        if (!Number.isFinite(ms)) return;
        if (profile.canSetTime) systemClock.set(ms, loop.now());
        if (bugs["timers-follow-clock"]) loop.clockSet(ms);
      },
      write,
      printed,
      onSerial: options.onSerial ? (port, bytes) => options.onSerial?.(bytes, port) : null,
      chip,
      lightSleep: (ms) => {
        loop.block(ms);
        loop.clockSet(bugs["timers-follow-clock"] ? systemClock.at(loop.now()) : loop.now());
      },
      require: (name) => board.modules?.require(name),
      restart: (how) => restart(board, how),
      onUncaught: ({ text, frames }) =>
        options.onUncaught?.({ text, frames: sourceMaps.withSource(frames) }),
      randomSeed: bugs["unseeded-random"] ? null : entropy.integer(0, 0xffffffff),
      isEmitQueued: bugs["emit-queued"],
      called: platform.called,
      varsInUse: (how) => board.memory.used(how),
    });
    const platformNames = new Set(Object.keys(realm.global));
    const memory = createMemory({
      totalVars: profile.totalVars,
      counts: () => ({ timers: loop.timerCount(), ...loop.counts() }),
      globals: () => realm.global,
      isGlobalOfScript: (name) => !platformNames.has(name),
      platformObjects: [globals.E, globals.process],
    });
    const board: Running = {
      realm,
      loop,
      globals,
      memory,
      modules: null,
      powerOffHooks: [],
      sources: new Map(),
      isRestarting: false,
    };
    board.modules = installModules({
      realm,
      makeNative: (name) =>
        modulesOfBoard.includes(name) ? MODULES[name]?.(hostOf(board)) : undefined,
      readFile: (name) => flash.read(name),
      addCode: board.memory.addCode,
    });
    return board;
  };
  const stop = (board: Running): void => {
    board.loop.stop();
    for (const hook of board.powerOffHooks) hook();
    board.powerOffHooks = [];
    wires.onEdge = null;
    if (running === board) running = null;
  };

  /** What the interpreter does when it has no variable left: it says so, once, and gives up. */
  const outOfMemory = (): never => {
    const abort = new Abort("out-of-memory");
    if (running) {
      const { realm, globals, memory } = running;
      const isStarved = (): boolean => memory.textRoom() < STARVED_BYTES;
      if (isStarved()) platform.failWhile(isStarved);
      globals.errorFlags.raise("LOW_MEMORY");
      if (globals.errorFlags.raise("MEMORY")) {
        const frames = realm
          .describe(abort)
          .frames.map((f) => `    at ${f.functionName} (${f.file}:${f.line}:${f.column})\n`);
        write(`OUT OF MEMORY${frames.join("") || "\n"}`);
      }
    }
    throw abort;
  };

  /** Ends a loop that never ends, which on the board is left to whoever sits at the console. */
  const endless = (): never => {
    const { resetAtMs } = chip.watchdog;
    if (resetAtMs !== null) return chip.reset("watchdog", resetAtMs - clock.now());
    const abort = new Abort("endless");
    if (running) {
      const { frames } = running.realm.describe(abort);
      const text = "the script loops for ever";
      const [first] = frames;
      write(`ERROR: ${text}${first ? ` (${first.file}:${first.line}:${first.column})` : ""}\n`);
      options.onUncaught?.({ text, frames: sourceMaps.withSource(frames) });
    }
    throw abort;
  };

  /** Runs code of the boot; its errors are reported as those of a callback. */
  const runBootCode = (board: Running, fn: () => void): void => {
    endAbort();
    options.watch?.began(null);
    try {
      fn();
    } catch (error) {
      const isCutOff = passingAbort() !== null;
      const left = remainsOf(error, board.realm);
      if (running !== board) return;
      if (left) board.globals.report(left.thrown);
      if (isCutOff) write("Execution Interrupted\n");
    } finally {
      options.watch?.ended();
    }
  };
  const runFile = (board: Running, name: string): void => {
    const code = flash.read(name);
    if (code === undefined) return;
    board.sources.set(name, code);
    board.memory.addCode(code, "flash");
    runBootCode(board, () => void board.realm.run(code, name));
  };
  /** Listeners of `init`, then the function onInit: both before any timer or event. */
  const init = (board: Running): void => {
    const { realm, globals } = board;
    runBootCode(board, () => {
      const outcome = globals.events.callNow(globals.E, "init", []);
      if (outcome && outcome.thrown instanceof Abort) board.loop.raise(outcome.thrown);
      else if (outcome) throw outcome.thrown;
    });
    const onInit = running === board ? realm.global["onInit"] : undefined;
    if (typeof onInit !== "function") return;
    globals.console.notice("Running onInit()...\n");
    runBootCode(board, () => void onInit.call(realm.global));
  };
  const boot = (
    board: Running,
    how: { cause: BootCause; isPowerUp: boolean; withSavedCode: boolean },
  ): void => {
    const files = [
      ...(how.isPowerUp ? [".bootPowerOn"] : []),
      ...BOOT_FILES,
      ...(flash.read(".bootrst") !== undefined
        ? [".bootrst"]
        : how.withSavedCode
          ? [".bootcde"]
          : []),
    ];
    options.onBoot?.(how.cause);
    for (const name of files) if (running === board) runFile(board, name);
    if (running === board) init(board);
    if (running === board) board.globals.console.start();
  };
  function restart(board: Running, how: { file?: string; withSavedCode: boolean }): void {
    if (board.isRestarting) return;
    board.isRestarting = true;
    const { loop, globals } = board;
    globals.events.emit(globals.E, "kill", []);
    // Behind everything that is queued: the pass in which a script asks for it ends first.
    loop.enqueue(() => {
      stop(board);
      wires.reset("interpreter");
      running = create();
      const next = running;
      if (how.file !== undefined) next.realm.global["__FILE__"] = how.file;
      boot(next, { cause: "restart", isPowerUp: false, withSavedCode: how.withSavedCode });
      if (how.file !== undefined && running === next) runFile(next, how.file);
      next.loop.wake();
    });
  }

  const failed = (text: string, type: string, frames: readonly Frame[]): BoardError =>
    new BoardError(text, type, sourceMaps.withSource(frames));
  const guarded = <T>(board: Running, fn: () => T): T => {
    endAbort();
    options.watch?.began(null);
    try {
      const value = fn();
      const abort = passingAbort();
      if (abort) throw abort;
      return value;
    } catch (error) {
      const kind = passingAbort()?.kind;
      const { frames } = board.realm.describe(passingAbort() ?? error);
      const left = remainsOf(error, board.realm);
      if (!left) throw failed("Execution Interrupted", kind ?? "thrown", frames);
      const { type } = Object(left.thrown) as { type?: unknown };
      const { text } = board.realm.describe(left.thrown);
      throw failed(text, kind ?? (typeof type === "string" ? type : "thrown"), frames);
    } finally {
      options.watch?.ended();
      board.loop.wake();
    }
  };

  const powerUp = (cause: BootCause): void => {
    flash.powerUp();
    wires.reset("chip");
    running = create();
    flash.check();
    boot(running, { cause, isPowerUp: true, withSavedCode: true });
    if (running) wifi.restore(flash.read(SAVED_FILE));
    running?.loop.wake();
  };
  const powerDown = (): void => {
    // First: what has no power says goodbye to nobody.
    wifi.powerOff();
    if (running) stop(running);
    wires.reset("power-off");
    line = "";
  };
  const powerOn = (): void => {
    if (running) return;
    chip.cancel();
    systemClock.set(clockStartMs ?? clock.now(), clock.now());
    wifi.powerOff();
    powerUp("power");
  };
  const powerOff = (): void => {
    powerDown();
    chip.cancel();
  };

  return {
    flash,
    pins: wires,
    powerOn,
    runScript: (source, fileName) => {
      running ??= create();
      const board = running;
      board.sources.set(fileName, source);
      board.memory.addCode(source, "ram");
      guarded(board, () => board.realm.run(source, fileName));
    },
    evaluate: (expression) => {
      const board = running;
      if (!board) throw new BoardError("the board is off", "InternalError", []);
      board.memory.addCode(expression, "ram");
      return guarded(board, () => board.realm.run(expression, ""));
    },
    show: (value) => (running ? running.realm.show(value) : String(value)),
    serialIn: (bytes, port) =>
      running?.globals.serial.input(port ?? (profile.serialPorts[0] as string), bytes) ?? 0,
    isDone: () => (running === null ? !chip.isWaiting : running.loop.isDone()),
    powerOff,
    brownout: () => {
      if (!running) return;
      powerOff();
      // The real-time clock is on a supply of its own.
      powerUp("power");
    },
    cutPowerAfterFlash: (bytes, onCut) =>
      flash.cutAfter(bytes, () => {
        onCut?.();
        powerOff();
      }),
    stepClock: (ms) => {
      systemClock.set(systemClock.at(clock.now()) + ms, clock.now());
      running?.loop.wake();
    },
    setClockDrift: (ppm) => {
      systemClock.setDrift(ppm, clock.now());
      running?.loop.wake();
    },
    setClockStart: (ms) => {
      clockStartMs = ms;
    },
    usage: () => {
      if (!running) return null;
      const { loop, globals, modules, memory } = running;
      const objects = [globals.E, globals.process, ...(modules?.loaded() ?? [])];
      const { fileBytes, trashBytes } = flash.stats();
      return {
        timers: loop.timerCount(),
        listeners: objects.reduce<number>(
          (n, o) => n + listenerCount(o as object),
          loop.listeners(),
        ),
        ...loop.counts(),
        fileBytes,
        trashBytes,
        vars: memory.used({ collects: false }),
      };
    },
    platformCalls: () => platform.count,
    injectOutOfMemory: platform.failAt,
    clockErrorMs: () => systemClock.at(clock.now()) - clock.now(),
  };
}
