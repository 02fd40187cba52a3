// SPDX-License-Identifier: MIT
// A shop sign with two pictures, over HTTP: the smallest device that obeys. The heartbeat says which
// picture is lit; when the server's answer says `playlist_updated`, the other one is wanted.
// Wiring: a relay between the two lamps at pin D5.
import { DEVICE_KEYS, boot, clock, heartbeat, http, ready, uplink, wifi } from "lubdub/firmware";

let isNight = false;

const app = boot(DEVICE_KEYS);
if (app) {
  wifi(app);
  clock(app);
  uplink(app);
  http(app, () => {
    isNight = !isNight;
    digitalWrite(D5, isNight);
  });
  heartbeat(app, { members: () => ({ current_playlist: isNight ? "night" : "day" }) });
  ready(app);
}
