// SPDX-License-Identifier: MIT
// What worlds record is what docs/reference/trace.md lists, members and all.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { TraceRow } from "../../sim/index.ts";
import { loadBundle } from "../../tools/lib/bundle.ts";
import { createFleetWorld } from "../../tools/sim/fleet-world.ts";

interface EventRow {
  members: string[];
  optional: string[];
}

/** Events of the page by `on ev`. */
function documented(): Map<string, EventRow> {
  const url = new URL("../../docs/reference/trace.md", import.meta.url);
  const [, events = ""] = readFileSync(url, "utf8").split("## Events");
  const rows = events
    .split("\n")
    .filter((line) => line.startsWith("| `") && !line.includes("| `ev`"))
    .map((line) => line.split("|").map((cell) => cell.trim()));
  return new Map(
    rows.map(([, on = "", ev = "", members = ""]) => [
      `${on} ${ev}`.replaceAll("`", ""),
      {
        members: [...members.matchAll(/`(\w+)`/g)].map((m) => m[1] as string),
        optional: [...members.matchAll(/\(`(\w+)`\)/g)].map((m) => m[1] as string),
      },
    ]),
  );
}

async function rowsOfEverything(): Promise<readonly TraceRow[]> {
  const { world, broker } = createFleetWorld({
    seed: 1,
    deviceIds: ["dev-1", "dev-2"],
    intervalMs: 5000,
    qos: 1,
    prefix: "devices",
    bundle: loadBundle().text,
  });
  world.board("broken", { script: "throw 1" });
  world.board("storm", { script: "E.on('x', function again() { E.emit('x'); });\nE.emit('x');" });
  world.board("lost", {
    script: "require('net').connect({ host: 'nowhere', port: 1 })",
    wifi: false,
  });
  world.plan([
    { at: "20s", fault: "reset", target: "dev-1" },
    { at: "20s", for: "40s", fault: "refused", target: "dev-1" },
    { at: "40s", for: "60s", fault: "broker-refusal", code: 4 },
    { at: "41s", fault: "brownout", target: "dev-2" },
    { at: "2m", for: "10s", fault: "power-cut", target: "dev-2" },
    { at: "3m", for: "30s", fault: "broker-restart" },
    { at: "4m", fault: "session-takeover" },
    { at: "5m", for: "1m", fault: "black-hole" },
    { at: "5m", fault: "half-open" },
    { at: "7m", for: "1m", fault: "clock-step", step_ms: 600_000 },
  ]);
  await world.run("10m");
  broker.publish("devices/dev-1/heartbeat", "no beat");
  await world.close();
  return world.trace.rows;
}

describe("the rows of a trace", () => {
  it("have the events and members that the reference page lists", async () => {
    const events = documented();
    const seen = new Set<string>();
    for (const { t, on, ev, ...members } of await rowsOfEverything()) {
      const name = `${on.replace(/^(board|broker)\/.*/, "$1/<name>")} ${ev}`;
      seen.add(name);
      const row = events.get(name);
      expect(row, name).toBeDefined();
      const { members: listed = [], optional = [] } = row ?? {};
      expect(Number.isInteger(t) && t >= 0, `${name} at ${t}`).toBe(true);
      expect(listed, name).toEqual(expect.arrayContaining(Object.keys(members)));
      const required = listed.filter((member) => !optional.includes(member));
      expect(Object.keys(members), name).toEqual(expect.arrayContaining(required));
    }
    expect([...events.keys()].filter((name) => !seen.has(name))).toEqual([]);
  });
});
