// SPDX-License-Identifier: MIT
// Entry of the smallest bundle that is whole: MQTT over TCP and TLS, tokens, time, Wi-Fi, heartbeat.
import { DEVICE_KEYS } from "./wire/config.ts";
import { boot, ready } from "./app.ts";
import { clock, heartbeat, mqtt, uplink, wifi } from "./parts.ts";

const app = boot(DEVICE_KEYS);
if (app) {
  wifi(app);
  clock(app);
  uplink(app);
  mqtt(app);
  heartbeat(app, {});
  ready(app);
}
