// SPDX-License-Identifier: MIT
// The controller of a digital-signage player. Its heartbeat says what is on, what room and network
// are like and which version runs; the signed command `play` puts another playlist on, and it is on
// again after a power cut. Reports by MQTT, or by HTTP where a URL says so.
// Wiring: the player's "next playlist" input at pin D2.
import {
  DEVICE_KEYS,
  boot,
  clock,
  commands,
  heartbeat,
  http,
  mqtt,
  ready,
  supervisor,
  uplink,
  wifi,
} from "lubdub/firmware";
import type { Answer, Args } from "lubdub/firmware";

const PLAYER_VERSION = "4.2.0";
const STORE_LOW_BYTES = 16384;

const storage = require("Storage");
let playlist = storage.read("playlist") || "welcome";

function play(args: Args, answer: Answer): void {
  const name = args["playlist"];
  if (typeof name !== "string" || name.length < 1 || name.length > 32)
    return answer("E_COMMAND_ARGS key=playlist");
  storage.write("playlist", name);
  playlist = name;
  digitalPulse(D2, true, 20);
  return answer(undefined, { current_playlist: playlist });
}

const app = boot(DEVICE_KEYS);
if (app) {
  wifi(app);
  clock(app);
  uplink(app);
  commands(app, { play });
  mqtt(app);
  http(app);
  heartbeat(app, {
    members: () => ({
      current_playlist: playlist,
      storage_status: storage.getFree() < STORE_LOW_BYTES ? "low" : "ok",
      network_status: app.wifi ? app.wifi.status : "wired",
      player_version: PLAYER_VERSION,
    }),
  });
  supervisor(app);
  ready(app);
}
