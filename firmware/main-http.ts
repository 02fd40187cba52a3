// SPDX-License-Identifier: MIT
// Entry without MQTT: heartbeats over HTTP and HTTPS.
import { BASE_KEYS, MQTT_KEYS, TIME_KEYS, WIFI_KEYS } from "./wire/config.ts";
import { run } from "./app.ts";
import { clock, heartbeat, http, uplink, wifi } from "./parts.ts";

run(BASE_KEYS + MQTT_KEYS + WIFI_KEYS + TIME_KEYS, (app) => {
  wifi(app);
  clock(app);
  uplink(app, [http]);
  heartbeat(app, {});
});
