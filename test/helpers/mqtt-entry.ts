// SPDX-License-Identifier: MIT
// A program for boards: the MQTT client over TCP with nothing else of the firmware. It connects,
// connects again after 200 ms when it fails, and tells on the console what happens. Its settings are
// the Storage file `settings`; the console publishes with `say`.
import type { MqttConfig } from "../../firmware/mqtt/client.ts";
import { bundleEntry } from "./entry.ts";

/** What a test sets. */
export interface MqttEntrySettings extends MqttConfig {
  host: string;
  port: number;
}

const SOURCE = `
import { createBoard } from "firmware/platform/espruino.ts";
import { createRuntime } from "firmware/core/runtime.ts";
import { createMqttLink } from "firmware/mqtt/client.ts";

const rt = createRuntime(createBoard());
rt.onFault(function (text) {
  rt.log("E", "app", "fault", text);
});
const settings = JSON.parse(rt.read("settings") as string);
const slot = rt.newSlot();
const owner = {
  dial: rt.connect,
  hello: function () {
    return { id: "mqtt-board", token: "token", willTopic: "board/will", willPayload: "gone" };
  },
  seal: function (body: string, claims: string) {
    return body + " " + claims;
  },
  topicFilters: ["board/in", "board/more"],
  filterQos: 2,
  onOnline: function (detail: string) {
    rt.log("I", "test", "online", detail);
  },
  onFail: function (failure: string) {
    rt.log("I", "test", "fail", failure);
    link.close();
    rt.arm(slot, 200, open);
  },
  onMessage: function (topic: string, payload: string) {
    rt.log("I", "test", "message", topic + " " + payload);
  },
};
let cost = rt.collect();
const link = createMqttLink(rt, settings, owner);
cost -= rt.collect();

function open(): void {
  link.open({ scheme: "mqtt", path: "/", host: settings["host"], port: settings["port"] });
}

rt.expose("say", function (qos: number, body: string, isOwn: boolean) {
  link.publish({ topic: "board/out", body, qos, retain: !!isOwn, claims: "7" }, function (failure) {
    rt.log("I", "test", "done", body + " " + (failure || "ok"));
  });
});
rt.expose("stop", function () {
  rt.disarm(slot);
  link.stop(function () {
    link.abandon();
    rt.log("I", "test", "stopped");
  });
});
rt.expose("start", open);
// JsVars in use now, and what the client took when it was created.
rt.expose("vars", function () {
  rt.collect();
  return rt.varsInUse() + " " + cost;
});
rt.log("I", "test", "ready");
open();
`;

let bundle: Promise<string> | undefined;

/** Bundles it, once. */
export function mqttEntry(): Promise<string> {
  bundle ??= bundleEntry(SOURCE);
  return bundle;
}

/** The files of a board that runs it. */
export function mqttFiles(settings: Partial<MqttEntrySettings> & { port: number }): {
  [name: string]: string;
} {
  return {
    settings: JSON.stringify({
      host: "127.0.0.1",
      keep_alive_s: 15,
      ping_timeout_s: 4,
      ack_timeout_s: 10,
      clean_session: false,
      ...settings,
    }),
  };
}
