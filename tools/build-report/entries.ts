// SPDX-License-Identifier: MIT
// The bundles that a build makes: one per entry of the firmware that is there. Not for how one is
// made (bundle.ts).
import { existsSync } from "node:fs";
import path from "node:path";

/** One bundle for boards. */
export interface Entry {
  /** Name of its files in dist/firmware, without their endings. */
  name: string;
  /** First module, relative to the project. */
  file: string;
  /**
   * What it can talk to: MQTT over TCP, MQTT in WebSocket, HTTP. The first is the one that it is
   * measured with.
   */
  carriers: readonly ("mqtt" | "ws" | "http")[];
}

/** All of them, the whole firmware first. */
const ENTRIES: readonly Entry[] = [
  { name: "lubdub", file: "firmware/main.ts", carriers: ["mqtt", "ws", "http"] },
  { name: "lubdub-mqtt", file: "firmware/main-mqtt.ts", carriers: ["mqtt"] },
  { name: "lubdub-websocket", file: "firmware/main-websocket.ts", carriers: ["ws", "mqtt"] },
  { name: "lubdub-http", file: "firmware/main-http.ts", carriers: ["http"] },
  { name: "loader", file: "firmware/loader.ts", carriers: [] },
];

/**
 * Lists the entries whose first module is there.
 * @param root absolute project folder.
 */
export function entriesOf(root: string): Entry[] {
  return ENTRIES.filter(({ file }) => existsSync(path.join(root, file)));
}
