// SPDX-License-Identifier: MIT
// Entry without MQTT: heartbeats over HTTP and HTTPS.
import { DEVICE_KEYS } from "./wire/config.ts";
import { boot, ready } from "./app.ts";
import { clock, heartbeat, http, uplink, wifi } from "./parts.ts";

const app = boot(DEVICE_KEYS);
if (app) {
  wifi(app);
  clock(app);
  uplink(app);
  http(app);
  heartbeat(app, {});
  ready(app);
}
