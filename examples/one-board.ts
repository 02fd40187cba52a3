// SPDX-License-Identifier: MIT
// One board with the firmware that would be flashed, a broker, and an hour that takes a blink.
// Shows: a world, its broker, a board with files, console lines, an expression typed on the console.
// Run: npm run build && node --import tsx examples/one-board.ts
import { readFileSync } from "node:fs";
import { World } from "lubdub/sim";

const firmware = readFileSync(new URL("../dist/firmware/lubdub.min.js", import.meta.url), "latin1");
const config = {
  device_id: "kitchen",
  urls: "mqtt://broker",
  wifi_ssid: "home",
  key: Buffer.alloc(32, "an example key").toString("base64url"),
  interval_s: 60,
};

const world = new World({ seed: 1 });
const broker = world.broker("broker");
let beatCount = 0;
let lastBeat = "";
broker.subscribe("devices/+/heartbeat", (_topic, payload) => {
  beatCount++;
  lastBeat = payload.toString();
});
const board = world.board("kitchen", {
  script: firmware,
  files: { "lubdub.json": JSON.stringify(config) },
});

await world.run("1h");

console.log("the console of the board:");
for (const line of board.lines.slice(0, 16)) console.log(`  ${line}`);
console.log(`heartbeats in an hour: ${beatCount}, the last one:`);
console.log(`  ${lastBeat.slice(0, 160)}...`);
console.log(`lubdub.status().state: ${board.show(board.evaluate("lubdub.status().uplink"))}`);
console.log(`the same seed gives the same trace: ${world.trace.hash()}`);
await world.close();
