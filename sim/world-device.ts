// SPDX-License-Identifier: MIT
// A board of a world that the world does not simulate: an interpreter process, a board on a desk. It
// has a host in the virtual network, which gateways lead through, so faults of the network hit it by
// its name. What else a fault asks of it, its owner does, or nobody can.
import type { FaultBoard } from "./faults/targets.ts";

/** What the owner of a real board can do to it; what is missing cannot be done. */
export type DeviceAbilities = Partial<Omit<FaultBoard, "name">>;

/** Makes the faults' view of a real board; abilities that are missing throw when they are asked for. */
export function createDeviceFaults(name: string, abilities: DeviceAbilities): FaultBoard {
  const cannot = (what: string) => (): never => {
    throw new RangeError(`nothing here can ${what} board "${name}", which is a real one`);
  };
  return {
    cutPower: cannot("cut the power of"),
    brownout: cannot("reset"),
    tearWriteAfter: cannot("cut a write of"),
    fillFlash: cannot("fill the flash of"),
    failAllocation: cannot("take the memory of"),
    stepClock: cannot("step the clock of"),
    restartAt: cannot("set the clock of"),
    driftClock: cannot("change the clock rate of"),
    dropWifi: cannot("drop the Wi-Fi of"),
    weakenSignal: cannot("weaken the signal of"),
    failDhcp: cannot("keep an address from"),
    ...abilities,
    name,
  };
}
