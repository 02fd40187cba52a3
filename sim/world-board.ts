// SPDX-License-Identifier: MIT
// One board of a world: the virtual board, its host on the network, its radio, its console, and what
// faults can do to it.
import { createBoard } from "./board/board.ts";
import type { Board, BoardOptions } from "./board/board.ts";
import { createFlash } from "./board/flash.ts";
import type { Flash } from "./board/flash.ts";
import type { CallWatch } from "./board/loop.ts";
import { PROFILES } from "./board/profile.ts";
import type { SourcePlace } from "./board/realm.ts";
import type { SimClock } from "./clock/clock.ts";
import type { FaultBoard } from "./faults/targets.ts";
import type { AccessPoint } from "./network/access-point.ts";
import type { VirtualHost } from "./network/virtual-network.ts";
import type { Trace } from "./trace.ts";
import { createBoardFaults } from "./world-board-faults.ts";

/** How a world's board is; its scripts are instrumented unless `instrument` or `realm` say otherwise. */
export interface WorldBoardOptions extends Partial<
  Pick<
    BoardOptions,
    "serial" | "profile" | "realm" | "instrument" | "sourceMaps" | "flash" | "wifi"
  >
> {
  /** What it boots: the text of `.bootcde`, one character per byte. */
  script?: string;
  /** Further files of its Storage by name. */
  files?: Readonly<Record<string, string>>;
  /** `false` takes the radio away: the board is on a wire. */
  wifi?: false;
  /** Signal that the board receives, dBm; -60 unless given. */
  rssiDbm?: number;
  /** Stays off until `powerOn` is called. */
  isOff?: boolean;
  /** Gets each line of its console. */
  onPrint?(line: string): void;
  /** Keeps the console's lines in `lines`; true unless given. */
  keepLines?: boolean;
}

/** A board of a world. */
export interface WorldBoard extends Board {
  readonly name: string;
  readonly host: VirtualHost;
  /** Lines of its console so far. */
  readonly lines: readonly string[];
  readonly isOn: boolean;
  /** How faults see it. */
  readonly faults: FaultBoard;
}

/** What of a world a board is made of. */
export interface BoardSurroundings {
  name: string;
  host: VirtualHost;
  clock: SimClock;
  trace: Trace;
  accessPoint: AccessPoint;
  seed: number;
  watch: CallWatch | undefined;
  /** Flashes that boards with the same script begin with. */
  templates: Map<string, Flash>;
  onProblem(problem: { board: string; text: string; place: string }): void;
}

/** Text of a place. */
function placeText(place: SourcePlace | undefined): string {
  return place ? `${place.file}:${place.line}:${place.column}` : "";
}

/** A flash with the board's files; those of boards with the same script share its pages. */
function flashFor(
  { profile = "esp32", script = "", files = {}, flash }: WorldBoardOptions,
  templates: Map<string, Flash>,
): Flash {
  const key = `${profile} ${script}`;
  let template = templates.get(key);
  if (!template) {
    const { storageBytes, flashPageBytes, flashAddress, spareBytes, spareAddress } =
      PROFILES[profile];
    template = createFlash({
      totalBytes: storageBytes,
      pageBytes: flashPageBytes,
      address: flashAddress,
      spareBytes,
      spareAddress,
    });
    if (script !== "") template.write(".bootcde", script);
    templates.set(key, template);
  }
  const own = flash ?? template.copy();
  if (flash && script !== "") own.write(".bootcde", script);
  for (const [name, data] of Object.entries(files)) own.write(name, data);
  return own;
}

/** Creates a board of a world; it is off. */
export function createWorldBoard(
  surroundings: BoardSurroundings,
  options: WorldBoardOptions,
): WorldBoard {
  const { name, host, clock, trace, templates, seed } = surroundings;
  const {
    script: _script,
    files: _files,
    isOff: _isOff,
    keepLines = true,
    wifi: _wifi,
    rssiDbm: _rssiDbm,
    ...rest
  } = options;
  const on = `board/${name}`;
  const lines: string[] = [];
  let isOn = false;
  let powerUps = 0;
  const hasRadio = options.profile !== "linux" && options.wifi !== false;
  const station = hasRadio
    ? surroundings.accessPoint.addStation(name, {
        host,
        ...(options.rssiDbm === undefined ? {} : { rssiDbm: options.rssiDbm }),
      })
    : null;
  const board = createBoard({
    ...rest,
    instrument: options.instrument ?? options.realm !== "shared",
    wifi: station ?? false,
    ...(surroundings.watch ? { watch: surroundings.watch } : {}),
    clock,
    network: host.network,
    seed,
    serial: options.serial ?? name,
    flash: flashFor(options, templates),
    onPrint: (line) => {
      if (keepLines) lines.push(line);
      trace.add(on, "print", { text: line });
      options.onPrint?.(line);
    },
    onBoot: (cause) => {
      faults.onBoot();
      trace.add(on, "boot", { cause });
    },
    onUncaught: ({ text, frames }) => {
      const [frame] = frames;
      trace.add(on, "uncaught", { text, place: placeText(frame) });
      surroundings.onProblem({ board: name, text, place: placeText(frame?.source ?? frame) });
    },
    onRunaway: ({ text, frames }) => {
      const [frame] = frames;
      trace.add(on, "runaway", { text, place: placeText(frame) });
      surroundings.onProblem({ board: name, text, place: placeText(frame?.source ?? frame) });
      powerOff("runaway");
    },
  });
  const powerOn = (): void => {
    if (isOn) return;
    isOn = true;
    powerUps++;
    host.setUp(true);
    board.powerOn();
  };
  const powerOff = (cause: string): void => {
    if (!isOn) return;
    isOn = false;
    // First: a host without power says goodbye to nobody.
    host.setUp(false);
    board.powerOff();
    trace.add(on, "off", { cause });
  };
  const faults = createBoardFaults({
    name,
    board,
    clock,
    station,
    isOn: () => isOn,
    powerUps: () => powerUps,
    powerOn,
    cut: () => powerOff("fault"),
  });
  return {
    ...board,
    name,
    host,
    lines,
    faults,
    get isOn() {
      return isOn;
    },
    powerOn,
    powerOff: () => powerOff("power"),
  };
}
