// SPDX-License-Identifier: MIT
// A program for boards: the update service and the configuration in flash, with nothing else of the
// firmware. The Storage file `order` holds the arguments of an update that it begins at its start;
// while `online` is there, it believes that its beats are acknowledged.
import { bundleEntry } from "./entry.ts";

const SOURCE = `
import { createBoard } from "firmware/platform/espruino.ts";
import { compactStorage, runningSlot } from "firmware/platform/espruino-update.ts";
import { keepConfig, loadConfig, tryConfig } from "firmware/core/config-store.ts";
import { createRuntime } from "firmware/core/runtime.ts";
import { createHmac } from "firmware/lib/hmac-sha256.ts";
import { beginUpdate, createUpdate } from "firmware/services/update.ts";
import { ALL_KEYS } from "firmware/wire/config.ts";
import { areUrls, parseUrl } from "firmware/wire/url.ts";
import type { Config } from "firmware/wire/config.ts";
import type { Update } from "firmware/services/update.ts";

const rt = createRuntime(createBoard());

let key = "";

function begin(service: Update, order: string): void {
  const args = JSON.parse(order);
  const mac = createHmac(rt.sha256 as (bytes: string) => string, rt.fromBase64url(key));
  beginUpdate(
    service,
    function (text) {
      return rt.base64url(mac(text));
    },
    parseUrl(args["url"]),
    args,
    function (failure) {
      rt.log("I", "test", "done", "failure=" + failure);
    },
  );
}

function update(config: Config): void {
  key = config.key;
  const before = rt.collect();
  const service = createUpdate(rt, runningSlot(), rt.reboot);
  const vars = before - rt.collect();
  rt.log("I", "test", "runs", "version=VERSION status=" + service.status + " vars=" + vars);
  const order = rt.read("order");
  if (order && service.status === "idle") begin(service, order);
  if (rt.read("online")) {
    service.commit();
    keepConfig(rt);
    rt.log("I", "test", "kept", "status=" + service.status);
  }
}

rt.onFault(function (text) {
  rt.log("E", "app", "fault", text);
});
if (compactStorage()) rt.log("W", "test", "compacts");
else {
  const config = loadConfig(rt, ALL_KEYS, areUrls);
  if (config) {
    tryConfig(rt, rt.reboot);
    update(config);
  } else rt.log("I", "test", "console");
}
`;

/** Bundles it; \`version\` is a word that it says of itself. */
export function updateEntry(version: string): Promise<string> {
  return bundleEntry(SOURCE.replace("VERSION", version));
}
