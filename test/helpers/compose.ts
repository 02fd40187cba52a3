// SPDX-License-Identifier: MIT
// The parts that the firmware tests run: radio, MQTT and heartbeat.
import type { App } from "../../firmware/app.ts";
import { heartbeat, mqtt, uplink, wifi } from "../../firmware/parts.ts";

/** Composes them in the order of the full bundle. */
export function compose(app: App): void {
  wifi(app);
  uplink(app, [mqtt]);
  heartbeat(app, {});
}
