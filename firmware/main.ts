// SPDX-License-Identifier: MIT
// Entry of the full bundle.
import { ALL_KEYS } from "./wire/config.ts";
import { run } from "./app.ts";
import { heartbeat, mqtt, uplink, wifi } from "./parts.ts";

run(ALL_KEYS, (app) => {
  wifi(app);
  uplink(app, [mqtt]);
  heartbeat(app, {});
});
