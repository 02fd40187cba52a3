// SPDX-License-Identifier: MIT
// Entry of the full bundle: everything.
import { ALL_KEYS } from "./wire/config.ts";
import { boot, ready } from "./app.ts";
import {
  clock,
  commands,
  heartbeat,
  http,
  jobs,
  keepalive,
  outbox,
  statusPage,
  supervisor,
  update,
  uplink,
  websocket,
  wifi,
} from "./parts.ts";
import { compactStorage } from "./platform/espruino-update.ts";

// Only at the start may the store be compacted; the board then starts anew.
const app = compactStorage() ? undefined : boot(ALL_KEYS);
if (app) {
  wifi(app);
  clock(app);
  jobs(app);
  uplink(app);
  update(app);
  commands(app);
  websocket(app);
  http(app);
  outbox(app);
  heartbeat(app, {});
  supervisor(app);
  statusPage(app);
  keepalive(app);
  ready(app);
}
