// SPDX-License-Identifier: MIT
// The configuration file `lubdub.json`: every key with kind, default and range. One table for the
// board that checks the file and the host that writes it. Texts for people are in `README.md`.

/** Name of the configuration file in the board's Storage. */
export const CONFIG_FILE = "lubdub.json";

/** Kind of a value. `url`, `id`, `key` and `topic` are strings with a form of their own. */
export type ConfigKind = "int" | "num" | "bool" | "str" | "url" | "id" | "key" | "topic" | "level";

/** One row of the table: kind, default (undefined: none), minimum, maximum. */
export type ConfigRow = [kind: ConfigKind, value?: unknown, min?: number, max?: number];

/** A checked configuration; every key present unless its type says otherwise. */
export interface Config {
  /** Device id; derived from the board's serial number when absent. */
  device_id?: string;
  /** Broker, `mqtt://host[:port]`. Required. */
  mqtt_url: string;
  /** Device key, base64url of at least 32 bytes. Required. Secret. */
  key: string;
  /** Key id put into each token's header. */
  kid: string;
  /** Audience of the tokens. */
  aud: string;
  /** Seconds between heartbeats. */
  interval_s: number;
  /** QoS of heartbeats, 0 or 1. */
  qos: number;
  /** Send one heartbeat at once at start. */
  immediate: boolean;
  /** First levels of all topics. */
  topic_prefix: string;
  /** MQTT Keep Alive, s; 0 switches it off. */
  keep_alive_s: number;
  /** MQTT clean session. */
  clean_session: boolean;
  /** Bound from opening the socket to CONNACK, s. */
  connect_timeout_s: number;
  /** Bound for PINGRESP, s; what is above three quarters of Keep Alive counts as that. */
  ping_timeout_s: number;
  /** Bound for PUBACK and SUBACK, s. */
  ack_timeout_s: number;
  /** First window of the reconnect jitter, s. */
  reconnect_spread_s: number;
  /** Lowest level that is logged: D, I, W or E. */
  log_level: string;
  /** Access point to join; none: the radio is left as it is. */
  wifi_ssid?: string;
  /** Its password. Secret. */
  wifi_password?: string;
}

/** The table. The order is the order of the documentation. */
export const CONFIG: { [key in keyof Required<Config>]: ConfigRow } = {
  device_id: ["id"],
  mqtt_url: ["url"],
  key: ["key"],
  kid: ["str", "1", 1, 32],
  aud: ["str", "lubdub", 1, 64],
  interval_s: ["num", 30, 0.1, 86400],
  qos: ["int", 1, 0, 1],
  immediate: ["bool", false],
  topic_prefix: ["topic", "devices", 1, 128],
  keep_alive_s: ["int", 15, 0, 65535],
  clean_session: ["bool", false],
  connect_timeout_s: ["num", 10, 1, 120],
  ping_timeout_s: ["num", 4, 0.5, 60],
  ack_timeout_s: ["num", 10, 0.5, 120],
  reconnect_spread_s: ["num", 10, 0.1, 300],
  log_level: ["level", "I"],
  wifi_ssid: ["str", undefined, 1, 32],
  wifi_password: ["str", undefined, 0, 64],
};

/** Tells whether the value of a key is never printed. */
export function isSecret(key: string): boolean {
  return key === "key" || key === "wifi_password";
}

/** One complaint about a configuration: the key, what was expected, what was there. */
export interface ConfigProblem {
  key: string;
  expected: string;
  /** JSON text of the value, `nothing` when absent, `(secret)` for secrets. */
  got: string;
}

const KIND_TEXT: { [kind in ConfigKind]: string } = {
  int: "integer",
  num: "number",
  bool: "boolean",
  str: "text",
  url: "mqtt://host[:port]",
  id: "1-64 of A-Za-z0-9_-",
  key: "base64url of 32 bytes or more",
  topic: "topic levels without wildcards",
  level: "one of D I W E",
};

/** Host and port of a broker URL. */
export interface BrokerAddress {
  host: string;
  port: number;
}

