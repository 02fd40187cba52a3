// SPDX-License-Identifier: MIT
// Faults between the bundle and its broker, begun while the firmware is online, and healed: what it
// says, that it stands still where the platform blocks, and that its beats come back.
import { expect } from "vitest";
import { DUT, openInterpreterWorld } from "../../helpers/interpreter-world.ts";
import type { InterpreterWorld } from "../../helpers/interpreter-world.ts";
import { delay } from "../../helpers/wait.ts";
import type { FaultCase } from "./case.ts";

/** A connection that stands does not notice faults of connecting. */
const reconnect = ({ world }: InterpreterWorld): void => void world.fault("reset", { target: DUT });

/** Fails unless the interpreter is silent, its timers too: it beats and pings every half second. */
async function standsStill({ board }: InterpreterWorld, ms: number): Promise<void> {
  const before = board.console.lines.length;
  await delay(ms);
  expect(board.console.lines.slice(before)).toEqual([]);
}

/** Time that a line of the firmware tells, ms since its start. */
const stampOf = (line: string): number => Number(/^\d+/.exec(line)?.[0]);

/** A case with a board that is online, and must be again in the end, without an exception. */
function uplinkCase(
  fault: string,
  shows: string,
  run: (rig: InterpreterWorld) => Promise<void>,
  settings: Parameters<InterpreterWorld["boot"]>[0] = {},
): FaultCase {
  return {
    fault,
    shows,
    run: async () => {
      const rig = await openInterpreterWorld(fault);
      try {
        await rig.boot(settings);
        await run(rig);
        rig.world.healAll();
        await rig.isBack();
        expect(rig.board.console.faults()).toEqual([]);
      } finally {
        await rig.close();
      }
    },
  };
}

/** An error when something was still to be sent. */
const ENDED = / W uplink failed code=E_NET reason=(ended|error)/;
const ACKNOWLEDGED = / D heartbeat sent .* rtt_ms=(\d+)/;
/** Later by 1.5 s or more. */
const RETRANSMITTED = / D heartbeat sent .* rtt_ms=(1[5-9]|[2-9]\d|\d{3,})\d\d\b/;
/** Bounds that slow answers do not reach. */
const PATIENT = { ack_timeout_s: 30, keep_alive_s: 60, ping_timeout_s: 20, connect_timeout_s: 20 };

/** Cases of this file. */
export const UPLINK_CASES: readonly FaultCase[] = [
  uplinkCase("refused", "has each attempt to connect refused by the kernel", async (rig) => {
    rig.world.fault("refused", { target: DUT });
    await rig.doorIs("shut");
    const told = rig.says(/ W uplink failed code=E_NET reason=refused/);
    reconnect(rig);
    await told;
  }),
  uplinkCase("black-hole", "stands still in connect until an attempt gets through", async (rig) => {
    rig.world.fault("black-hole", { target: DUT });
    await rig.doorIs("silent");
    const opening = rig.says(/ I uplink opening /);
    reconnect(rig);
    await opening;
    await standsStill(rig, 1500);
  }),
  uplinkCase("blocking-connect", "stands still in connect for that long", async (rig) => {
    rig.world.fault("blocking-connect", { target: DUT, block_ms: 1500 });
    await rig.doorIs("silent");
    const opening = rig.says(/ I uplink opening /);
    const online = rig.says(/ I uplink online /);
    reconnect(rig);
    const blockedMs = stampOf((await online).input) - stampOf((await opening).input);
    expect(blockedMs).toBeGreaterThanOrEqual(1500);
  }),
  uplinkCase("reset", "sees its connection end and makes another", async (rig) => {
    const told = rig.says(/ W uplink failed code=E_NET reason=/);
    reconnect(rig);
    await told;
  }),
  uplinkCase("half-open", "notices the silence by its own timeout", async (rig) => {
    const told = rig.says(/ W uplink failed code=E_MQTT_TIMEOUT /);
    rig.world.fault("half-open", { target: DUT });
    await told;
  }),
  uplinkCase(
    "partition",
    "gives its connection up and then stands still in connect",
    async (rig) => {
      const told = rig.says(/ W uplink failed code=E_MQTT_TIMEOUT /);
      const opening = rig.says(/ I uplink opening /);
      rig.world.fault("partition", { target: DUT });
      await told;
      await opening;
      await standsStill(rig, 1500);
    },
  ),
  uplinkCase(
    "latency",
    "gets each acknowledgement later by both ways",
    async (rig) => {
      rig.world.fault("latency", { target: DUT, delay_ms: 600, jitter_ms: 100 });
      // What was on its way.
      await delay(1500);
      const { console: log } = rig.board;
      const from = log.lines.length;
      await log.waitFor(ACKNOWLEDGED, 30_000, { from, count: 6 });
      const delays = log.all(ACKNOWLEDGED, from).map(([, ms]) => Number(ms));
      expect(Math.min(...delays)).toBeGreaterThanOrEqual(1200);
    },
    PATIENT,
  ),
  uplinkCase(
    "loss",
    "has its connection stall for the time of a retransmission",
    async (rig) => {
      rig.world.fault("loss", { target: DUT, percent: 40 });
      for (let i = 0; i < 2; i++) await rig.says(RETRANSMITTED);
    },
    PATIENT,
  ),
  uplinkCase("bandwidth", "cannot get its beats out in time", async (rig) => {
    const told = rig.says(/ W uplink failed code=E_MQTT_TIMEOUT wait=ack/);
    rig.world.fault("bandwidth", { target: DUT, bytes_per_s: 100 });
    await told;
  }),
  uplinkCase("slow-reader", "waits in vain for a broker that hardly reads", async (rig) => {
    const told = rig.says(/ W uplink failed code=E_MQTT_TIMEOUT wait=ack/);
    rig.world.fault("slow-reader", { target: DUT });
    await told;
  }),
  uplinkCase("broker-refusal", "is told the broker's return code", async (rig) => {
    const told = rig.says(/ E uplink refused code=E_MQTT_REFUSED connack=4/);
    rig.world.fault("broker-refusal", { target: rig.broker.name, code: 4 });
    reconnect(rig);
    await told;
  }),
  uplinkCase("broker-restart", "sees the end, then a port that nobody listens on", async (rig) => {
    const ended = rig.says(ENDED);
    const refused = rig.says(/ W uplink failed code=E_NET reason=refused/);
    rig.world.fault("broker-restart", { target: rig.broker.name });
    await ended;
    await refused;
  }),
  uplinkCase("session-takeover", "loses its connection and takes its session back", async (rig) => {
    const ended = rig.says(ENDED);
    const online = rig.says(/ I uplink online url=0 session=2 present=1/);
    rig.world.fault("session-takeover", { target: rig.broker.name });
    await ended;
    await online;
  }),
];
