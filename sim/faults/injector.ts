// SPDX-License-Identifier: MIT
// Carries faults out in a world: those of a plan at their times, and others live, whenever somebody
// asks. Every beginning and end is in the trace.
import type { SimClock } from "../clock/clock.ts";
import { matchesName } from "../network/conditions.ts";
import type { Trace } from "../trace.ts";
import type { FaultContext, TargetKind, TargetsByKind } from "./fault.ts";
import type { PlannedFault } from "./plan.ts";

/** A fault that has begun and can be healed. */
export interface ActiveFault {
  readonly id: number;
  readonly planned: PlannedFault;
  /** Heals it; again is no error. */
  end(): void;
}

/** What the injector needs of its world. */
export interface InjectorHost extends FaultContext {
  clock: SimClock;
  trace: Trace;
  /** What faults of a kind can hit now. */
  targets<K extends TargetKind>(kind: K): readonly TargetsByKind[K][];
}

/** Begins and ends faults. */
export interface Injector {
  /** Begins one now, and arms its end if it has a length. */
  begin(planned: PlannedFault): ActiveFault;
  /** Arms every fault of a plan, whose times count from now. */
  schedule(plan: readonly PlannedFault[]): void;
  /** Those that last at this moment. */
  active(): readonly ActiveFault[];
  /** Heals all and forgets what is still to come. */
  healAll(): void;
}

/** Creates the injector of one world. */
export function createInjector(host: InjectorHost): Injector {
  const { clock, trace } = host;
  const active = new Map<number, ActiveFault>();
  const coming = new Set<object>();
  let lastId = 0;

  const later = (fn: () => void, delayMs: number): void => {
    const timer = clock.setTimer(() => {
      coming.delete(timer);
      fn();
    }, delayMs);
    coming.add(timer);
  };
  const begin = (planned: PlannedFault): ActiveFault => {
    const { fault, target, params, forMs } = planned;
    const id = ++lastId;
    const facts = { id, fault: fault.name, target };
    trace.add("fault", "begin", facts);
    const heals: (() => void)[] = [];
    for (const candidate of host.targets(fault.target)) {
      if (!matchesName(target, candidate.name)) continue;
      const heal = fault.begin(candidate, params, host);
      if (heal) heals.push(heal);
    }
    const found: ActiveFault = {
      id,
      planned,
      end: () => {
        if (!active.delete(id)) return;
        // The reverse order undoes what one fault did twice to the same thing.
        for (const heal of heals.toReversed()) heal();
        trace.add("fault", "end", facts);
      },
    };
    if (!fault.isInstant) {
      active.set(id, found);
      if (forMs !== null) later(found.end, forMs);
    }
    return found;
  };

  return {
    begin,
    schedule: (plan) => {
      for (const planned of plan) later(() => begin(planned), planned.atMs);
    },
    active: () => [...active.values()],
    healAll: () => {
      for (const timer of coming) clock.clearTimer(timer);
      coming.clear();
      for (const fault of active.values()) fault.end();
    },
  };
}
