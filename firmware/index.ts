// SPDX-License-Identifier: MIT
// What `import ... from "lubdub/firmware"` gives the author of a device: start and end of an entry,
// its parts in the order in which they are added, and the rows of configuration keys that they read.
// docs/reference/authoring.md says what each is for. Not for the firmware itself, whose entries
// import app.ts and parts.ts; not for Node: `npx lubdub build` makes a bundle of it.
// oxlint-disable-next-line typescript/triple-slash-reference -- the declarations that are shipped need it
/// <reference path="./espruino.d.ts" preserve="true" />
export { boot, ready } from "./app.ts";
export type { App, Booted, Service } from "./app.ts";
export {
  clock,
  commands,
  heartbeat,
  http,
  jobs,
  keepalive,
  mqtt,
  outbox,
  publish,
  statusPage,
  subscribe,
  supervisor,
  update,
  uplink,
  websocket,
  wifi,
} from "./parts.ts";
export type { Connected, HeartbeatExtras, Members } from "./parts.ts";
export { indexIn } from "./lib/find.ts";
export { compactStorage } from "./platform/espruino-update.ts";
export { BINARY, TEXT } from "./transport/websocket.ts";
export type { Answer, Args, Handler } from "./services/commands.ts";
export {
  ALL_KEYS,
  DEVICE_KEYS,
  DIAGNOSTICS_KEYS,
  KEEPALIVE_KEYS,
  STATUS_KEYS,
} from "./wire/config.ts";
export type { Config } from "./wire/config.ts";
