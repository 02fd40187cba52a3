// SPDX-License-Identifier: MIT
// Faults by hand while a world runs in real time, one line each:
//
//   wifi-drop target=sim-1 for=10s reason=200     begins one
//   heal          heals all           heal 3      heals the one with this number
//   faults        lists those that last
import { PlanError } from "../../sim/index.ts";
import type { ActiveFault, World } from "../../sim/index.ts";

const FORMS = "lines are NAME [target=NAME] [for=10s] [PARAMETER=VALUE...], faults, heal [NUMBER]";

function activeText({ id, planned }: ActiveFault): string {
  return `${id} ${planned.fault.name} target=${planned.target}`;
}

function valueOf(text: string): string | number {
  return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}

/** Carries out one line; gives the answer, which also tells what was wrong. */
export function runFaultCommand(world: World, line: string): string {
  const [word = "", ...rest] = line.trim().split(/\s+/);
  const active = world.activeFaults;
  if (word === "faults") return active.map(activeText).join("; ") || "no fault lasts";
  if (word === "heal") {
    if (rest.length === 0) {
      world.healAll();
      return `${active.length} healed`;
    }
    const found = active.find(({ id }) => String(id) === rest[0]);
    found?.end();
    return found ? `healed ${activeText(found)}` : `no fault has the number ${rest[0]}`;
  }
  const wrong = rest.find((part) => !/^[a-z_0-9]+=./.test(part));
  if (wrong !== undefined) return `expected name=value, got ${wrong}; ${FORMS}`;
  const params = Object.fromEntries(
    rest.map((part) => {
      const at = part.indexOf("=");
      return [part.slice(0, at), valueOf(part.slice(at + 1))];
    }),
  );
  try {
    return `began ${activeText(world.fault(word, params))}`;
  } catch (error) {
    if (!(error instanceof PlanError)) throw error;
    const problems = error.problems.map((problem) => problem.replace(/^\[0\]\.?(fault: )?/, ""));
    return [...problems, FORMS].join("; ");
  }
}
