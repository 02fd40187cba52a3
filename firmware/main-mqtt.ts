// SPDX-License-Identifier: MIT
// Entry of the smallest bundle that is whole: MQTT over TCP and TLS, tokens, time, Wi-Fi, heartbeat.
import { BASE_KEYS, MQTT_KEYS, TIME_KEYS, WIFI_KEYS } from "./wire/config.ts";
import { run } from "./app.ts";
import { clock, heartbeat, mqtt, uplink, wifi } from "./parts.ts";

run(BASE_KEYS + MQTT_KEYS + WIFI_KEYS + TIME_KEYS, (app) => {
  wifi(app);
  clock(app);
  uplink(app, [mqtt]);
  heartbeat(app, {});
});
