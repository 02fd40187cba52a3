// SPDX-License-Identifier: MIT
// Each fault once on the real interpreter, through real sockets: the faults of the simulated world
// itself, begun by the same names, reach the process by way of a gateway. What was seen is told in
// docs/reference/faults.md.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { FAULTS } from "../../sim/index.ts";
import { INTERPRETER, NO_INTERPRETER } from "../helpers/interpreter.ts";
import { CLOCK_CASES } from "./faults/clock.ts";
import { NAME_CASES } from "./faults/names.ts";
import { POWER_CASES } from "./faults/power.ts";
import { PROBE_CASES } from "./faults/probes.ts";
import { UPLINK_CASES } from "./faults/uplink.ts";

const CASES = [...UPLINK_CASES, ...PROBE_CASES, ...NAME_CASES, ...POWER_CASES, ...CLOCK_CASES];

/** A process of this machine has no radio. */
const NOT_SHOWN = ["dhcp-failure", "weak-signal", "wifi-drop"];

describe.concurrent("the interpreter", () => {
  for (const { fault, shows, reasonToSkip, run } of CASES)
    it(`${shows} (${fault})`, async ({ skip }) => {
      const reason = INTERPRETER ? reasonToSkip : NO_INTERPRETER;
      skip(reason !== undefined, reason);
      await run();
    });
});

describe("every fault", () => {
  it("is seen, or has no way to a process", () => {
    const seen = new Set([...CASES.map(({ fault }) => fault), ...NOT_SHOWN]);
    expect([...seen].sort()).toEqual([...FAULTS.keys()].sort());
  });

  it("is in the table of what was seen", () => {
    const page = readFileSync(new URL("../../docs/reference/faults.md", import.meta.url), "utf8");
    const [, section = ""] = page.split("## Seen on the real interpreter");
    const rows = [...section.matchAll(/^\| ([a-z0-9-]+) +\|/gm)].map(([, name]) => name);
    // Behind the head of the table and the line under it.
    expect(rows.slice(2)).toEqual([...FAULTS.keys()]);
  });
});
