// SPDX-License-Identifier: MIT
// The targets there are: from the text of `--target` to something that can be created.
import { usageError } from "../../lib/errors.ts";
import type { Target } from "../../scenario/target.ts";
import { checkInterpreter, createExecTarget } from "./exec.ts";
import { createVirtualTarget } from "./virtual.ts";

/** A target that can be used now, or the reason why not. */
export interface TargetChoice {
  name: string;
  create(): Promise<Target>;
  /** Present: the target is skipped and this is printed. */
  missing?: string;
}

function execChoice(file: string): TargetChoice {
  checkInterpreter(file);
  return { name: `exec:${file}`, create: () => createExecTarget(file) };
}

/** Parses one `--target`: `virtual`, `exec:/path` or `exec`. A usage error when it cannot be used. */
export function chooseTarget(text: string, env: NodeJS.ProcessEnv): TargetChoice {
  if (text === "virtual") return { name: "virtual", create: createVirtualTarget };
  if (text.startsWith("exec:") && text.length > 5) return execChoice(text.slice(5));
  if (text === "exec") {
    const file = env["LUBDUB_ESPRUINO"];
    if (!file) throw usageError("target exec needs a path: exec:/path or LUBDUB_ESPRUINO");
    return execChoice(file);
  }
  throw usageError(`unknown target ${JSON.stringify(text)}; there are virtual and exec:/path`);
}

/** All targets of the suite; those that are not here carry what is missing. */
export function allTargets(env: NodeJS.ProcessEnv): TargetChoice[] {
  const file = env["LUBDUB_ESPRUINO"];
  const exec: TargetChoice = file
    ? execChoice(file)
    : {
        name: "exec",
        create: () => Promise.reject(usageError("no interpreter")),
        missing: "no interpreter: LUBDUB_ESPRUINO is not set to the path of an Espruino for Linux",
      };
  return [chooseTarget("virtual", env), exec];
}
