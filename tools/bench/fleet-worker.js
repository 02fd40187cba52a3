// SPDX-License-Identifier: MIT
// A thread with a part of a fleet: says when it is online, runs when it is told, and ends when it is
// told. JavaScript, because it is what teaches its thread TypeScript.
import { once } from "node:events";
import { parentPort, workerData } from "node:worker_threads";
import { register } from "tsx/esm/api";

register();
const { prepareFleet } = await import("./fleet.ts");
const fleet = await prepareFleet(workerData);
// A worker's port, not a window: there is no origin to name.
// oxlint-disable-next-line unicorn/require-post-message-target-origin
parentPort.postMessage("online");
await once(parentPort, "message");
const counts = await fleet.run();
globalThis.gc();
// oxlint-disable-next-line unicorn/require-post-message-target-origin
parentPort.postMessage(counts);
await once(parentPort, "message");
await fleet.close();
parentPort.close();
