// SPDX-License-Identifier: MIT
// A flow meter with a valve, over MQTT. Each minute of the clock a job publishes what has flowed
// (`devices/<id>/flow`), the heartbeat carries the sum, and `devices/<id>/valve` opens and shuts.
// Its own key `pulses_per_litre` stands in lubdub.json beside the others.
// Wiring: the meter's pulses at pin D27, the valve at pin D26.
import {
  DEVICE_KEYS,
  boot,
  clock,
  heartbeat,
  jobs,
  mqtt,
  publish,
  ready,
  subscribe,
  uplink,
  wifi,
} from "lubdub/firmware";

let pulses = 0;
let total = 0;
let isOpen = false;

const app = boot<{ pulses_per_litre: number }>(DEVICE_KEYS + "|pulses_per_litre i 450 1 10000");
if (app) {
  const { pulses_per_litre } = app.config;
  const litres = (count: number): number => Math.round((count / pulses_per_litre) * 1000) / 1000;

  wifi(app);
  clock(app);
  uplink(app);
  // Nobody has signed this: what must not be forged is a command.
  subscribe(app, "valve", (text) => {
    isOpen = text === "open";
    digitalWrite(D26, isOpen);
  });
  mqtt(app);
  heartbeat(app, { members: () => ({ litres_total: litres(total), valve_open: isOpen }) });
  jobs(app).every("flow", 1, () => {
    publish(app, "flow", JSON.stringify({ litres: litres(pulses) }));
    pulses = 0;
  });
  ready(app);
  setWatch(
    () => {
      pulses++;
      total++;
    },
    D27,
    { repeat: true, edge: "rising" },
  );
}
