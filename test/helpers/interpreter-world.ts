// SPDX-License-Identifier: MIT
// The real interpreter as the device "dut" of a simulated world: it reaches the world's broker
// through a gateway, and what faults ask of a board beyond its network is done to the process.
import { World } from "../../sim/index.ts";
import type { WorldBroker } from "../../sim/index.ts";
import { createFakeClock } from "./faketime.ts";
import type { FakeClock } from "./faketime.ts";
import { createInterpreter } from "./interpreter.ts";
import type { Interpreter } from "./interpreter.ts";
import { quickConfig } from "./test-board.ts";
import { waitFor } from "./wait.ts";

type Gateway = Awaited<ReturnType<World["gateway"]>>;
type Abilities = NonNullable<Parameters<World["device"]>[1]>;

/** Name of the interpreter's host in its world. */
export const DUT = "dut";

/** Patient enough for a machine with other work to do. */
const SETTINGS = {
  device_id: DUT,
  interval_s: 0.5,
  keep_alive_s: 3,
  ping_timeout_s: 1,
  ack_timeout_s: 2,
  connect_timeout_s: 2,
};

const BOUND_MS = 30_000;

/** A world with the interpreter in it. */
export interface InterpreterWorld {
  readonly world: World;
  readonly broker: WorldBroker;
  readonly board: Interpreter;
  /** Boots the bundle and waits until the broker has got beats. */
  boot(settings?: Parameters<typeof quickConfig>[0]): Promise<void>;
  /** Waits until the broker has got beats, counted from now. */
  isBack(): Promise<void>;
  /** Waits until an attempt to connect meets this. */
  doorIs(state: Gateway["door"]): Promise<void>;
  /** Waits for a line of the console that comes from now on. */
  says(pattern: RegExp): Promise<RegExpExecArray>;
  close(): Promise<void>;
}

/** More than the interpreter has; the callback that asks for it is cut off. */
const EXHAUST = '(function(){for(var s="x";;)s+=s;})()';
const FULL_FILE = "full";
/** A file of all the room there is; headers and the end of a page take some of it. */
const FILL = `(function(){var S=require("Storage"),n=S.getFree()-4096;S.write("${FULL_FILE}","x",0,n);
for(var i=0;S.getFree()>64;i++)S.write("${FULL_FILE}"+i,"x",0,Math.min(1000,S.getFree()-48));})()`;
const UNFILL = `require("Storage").list(/^${FULL_FILE}/).forEach(function(n){require("Storage").erase(n)})`;

/** What can be done to the process in the name of faults. */
function abilitiesOf(
  board: Pick<Interpreter, "evaluate" | "powerOff" | "powerOn">,
  clock: FakeClock | null,
  setUp: (isUp: boolean) => void,
): Abilities {
  let offsetMs = 0;
  const set = (addedMs: number, ppm = 0): void => {
    offsetMs += addedMs;
    clock?.set({ offsetMs, ppm });
  };
  const cutPower = (): (() => void) => {
    // The process is dead before its kernel can say goodbye to the virtual network.
    const gone = board.powerOff();
    setUp(false);
    return () => {
      setUp(true);
      void gone.then(board.powerOn);
    };
  };
  const restart = (): void => cutPower()();
  // What is asked on the console is answered later, or, without memory, never.
  const ask = (question: string): void => void board.evaluate(question).catch(() => {});
  const clockAbilities: Abilities = {
    stepClock: (ms) => {
      set(ms);
      return () => set(-ms);
    },
    restartAt: (wallMs) => {
      const addedMs = wallMs - Date.now();
      set(addedMs);
      restart();
      return () => {
        set(-addedMs);
        restart();
      };
    },
    // The rate counts from the start of a process.
    driftClock: (ppm) => {
      set(0, ppm);
      restart();
      return () => {
        set(0);
        restart();
      };
    },
  };
  return {
    cutPower,
    brownout: restart,
    fillFlash: () => {
      ask(FILL);
      return () => ask(UNFILL);
    },
    failAllocation: () => ask(EXHAUST),
    ...(clock ? clockAbilities : {}),
  };
}

/** Makes the world and an interpreter that is switched off. */
export async function openInterpreterWorld(
  name: string,
  { hasFakeClock = false }: { hasFakeClock?: boolean } = {},
): Promise<InterpreterWorld> {
  const world = new World({ realtime: true });
  const broker = world.broker();
  const clock = hasFakeClock ? createFakeClock() : null;
  const board = createInterpreter(name, clock ? { env: clock.env } : {});
  const { console: log } = board;
  let isOver = false;
  // What heals at the end of the world starts nothing any more.
  const powerOn = async (): Promise<void> => {
    if (!isOver) await board.powerOn();
  };
  const setUp = (isUp: boolean): void => host.setUp(isUp);
  const host = world.device(DUT, abilitiesOf({ ...board, powerOn }, clock, setUp));
  const gateway = await world.gateway({ from: DUT, to: broker.name, port: 1883 });
  let beats = 0;
  broker.subscribe("devices/+/heartbeat", () => void beats++);

  const isBack = async (): Promise<void> => {
    const from = beats;
    await waitFor(
      () => beats >= from + 2,
      BOUND_MS,
      () => `beats at the broker; the console ends with\n${log.lines.slice(-30).join("\n")}`,
    );
  };
  return {
    world,
    broker,
    board,
    boot: async (settings) => {
      const url = `mqtt://127.0.0.1:${gateway.port}`;
      await board.configure(quickConfig({ ...SETTINGS, urls: url, ...settings }));
      await board.powerOn();
      await isBack();
    },
    isBack,
    doorIs: async (state) => {
      await waitFor(() => gateway.door === state, BOUND_MS, `a door that is ${state}`);
    },
    says: (pattern) => {
      const found = log.waitFor(pattern, BOUND_MS, { from: log.lines.length });
      // The test may fail before it comes to wait for this.
      found.catch(() => {});
      return found;
    },
    close: async () => {
      isOver = true;
      await board.dispose();
      await world.close();
      clock?.remove();
    },
  };
}
