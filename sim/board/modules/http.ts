// SPDX-License-Identifier: MIT
// require("http"): requests from the board (also https) and servers on it.
import { createHttpClient } from "./http-client.ts";
import { createHttpServer } from "./http-server.ts";
import type { ModuleHost } from "./index.ts";

/** Makes the module for one board. */
export function createHttp(host: ModuleHost): object {
  const module = host.realm.object();
  host.realm.define(module, { ...createHttpServer(host), ...createHttpClient(host) });
  return module;
}
