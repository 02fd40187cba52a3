// SPDX-License-Identifier: MIT
// Ten boards go through an hour with faults, and the trace is asked what came of it.
// Shows: a fault plan, assertions on the trace, and the trace as a file that can be drawn.
// Run: npm run build && node --import tsx examples/fleet-with-faults.ts fleet.jsonl
//      node tools/lubdub.js sim plot fleet.jsonl --out fleet.svg
import { readFileSync, writeFileSync } from "node:fs";
import { World, traceLine } from "lubdub/sim";

const firmware = readFileSync(new URL("../dist/firmware/lubdub.min.js", import.meta.url), "latin1");
const names = Array.from({ length: 10 }, (_, i) => `dev-${i + 1}`);

const world = new World({ seed: 7 });
world.broker("broker");
for (const name of names) {
  const config = {
    device_id: name,
    urls: "mqtt://broker",
    wifi_ssid: "home",
    key: Buffer.alloc(32, name).toString("base64url"),
    interval_s: 30,
  };
  world.board(name, { script: firmware, files: { "lubdub.json": JSON.stringify(config) } });
}
world.plan([
  { at: "5m", for: "3m", fault: "wifi-drop", target: "dev-*" },
  { at: "15m", for: "5m", fault: "broker-restart" },
  { at: "25m", for: "5m", fault: "partition", target: "dev-3" },
  { at: "30m", for: "10m", fault: "latency", target: "dev-4", delay_ms: 400 },
  { at: "40m", for: "2m", fault: "power-cut", target: "dev-5" },
]);

await world.run("1h");

const broker = "broker/broker";
for (const name of names) {
  // Nobody is left behind: ten minutes after the last fault everybody still reports.
  world.check.expect({ on: broker, ev: "publish", client: name, after: "50m" }, { atLeast: 19 });
}
// Only the board whose power was cut has booted twice, and no script has failed.
world.check.expect({ on: "board/dev-5", ev: "boot" }, { atLeast: 2, atMost: 2 });
world.check.expect({ on: "board/dev-3", ev: "boot" }, { atMost: 1 });
world.check.expectNone({ ev: "uncaught" });

const lostAt = world.check.first({ on: broker, ev: "close", client: "dev-3", after: "25m" });
const backAt = world.check.first({ on: broker, ev: "connect", client: "dev-3", after: "25m" });
const outageSec = ((backAt?.t ?? 0) - (lostAt?.t ?? 0)) / 1_000_000;
console.log(`the broker missed dev-3 for ${outageSec.toFixed(1)} s`);
console.log(`${world.trace.count} rows, trace ${world.trace.hash()}`);

const [, , traceFile] = process.argv;
if (traceFile) writeFileSync(traceFile, world.trace.rows.map(traceLine).join(""));
await world.close();
