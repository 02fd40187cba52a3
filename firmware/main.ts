// SPDX-License-Identifier: MIT
// Entry of the full bundle: everything.
import { ALL_KEYS } from "./wire/config.ts";
import { run } from "./app.ts";
import {
  clock,
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

run(ALL_KEYS, (app) => {
  wifi(app);
  clock(app);
  jobs(app);
  uplink(app, [websocket, http]);
  outbox(app);
  update(app);
  heartbeat(app, {});
  supervisor(app);
  statusPage(app);
  keepalive(app);
});
