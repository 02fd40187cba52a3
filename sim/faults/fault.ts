// SPDX-License-Identifier: MIT
// What a fault is: a name, what it can hit, its parameters with their ranges, and what it does to a
// world. The ranges check plans that people write and bound those that are drawn at random.
// Not for: when it happens (plan.ts), which there are (index.ts).
import type { VirtualNetwork } from "../network/virtual-network.ts";
import type { FaultBoard, FaultBroker, FaultEndpoint, FaultTimeServer } from "./targets.ts";

/** Rule of one parameter. */
export type ParamRule =
  | { kind: "number"; unit: string; default: number; min: number; max: number }
  | { kind: "choice"; values: readonly string[]; default: string }
  | { kind: "host"; default: string };

/** Parameters of a fault by name; units are in the names, as `delay_ms`. */
export type ParamRules = Readonly<Record<string, ParamRule>>;

/** Values that follow the rules. */
export type ParamsOf<R extends ParamRules> = {
  readonly [K in keyof R]: R[K] extends { kind: "number" } ? number : string;
};

/** What a fault can be aimed at; the names of a world's boards and peers. */
export interface TargetsByKind {
  board: FaultBoard;
  broker: FaultBroker;
  http: FaultEndpoint;
  time: FaultTimeServer;
}
/** Kind of a target. */
export type TargetKind = keyof TargetsByKind;

/** What faults may touch besides their target. */
export interface FaultContext {
  network: VirtualNetwork;
}

/** A kind of fault. */
export interface Fault<R extends ParamRules = ParamRules, K extends TargetKind = TargetKind> {
  /** Name in plans, as `wifi-drop`. */
  name: string;
  /** One line: what the board or its peers go through. */
  summary: string;
  target: K;
  params: R;
  /** True for what happens at one moment and has no end. */
  isInstant: boolean;
  /** Begins it on one target; gives what heals it. */
  begin(target: TargetsByKind[K], params: ParamsOf<R>, context: FaultContext): (() => void) | void;
}

/** A fault of any kind, as the registry holds it. */
export interface AnyFault extends Omit<Fault, "begin"> {
  /** Takes values that plan.ts has checked against `params`. */
  begin(
    target: TargetsByKind[TargetKind],
    params: Readonly<Record<string, number | string>>,
    context: FaultContext,
  ): (() => void) | void;
}

/** Keeps the types of parameters and target inside one definition. */
export function defineFault<R extends ParamRules, K extends TargetKind>(
  fault: Fault<R, K>,
): AnyFault {
  // Plans are checked against the very rules that gave `begin` its types.
  return fault;
}

/** A number parameter. */
export function number<const U extends string>(
  unit: U,
  initial: number,
  min: number,
  max: number,
): { kind: "number"; unit: U; default: number; min: number; max: number } {
  return { kind: "number", unit, default: initial, min, max };
}

/** A choice among words. */
export function choice(values: readonly [string, ...string[]]): {
  kind: "choice";
  values: readonly string[];
  default: string;
} {
  return { kind: "choice", values, default: values[0] };
}

/** The far end of a link: a host of the world by name, `*` for all. */
export const PEER = { kind: "host", default: "*" } as const;
