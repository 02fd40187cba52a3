// SPDX-License-Identifier: MIT
// Entry for brokers that are reached by WebSocket: MQTT over ws, wss, TCP and TLS.
import { BASE_KEYS, MQTT_KEYS, TIME_KEYS, WIFI_KEYS } from "./wire/config.ts";
import { run } from "./app.ts";
import { clock, heartbeat, uplink, websocket, wifi } from "./parts.ts";

run(BASE_KEYS + MQTT_KEYS + WIFI_KEYS + TIME_KEYS, (app) => {
  wifi(app);
  clock(app);
  uplink(app, [websocket]);
  heartbeat(app, {});
});
