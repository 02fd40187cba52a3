// SPDX-License-Identifier: MIT
// Entry of the bundle: reads and checks the configuration, builds the app on the real board, starts
// it. Whatever is wrong with the configuration is logged and the board stays on its console.
import { CONFIG_FILE, checkConfig } from "./wire/config.ts";
import type { Config } from "./wire/config.ts";
import { LUBDUB_VERSION } from "./wire/version.ts";
import { createLogger, quoted } from "./core/logger.ts";
import type { Logger } from "./core/logger.ts";
import { createApp } from "./app.ts";
import { createEspruino } from "./platform/espruino.ts";

function readConfig(text: string | undefined, log: Logger): Config | undefined {
  let raw: unknown;
  try {
    raw = text && JSON.parse(text);
  } catch {
    raw = undefined;
  }
  if (!raw || typeof raw !== "object") {
    log.error("config", "unusable", "code=E_CONFIG file=" + CONFIG_FILE);
    return undefined;
  }
  const checked = checkConfig(raw as { [key: string]: unknown });
  for (const key of checked.unknown) log.warn("config", "unknown-key", "key=" + quoted(key));
  for (const p of checked.problems) {
    const detail = "key=" + p.key + " expected=" + quoted(p.expected) + " got=" + quoted(p.got);
    log.error("config", "wrong", detail);
  }
  return checked.problems.length ? undefined : checked.config;
}

function main(): void {
  const platform = createEspruino();
  const { clock, system, hash } = platform;
  const early = createLogger(clock, system.print, "I");
  const version = "version=" + LUBDUB_VERSION + " interpreter=" + system.version();
  early.info("app", "boot", version);
  const config = readConfig(platform.store.read(CONFIG_FILE), early);
  if (!config) return;
  const log = createLogger(clock, system.print, config.log_level);
  system.onFault((text) => log.error("app", "fault", "text=" + quoted(text)));
  if (!hash) return log.error("app", "unusable", "code=E_HASH_NONE");
  const app = createApp(platform, hash, config, log);
  system.expose("lubdub", app);
  app.start();
}

main();
