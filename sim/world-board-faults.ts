// SPDX-License-Identifier: MIT
// What faults can do to a board of a world, in the board's own terms.
import type { Board } from "./board/board.ts";
import type { SimClock } from "./clock/clock.ts";
import type { FaultBoard } from "./faults/targets.ts";
import type { Station } from "./network/access-point.ts";

/** What the faults of one board are made of. */
export interface BoardFaultsHost {
  name: string;
  board: Board;
  clock: SimClock;
  /** Null for a board without radio. */
  station: Station | null;
  isOn(): boolean;
  /** How often power has come so far. */
  powerUps(): number;
  powerOn(): void;
  /** Cuts the power as a fault does. */
  cut(): void;
}

/** Counts how many faults hold something, and acts when the first begins and the last ends. */
function held(begin: () => void, end: () => void): () => () => void {
  let count = 0;
  return () => {
    if (++count === 1) begin();
    return () => {
      if (--count === 0) end();
    };
  };
}

/** Makes the faults' view of a board; `onBoot` is to be called when the board boots. */
export function createBoardFaults(host: BoardFaultsHost): FaultBoard & { onBoot(): void } {
  const { name, board, clock, station } = host;
  let wasOn = false;
  const cutPower = held(
    () => {
      wasOn = host.isOn();
      host.cut();
    },
    () => {
      if (wasOn) host.powerOn();
    },
  );
  const restart = (): void => cutPower()();
  let isMemoryFailing = false;
  let driftPpm = 0;
  const addDrift = (ppm: number): void => {
    driftPpm += ppm;
    board.setClockDrift(driftPpm);
  };
  return {
    name,
    cutPower,
    brownout: board.brownout,
    tearWriteAfter: (bytes, offMs) =>
      board.cutPowerAfterFlash(bytes, () => {
        const restore = cutPower();
        clock.setTimer(restore, offMs);
      }),
    fillFlash: held(
      () => board.flash.setFull(true),
      () => board.flash.setFull(false),
    ),
    failAllocation: (nthCall) => {
      // A board without power has no memory that could run out.
      if (!host.isOn()) return;
      board.injectOutOfMemory(nthCall);
      isMemoryFailing = true;
    },
    onBoot: () => {
      // A start begins with all of the memory.
      if (isMemoryFailing) board.injectOutOfMemory(Infinity);
      isMemoryFailing = false;
    },
    stepClock: (ms) => {
      const before = host.powerUps();
      board.stepClock(ms);
      // With power the clock was set anew, and there is nothing to take back.
      return () => {
        if (host.powerUps() === before) board.stepClock(-ms);
      };
    },
    restartAt: (wallMs) => {
      board.setClockStart(wallMs);
      restart();
      return () => {
        board.setClockStart(null);
        restart();
      };
    },
    driftClock: (ppm) => {
      addDrift(ppm);
      return () => addDrift(-ppm);
    },
    dropWifi: (reasonCode) => station?.keepOut(reasonCode) ?? (() => {}),
    weakenSignal: (dbm) => station?.setSignal(dbm) ?? (() => {}),
    failDhcp: () => station?.failDhcp() ?? (() => {}),
  };
}