/**
 * Parses `mqtt://host[:port]`, port 1883 unless given; user info, path and IPv6 are not supported.
 * By `indexOf`, because the interpreter's regex engine has no optional groups.
 * @returns undefined when the URL is not of that form.
 */
export function parseBrokerUrl(url: string): BrokerAddress | undefined {
  if (!url.startsWith("mqtt://")) return undefined;
  let host = url.slice(7);
  if (host.endsWith("/")) host = host.slice(0, -1);
  let port = 1883;
  const colon = host.indexOf(":");
  if (colon >= 0) {
    const digits = host.slice(colon + 1);
    if (!digits || /[^0-9]/.test(digits)) return undefined;
    port = +digits;
    host = host.slice(0, colon);
  }
  if (!host || /[^A-Za-z0-9._-]/.test(host) || port < 1 || port > 65535) return undefined;
  return { host, port };
}

function fits(row: ConfigRow, value: unknown): boolean {
  const kind = row[0];
  if (kind === "bool") return typeof value === "boolean";
  if (kind === "int" || kind === "num") {
    if (typeof value !== "number" || !isFinite(value)) return false;
    if (kind === "int" && Math.floor(value) !== value) return false;
    return value >= (row[2] as number) && value <= (row[3] as number);
  }
  if (typeof value !== "string") return false;
  // Printable ASCII only: a string is bytes on the board, and log lines are ASCII.
  if (/[^ -~]/.test(value)) return false;
  if (kind === "url") return !!parseBrokerUrl(value);
  if (kind === "id") return value.length > 0 && value.length <= 64 && !/[^A-Za-z0-9_-]/.test(value);
  if (kind === "key") return value.length >= 43 && !/[^A-Za-z0-9_-]/.test(value);
  if (kind === "level") return value.length === 1 && "DIWE".indexOf(value) >= 0;
  if (kind === "topic" && (/[+#]/.test(value) || value.startsWith("/") || value.endsWith("/")))
    return false;
  return value.length >= (row[2] as number) && value.length <= (row[3] as number);
}

function expectedText(row: ConfigRow): string {
  const kind = row[0];
  const text = KIND_TEXT[kind];
  if (row[2] === undefined) return text;
  const unit = kind === "str" || kind === "topic" ? " of " : " from ";
  return text + unit + row[2] + " to " + row[3] + (unit === " of " ? " characters" : "");
}

/** A checked configuration with everything that was wrong or unknown in it. */
export interface CheckedConfig {
  /** Defaults filled in; usable only when `problems` is empty. */
  config: Config;
  problems: ConfigProblem[];
  /** Keys that the table does not have. */
  unknown: string[];
}

/** Checks a parsed configuration file against the table; finds all problems at once. */
export function checkConfig(raw: { [key: string]: unknown }): CheckedConfig {
  const config: { [key: string]: unknown } = {};
  const problems: ConfigProblem[] = [];
  const rows = CONFIG as { [key: string]: ConfigRow };
  const known = Object.keys(rows);
  for (const key of known) {
    const row = rows[key] as ConfigRow;
    const value = raw[key];
    if (value === undefined) {
      config[key] = row[1];
      if (key === "mqtt_url" || key === "key")
        problems.push({ key, expected: KIND_TEXT[row[0]], got: "nothing" });
    } else {
      config[key] = value;
      if (!fits(row, value)) {
        let got = JSON.stringify(value);
        // A URL with user info is refused, and it holds a password.
        if (isSecret(key) || got.indexOf("@") >= 0) got = "(secret)";
        problems.push({ key, expected: expectedText(row), got });
      }
    }
  }
  const pingSec = raw["ping_timeout_s"];
  const aliveSec = config["keep_alive_s"];
  // A deadline above the interval never finds a dead peer; the default one is capped instead.
  const areNumbers = typeof pingSec === "number" && typeof aliveSec === "number";
  if (areNumbers && aliveSec > 0 && pingSec > aliveSec)
    problems.push({
      key: "ping_timeout_s",
      expected: "at most keep_alive_s (" + aliveSec + ")",
      got: "" + pingSec,
    });
  const unknown = Object.keys(raw).filter((key) => known.indexOf(key) < 0);
  return { config: config as unknown as Config, problems, unknown };
}
