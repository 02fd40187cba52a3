// SPDX-License-Identifier: MIT
// Entry for brokers that are reached by WebSocket: MQTT over ws, wss, TCP and TLS.
import { DEVICE_KEYS } from "./wire/config.ts";
import { boot, ready } from "./app.ts";
import { clock, heartbeat, uplink, websocket, wifi } from "./parts.ts";

const app = boot(DEVICE_KEYS);
if (app) {
  wifi(app);
  clock(app);
  uplink(app);
  websocket(app);
  heartbeat(app, {});
  ready(app);
}
