// SPDX-License-Identifier: MIT
// A program for boards: the HTTP carrier and the status page, with nothing else of the firmware. It
// posts one beat after the other and, as the uplink would, opens the link again a second after it
// failed. Its settings are the Storage file `settings`.
import { bundleEntry } from "./entry.ts";

/** What a test sets. */
export interface HttpEntrySettings {
  scheme: "http" | "https";
  host: string;
  port: number;
  path: string;
  /** Beats to post, and the pause between them, ms. */
  beats: number;
  pauseMs: number;
  /** Port of the status page; none unless given. */
  statusPort?: number;
}

const SOURCE = `
import { createBoard } from "firmware/platform/espruino.ts";
import { listen } from "firmware/platform/espruino-server.ts";
import { createRuntime } from "firmware/core/runtime.ts";
import { createHttpLink } from "firmware/http/link.ts";
import { createStatusServer } from "firmware/services/status-server.ts";
import type { LinkTarget } from "firmware/transport/link.ts";

const board = createBoard();
board.listen = listen;
const rt = createRuntime(board);
rt.onFault(function (text) {
  rt.log("E", "app", "fault", text);
});
const settings = JSON.parse(rt.read("settings") as string);
const target: LinkTarget = {
  scheme: settings["scheme"],
  host: settings["host"],
  port: settings["port"],
  path: settings["path"],
};
if (target.scheme === "https") target.tls = {};
const slot = rt.newSlot();
const again = rt.newSlot();
let acked = 0;
let dropped = 0;
let fails = 0;
let seq = 0;
let left = settings["beats"];

const link = createHttpLink(
  rt,
  {
    identity: { id: "dut", session: 0 },
    waitMs: 5000,
    seal: function (body, claims) {
      return body.slice(0, -1) + ',"jwt":"' + claims + '"}';
    },
    token: function () {
      return "a-token";
    },
  },
  {
    onOnline: function () {
      rt.log("I", "test", "online");
    },
    onFail: function (failure, isRefused, leastMs) {
      fails++;
      rt.log("W", "test", "fail", failure + " refused=" + isRefused + " least_ms=" + leastMs);
      link.close();
      rt.arm(again, 1000 + (leastMs || 0), function () {
        link.open(target);
      });
    },
    onMessage: function (topic, payload) {
      rt.log("I", "test", topic, payload);
    },
    onTime: function (wallMs) {
      rt.setWall(wallMs, "plausible");
    },
  },
);

function beat(): void {
  if (!left) {
    rt.log("I", "test", "finished");
    return;
  }
  left--;
  seq++;
  link.publish(
    { topic: "t", body: '{"device_id":"dut","seq":' + seq + "}", qos: 1, claims: "" + seq },
    function (failure) {
      if (failure) {
        dropped++;
        rt.log("W", "test", "dropped", failure);
      } else acked++;
      rt.arm(slot, settings["pauseMs"], beat);
    },
  );
}

const statusServer =
  settings["statusPort"] &&
  createStatusServer(rt, settings["statusPort"], function () {
    return { status: fails ? "degraded" : "alive", seq };
  });
rt.expose("count", function () {
  return [acked, dropped, fails, seq].join();
});
rt.expose("more", function (beats: number) {
  left = beats;
  beat();
});
rt.expose("pause", function () {
  rt.disarm(slot);
  rt.disarm(again);
  link.close();
});
rt.expose("resume", function () {
  link.open(target);
});
rt.expose("stopServer", function () {
  statusServer.stop();
});
rt.expose("wall", rt.wallMs);
// Another message than a beat, more beats than may wait, and then the end of all of them.
rt.expose("giveUp", function () {
  const told: string[] = [];
  const tell = function (failure: string | undefined) {
    told.push((failure || "ok").split(" ")[0] as string);
  };
  link.close();
  link.publish({ topic: "t", body: "{}", qos: 1 }, tell);
  for (let i = 0; i < 5; i++) link.publish({ topic: "t", body: "{}", qos: 1, claims: "" + (90 + i) }, tell);
  link.stop(function () {
    told.push("stopped");
  });
  link.abandon();
  return told.join() + " " + link.isOnline();
});
link.open(target);
beat();
rt.log("I", "app", "ready");
`;

let bundle: Promise<string> | undefined;

/** Bundles it, once. */
export function httpEntry(): Promise<string> {
  bundle ??= bundleEntry(SOURCE);
  return bundle;
}

/** The files of a board that runs it. */
export function httpFiles(settings: HttpEntrySettings): { [name: string]: string } {
  return { settings: JSON.stringify(settings) };
}
