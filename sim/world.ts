// SPDX-License-Identifier: MIT
// A world: boards, a network between them, servers, faults, one clock, one seed, one trace. In
// virtual time it runs as fast as the host can and the same way every time; in real time boards
// also reach the host's own network.
//
//   const world = new World({ seed: 7 });
//   world.broker("broker");
//   const board = world.board("dev-1", { script });
//   world.plan([{ at: "1m", for: "10s", fault: "partition" }]);
//   await world.run("1h");
//   world.check.expect({ on: "board/dev-1", ev: "print", text: /online/ });
//   await world.close();
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Flash } from "./board/flash.ts";
import type { SimClock } from "./clock/clock.ts";
import { createRealClock } from "./clock/real-clock.ts";
import { createVirtualClock, WORLD_START_MS } from "./clock/virtual-clock.ts";
import type { VirtualClock } from "./clock/virtual-clock.ts";
import { durationMs } from "./duration.ts";
import type { Duration } from "./duration.ts";
import { createInjector } from "./faults/injector.ts";
import type { ActiveFault, Injector } from "./faults/injector.ts";
import type { TargetsByKind } from "./faults/fault.ts";
import type { FaultBoard } from "./faults/targets.ts";
import { checkPlan } from "./faults/plan.ts";
import type { Plan, PlannedFault, TargetNames } from "./faults/plan.ts";
import { openGateway } from "./network/gateway.ts";
import type { Gateway, GatewayOptions } from "./network/gateway.ts";
import type { DatagramPeer, Peer } from "./network/peer.ts";
import { createAccessPoint } from "./network/access-point.ts";
import type { AccessPoint } from "./network/access-point.ts";
import { createRealNetwork } from "./network/real-network.ts";
import { createVirtualNetwork } from "./network/virtual-network.ts";
import type { HostKind, VirtualHost, VirtualNetwork } from "./network/virtual-network.ts";
import { createRandom } from "./random.ts";
import type { Random } from "./random.ts";
import { createTrace } from "./trace.ts";
import type { Trace } from "./trace.ts";
import { createTraceQuery } from "./trace-query.ts";
import type { TraceQuery } from "./trace-query.ts";
import type { WatchThread } from "./watch-thread.ts";
import { createWorldBoard } from "./world-board.ts";
import type { WorldBoard, WorldBoardOptions } from "./world-board.ts";
import { createDeviceFaults } from "./world-device.ts";
import type { DeviceAbilities } from "./world-device.ts";
import { createWorldBroker, createWorldHttp, createWorldTime } from "./world-peers.ts";
import type {
  PeerSurroundings,
  WorldHttpOptions,
  WorldBroker,
  WorldBrokerOptions,
  WorldHttp,
  WorldTime,
} from "./world-peers.ts";

/** How a world is. */
export interface WorldOptions {
  /** Decides everything that is left to chance; 1 unless given. */
  seed?: number;
  /** Boards run on the host's clock and reach the host's network for names the world lacks. */
  realtime?: boolean;
  /** Wall-clock time at the start, ms since 1970; 2026-01-01 unless given. Not in real time. */
  startMs?: number;
  /** One-way delay of every link, ms; 2 unless given. */
  latencyMs?: number;
  /** Keeps the trace's rows, which `check` asks; true unless given. */
  keepTrace?: boolean;
  /** Looks on from another thread: a callback that never returns ends the process, with its name. */
  watch?: WatchThread;
  /** Gets each canonical line of the trace. */
  onTraceLine?(line: string): void;
}

/** Something that went wrong with a board without a script noticing. */
export interface WorldProblem {
  board: string;
  text: string;
  /** `file:line:column`, empty when unknown. */
  place: string;
}

/** Version of the trace's rows and bytes; see docs/reference/trace.md. */
const TRACE_SCHEMA = 1;
/** Events between two looks at the host's clock: its own work gets its turn in between. */
const EVENTS_IN_BATCH = 2000;
const HOST_TURN_MS = 50;
/** How often a condition is looked at in real time, ms. */
const REAL_POLL_MS = 10;

/** A simulated world. */
export class World {
  readonly seed: number;
  readonly isRealtime: boolean;
  readonly clock: SimClock;
  readonly random: Random;
  readonly network: VirtualNetwork;
  /** Where boards of profile `esp32` join. */
  readonly accessPoint: AccessPoint;
  readonly trace: Trace;
  /** Questions to the trace and assertions on it. */
  readonly check: TraceQuery;
  /** Errors of boards that nobody caught, oldest first. */
  readonly problems: WorldProblem[] = [];
  readonly boards = new Map<string, WorldBoard>();
  readonly brokers = new Map<string, WorldBroker>();
  readonly #virtualClock: VirtualClock | null;
  readonly #startMs: number;
  readonly #watch: WatchThread | undefined;
  readonly #templates = new Map<string, Flash>();
  readonly #injector: Injector;
  readonly #https = new Map<string, WorldHttp>();
  readonly #times = new Map<string, WorldTime>();
  readonly #devices = new Map<string, FaultBoard>();
  readonly #gateways = new Set<Gateway>();

  /** Creates an empty world that stands at its start. */
  constructor(options: WorldOptions = {}) {
    this.seed = options.seed ?? 1;
    this.isRealtime = options.realtime ?? false;
    this.#watch = options.watch;
    this.#virtualClock = this.isRealtime
      ? null
      : createVirtualClock(options.startMs ?? WORLD_START_MS);
    this.clock = this.#virtualClock ?? createRealClock();
    this.#startMs = this.clock.now();
    this.random = createRandom(this.seed);
    this.trace = createTrace({
      nowUs: () => Math.round((this.clock.now() - this.#startMs) * 1000),
      keepRows: options.keepTrace ?? true,
      onLine: options.onTraceLine,
    });
    this.check = createTraceQuery(this.trace.rows);
    this.trace.add("world", "start", {
      schema: TRACE_SCHEMA,
      seed: this.seed,
      start: Math.floor(this.#startMs),
    });
    const { clock, random, trace } = this;
    this.network = createVirtualNetwork({
      clock,
      random,
      trace,
      defaults: { latencyMs: options.latencyMs ?? 2 },
      ...(this.isRealtime ? { outside: createRealNetwork() } : {}),
    });
    this.accessPoint = createAccessPoint({ clock, random, network: this.network });
    this.#injector = createInjector({
      clock,
      trace,
      network: this.network,
      targets: <K extends keyof TargetsByKind>(kind: K) => this.#targets()[kind],
    });
  }

  /** Time since the world began, ms. */
  get nowMs(): number {
    return this.clock.now() - this.#startMs;
  }

  /**
   * Adds a board and switches it on, unless its options say otherwise.
   * @throws RangeError when the name is taken
   */
  board(name: string, options: WorldBoardOptions = {}): WorldBoard {
    const host = this.#addHost(name, "board");
    const board = createWorldBoard(
      {
        name,
        host,
        clock: this.clock,
        trace: this.trace,
        templates: this.#templates,
        watch: this.#watch?.board(name),
        accessPoint: this.accessPoint,
        seed: this.random.stream(`board ${name}`).integer(0, 2 ** 31 - 1),
        onProblem: (problem) => this.problems.push(problem),
      },
      options,
    );
    this.boards.set(name, board);
    if (!options.isOff) board.powerOn();
    return board;
  }

  /** Adds a host with an MQTT broker; its name is the one that boards dial. */
  broker(name = "broker", options: WorldBrokerOptions = {}): WorldBroker {
    const broker = createWorldBroker(this.#surroundings(name), options);
    this.brokers.set(name, broker);
    return broker;
  }

  /** Adds a host with an HTTP endpoint. */
  http(name: string, options: WorldHttpOptions = {}): WorldHttp {
    const endpoint = createWorldHttp(this.#surroundings(name), options);
    this.#https.set(name, endpoint);
    return endpoint;
  }

  /** Adds a host that tells the time over SNTP, by the world's clock. */
  timeServer(name: string): WorldTime {
    const server = createWorldTime(this.#surroundings(name));
    this.#times.set(name, server);
    return server;
  }

  /** Serves any program at a host, which is added when the world lacks it. */
  serve(name: string, port: number, peer: Peer, options: { tls?: boolean } = {}): void {
    this.#hostOf(name).serve(port, peer, options);
  }

  /** Serves a program for datagrams. */
  serveUdp(name: string, port: number, peer: DatagramPeer): void {
    this.#hostOf(name).serveUdp(port, peer);
  }

  /**
   * Adds a board that is not simulated, such as an interpreter process: faults know it by its name.
   * @param abilities what its owner does when a fault asks for more than the network can do
   * @throws RangeError when the name is taken
   */
  device(name: string, abilities: DeviceAbilities = {}): VirtualHost {
    const host = this.#addHost(name, "device");
    this.#devices.set(name, createDeviceFaults(name, abilities));
    return host;
  }

  /**
   * Opens a port of this machine that leads into the world; see network/gateway.ts. `from` is a
   * device, which is added when the world lacks it.
   * @throws RangeError (rejects) in virtual time, and when there is no host `to`
   */
  async gateway(options: GatewayOptions): Promise<Gateway> {
    if (!this.isRealtime) throw new RangeError("a gateway needs a world in real time");
    if (!this.network.host(options.from)) this.device(options.from);
    const gateway = await openGateway(this, options);
    this.#gateways.add(gateway);
    return gateway;
  }

  /**
   * Begins a fault now; see docs/reference/faults.md.
   * @throws PlanError for an unknown fault, target or parameter
   */
  fault(name: string, params: Omit<Plan[number], "fault" | "at"> = {}): ActiveFault {
    const [planned] = checkPlan([{ ...params, fault: name }], this.targetNames());
    return this.#injector.begin(planned as PlannedFault);
  }

  /**
   * Arms the faults of a plan, whose times count from now.
   * @throws PlanError with every problem of the plan
   */
  plan(plan: Plan): void {
    this.schedule(checkPlan(plan, this.targetNames()));
  }

  /** Arms faults that have been checked. */
  schedule(plan: readonly PlannedFault[]): void {
    this.#injector.schedule(plan);
  }

  /** Faults that last at this moment. */
  get activeFaults(): readonly ActiveFault[] {
    return this.#injector.active();
  }

  /** Ends every fault and forgets those that are still to come. */
  healAll(): void {
    this.#injector.healAll();
  }

  /** Names that a plan can aim at. */
  targetNames(): TargetNames {
    return {
      board: [...this.boards.keys(), ...this.#devices.keys()],
      broker: [...this.brokers.keys()],
      http: [...this.#https.keys()],
      time: [...this.#times.keys()],
    };
  }

  /** Calls `fn` once, this long from now. */
  after(delay: Duration, fn: () => void): void {
    this.clock.setTimer(fn, durationMs(delay));
  }

  /** Lets the world run for this long. */
  async run(duration: Duration): Promise<void> {
    await this.runUntil(() => false, duration);
  }

  /**
   * Lets the world run until the condition holds, which is asked after each event, or the limit is
   * reached.
   * @returns whether it holds
   */
  async runUntil(condition: () => boolean, limit: Duration): Promise<boolean> {
    const untilMs = this.clock.now() + durationMs(limit);
    const clock = this.#virtualClock;
    return clock ? runVirtual(clock, condition, untilMs) : runReal(this.clock, condition, untilMs);
  }

  /** Switches every board off and ends the network. */
  async close(): Promise<void> {
    this.healAll();
    for (const board of this.boards.values()) board.powerOff();
    await Promise.all([...this.#gateways].map((gateway) => gateway.close()));
    await this.network.close();
  }

  #surroundings(name: string): PeerSurroundings {
    const { clock, trace, random } = this;
    return { name, host: this.#addHost(name), clock, trace, random };
  }

  #addHost(name: string, kind: HostKind = "server"): VirtualHost {
    if (this.network.host(name)) throw new RangeError(`there is a host "${name}" already`);
    return this.network.addHost(name, { kind });
  }

  #hostOf(name: string): VirtualHost {
    return this.network.host(name) ?? this.network.addHost(name);
  }

  #targets(): { [K in keyof TargetsByKind]: TargetsByKind[K][] } {
    return {
      board: [...[...this.boards.values()].map((board) => board.faults), ...this.#devices.values()],
      broker: [...this.brokers.values()].map((broker) => broker.faults),
      http: [...this.#https.values()].map((http) => http.faults),
      time: [...this.#times.values()].map((time) => time.faults),
    };
  }
}

async function runVirtual(
  clock: VirtualClock,
  condition: () => boolean,
  untilMs: number,
): Promise<boolean> {
  let turnMs = performance.now();
  for (;;) {
    for (let i = 0; i < EVENTS_IN_BATCH; i++) {
      if (condition()) return true;
      if (clock.run(untilMs, 1)) return condition();
    }
    // The host's own work (a live view, Ctrl-C) gets its turn; the world does not notice.
    if (performance.now() - turnMs > HOST_TURN_MS) {
      await nextTurn();
      turnMs = performance.now();
    }
  }
}

async function runReal(
  clock: SimClock,
  condition: () => boolean,
  untilMs: number,
): Promise<boolean> {
  for (;;) {
    if (condition()) return true;
    const leftMs = untilMs - clock.now();
    if (leftMs <= 0) return false;
    await new Promise<void>((resolve) => {
      clock.setTimer(resolve, Math.min(leftMs, REAL_POLL_MS));
    });
  }
}
