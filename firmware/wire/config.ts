// SPDX-License-Identifier: MIT
// The configuration file `lubdub.json`: every key with kind, default and range. One table for the
// board that checks the file and the host that writes it. It is text, which costs the board neither
// memory nor many bytes: a row for each key, its cells separated by one space.
//
//   key kind default min max rule
//
//   kind      i integer, n number, b boolean, s printable ASCII, x the same but secret, d device id,
//             k device key (secret), l log level, t topic, u URLs, w URL of a
//             WebSocket, h time servers, p payload of a keepalive, o token of HTTP, a anything
//   default   as JSON; `!`: the key is required; `-`: there is none
//   min, max  of a number, or of the length of a text
//   rule      `<other`  at most the value of `other` (a row above) unless that is 0
//             `&other`  given together with `other`, or both not
//
// Not for: what the board does when the file is wrong (core/config-store.ts).

import { areUrls } from "./url.ts";

/** Name of the configuration file in the board's Storage. */
export const CONFIG_FILE = "lubdub.json";

/** Keys of identity, tokens, beats and log: of every entry. Rows are separated by `|`. */
export const BASE_KEYS =
  "device_id d - 1 64" +
  "|urls u ! 1 512" +
  "|key k ! 43 256" +
  '|kid s "1" 1 32' +
  '|aud s "lubdub" 1 64' +
  "|interval_s n 30 0.1 86400" +
  "|immediate b false" +
  "|reconnect_spread_s n 10 0.1 300" +
  "|recover_s i 300 30 86400" +
  "|renew b false" +
  "|tls_ca s - 1 4096" +
  "|tls_cert s - 1 4096" +
  "|tls_key x - 1 4096" +
  '|log_level l "I" 1 1';

/** Keys of MQTT; begins with a separator, as all that follow `BASE_KEYS` do. */
export const MQTT_KEYS =
  "|qos i 1 0 2" +
  '|topic_prefix t "devices" 1 128' +
  "|keep_alive_s i 15 0 65535" +
  "|clean_session b false" +
  "|connect_timeout_s n 10 1 120" +
  "|ping_timeout_s n 4 0.5 60 <keep_alive_s" +
  "|ack_timeout_s n 10 0.5 120";

/** Keys of the radio. */
export const WIFI_KEYS = "|wifi_ssid s - 1 32|wifi_password x - 0 64";

/** Keys of the status page. */
export const STATUS_KEYS = "|status_port i - 1 65535";

/** Keys of the time: at most four servers `host[:port]`, comma separated. */
export const TIME_KEYS =
  '|time_servers h "time.cloudflare.com,time.google.com" 0 255|time_interval_s i 14400 64 86400';

/** Key of the diagnostic pair: anything truthy schedules it. */
export const DIAGNOSTICS_KEYS = "|ENABLE_HEARTBEAT a -";

/** Keys of the WebSocket that is kept alive: none of the first three without the others. */
export const KEEPALIVE_KEYS =
  "|keepalive_url w - 6 256 &keepalive_interval_s" +
  "|keepalive_interval_s n - 0.1 86400 &keepalive_payload" +
  "|keepalive_payload p - 1 256 &keepalive_interval_s" +
  "|keepalive_protocol o - 0 64" +
  "|keepalive_pong s - 1 64" +
  "|keepalive_pong_s n 10 0 3600 <keepalive_interval_s" +
  "|keepalive_ping s - 1 64 &keepalive_reply" +
  "|keepalive_reply s - 1 64 &keepalive_ping" +
  "|keepalive_max_bytes i 4096 125 65535";

/** The keys of a device that reports, whatever carries its beats: those of the smaller entries. */
export const DEVICE_KEYS = BASE_KEYS + MQTT_KEYS + WIFI_KEYS + TIME_KEYS;

/** The keys of all entries, in the order of the documentation. */
export const ALL_KEYS =
  BASE_KEYS + MQTT_KEYS + WIFI_KEYS + STATUS_KEYS + TIME_KEYS + DIAGNOSTICS_KEYS + KEEPALIVE_KEYS;

/** A checked configuration; every key present unless its type says otherwise. */
export interface Config {
  /** Device id; derived from the board's serial number when absent. */
  device_id?: string;
  /** URLs of brokers and servers separated by commas, the preferred one first. Required. */
  urls: string;
  /** Device key, base64url of at least 32 bytes. Required. Secret. */
  key: string;
  /** Key id put into each token's header. */
  kid: string;
  /** Audience of the tokens. */
  aud: string;
  /** Seconds between heartbeats. */
  interval_s: number;
  /** QoS of heartbeats, 0 to 2; with 0 those that have to prove something go out with 1. */
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
  /** After so many seconds without a connection the recovery of the network begins. */
  recover_s: number;
  /** End the connection in order and connect anew when the life of its token nears its end. */
  renew: boolean;
  /** Certificate of an authority, own certificate and its key for TLS: DER as base64. The key is secret. */
  tls_ca?: string;
  tls_cert?: string;
  tls_key?: string;
  /** Lowest level that is logged: D, I, W or E. */
  log_level: string;
  /** Access point to join; none: the radio is left as it is. */
  wifi_ssid?: string;
  /** Its password. Secret. */
  wifi_password?: string;
  /** TCP port of the status page; none: there is no page. */
  status_port?: number;
  /** Time servers, `host[:port]` separated by commas; empty: none is asked. */
  time_servers: string;
  /** Seconds between two syncs of the clock. */
  time_interval_s: number;
  /** Truthy: the diagnostic pair is scheduled; it gates nothing else. */
  ENABLE_HEARTBEAT?: unknown;
  /** WebSocket server to keep a connection to, `ws://` or `wss://`; none: the service is off. */
  keepalive_url?: string;
  /** Seconds between its heartbeats. */
  keepalive_interval_s?: number;
  /** What they are: text, `base64url:` and bytes, or `preset:` and a name. */
  keepalive_payload?: string;
  /** Subprotocol that is asked for and that the server must agree to; none or empty: none. */
  keepalive_protocol?: string;
  /** Pattern of the server's answers, instead of the preset's; none: whatever arrives. */
  keepalive_pong?: string;
  /** Bound for the answer, s, at most the interval; 0: none is waited for. */
  keepalive_pong_s: number;
  /** Pattern of the server's own pings. */
  keepalive_ping?: string;
  /** What replaces it in the answer. */
  keepalive_reply?: string;
  /** Longest message that is taken, bytes. */
  keepalive_max_bytes: number;
}

/** Gets one complaint about a key. One that nobody knows comes without the rest. */
export type Complain = (key: string, expected?: string, got?: string) => void;

/**
 * Checks a parsed configuration file; finds all problems at once. It runs once at start: all it
 * needs is made inside it, so that nothing else stays in memory.
 *
 * @param keys the rows that count, e.g. `BASE_KEYS + MQTT_KEYS`
 * @param complain `got` is JSON text, `nothing` when absent, `(secret)` for what may be one
 * @param isUrl tells whether a text is URLs that can be used
 * @returns the values with defaults filled in; usable only when nothing was wrong
 */
export function readConfig(
  raw: { [key: string]: unknown },
  keys: string,
  complain: Complain,
  isUrl: (text: string) => boolean,
): Config {
  const config: { [key: string]: unknown } = {};
  // What was expected; `#` stands for the range.
  const texts: { [kind: string]: string } = {
    i: "integer from #",
    n: "number from #",
    b: "boolean",
    d: "1-64 of A-Za-z0-9_-",
    k: "base64url of 32 bytes or more",
    l: "one of D I W E",
    t: "topic levels without wildcards of # characters",
    u: "1-4 of scheme://host[:port][/path] with commas, no query over HTTP",
    w: "ws:// or wss:// URL",
    h: "0-4 of host[:port] with commas",
    // From the fourth word on the names of services/websocket-keepalive.ts.
    p: "text, base64url:bytes, preset: ping stomp mqtt method event op type",
    o: "token of # characters",
  };
  // What must not be in it; anything but printable ASCII unless the kind has its own.
  const strangers: { [kind: string]: RegExp } = {
    i: /[^\d-]/,
    d: /[^\w-]/,
    k: /[^\w-]/,
    l: /[^DIWE]/,
    t: /[^ -"$-*,-~]|\/$/,
    h: /[^\w.:,-]/,
    // RFC 9110 section 5.6.2.
    o: /[^!#-'*+.^`|~\w-]/,
  };

  function check(cells: string[]): void {
    const key = cells[0] as string;
    const kind = cells[1] as string;
    const fallback = cells[2] as string;
    const value = raw[key] as string;

    function wrong(expected: string): void {
      let got = value === undefined ? "nothing" : JSON.stringify(value);
      // A URL with user info is refused, and it holds a password.
      if (value && (kind === "k" || kind === "x" || got.includes("@"))) got = "(secret)";
      complain(key, expected, got);
    }

    function fits(): boolean {
      if (kind === "a") return true;
      // oxlint-disable-next-line typescript/no-deprecated -- one letter
      const type = kind === "b" ? "boolean" : "in".includes(kind) ? "number" : "string";
      if (typeof value !== type || (strangers[kind] || /[^ -~]/).test("" + raw[key])) return false;
      const size = type === "string" ? value.length : +value;
      if (size < +(cells[3] as string) || size > +(cells[4] as string)) return false;
      if (kind === "h") return !value || isUrl("ws://" + value.split(",").join(",ws://"));
      if (kind === "p") {
        const form = value.split(":")[0] as string;
        const name = value.slice(form.length + 1);
        if (form === "base64url") return name.length > 1 && !/[^\w-]/.test(name);
        return form !== "preset" || (texts[kind] as string).split(" ").indexOf(name) > 2;
      }
      if (kind === "w" && (value[0] !== kind || value.includes(","))) return false;
      return kind === "u" || kind === "w" ? isUrl(value) : kind !== "t" || value[0] !== "/";
    }

    if (value === undefined && fallback !== "!") {
      if (fallback !== "-") config[key] = JSON.parse(fallback);
    } else if (fits()) config[key] = value;
    else
      return wrong(
        (texts[kind] || "text of # characters").replace("#", cells[3] + " to " + cells[4]),
      );
    const rule = cells[5];
    if (!rule) return;
    const other = rule.slice(1);
    const limit = config[other] as number;
    if (rule[0] === "&") {
      if ((value === undefined) !== (raw[other] === undefined)) wrong("together with " + other);
    } else if (limit && +value > limit) wrong("at most " + other + " (" + limit + ")");
  }

  for (const row of keys.split("|")) if (row) check(row.split(" "));
  // oxlint-disable-next-line typescript/no-deprecated -- no key is like the last row
  for (const key of Object.keys(raw)) if (!("|" + keys).includes("|" + key + " ")) complain(key);
  return config as unknown as Config;
}

// ------------------------------------------------------------------- for hosts, not in the bundle

/** One row of the table: kind, default (undefined: none), minimum, maximum. */
export type ConfigRow = [kind: string, value?: unknown, min?: number, max?: number];

function readRows(): { [key in keyof Required<Config>]: ConfigRow } {
  const rows: { [key: string]: ConfigRow } = {};
  for (const row of ALL_KEYS.split("|")) {
    const [key = "", kind = "", fallback = "", min, max] = row.split(" ");
    // oxlint-disable-next-line typescript/no-deprecated -- runs on hosts
    const value: unknown = "!-".includes(fallback) ? undefined : JSON.parse(fallback);
    rows[key] = min === undefined ? [kind, value] : [kind, value, +min, Number(max)];
  }
  return rows as { [key in keyof Required<Config>]: ConfigRow };
}

/** The table by key, in the order of the documentation. */
export const CONFIG = /* @__PURE__ */ readRows();

/** Tells whether the value of a key is never printed. */
export function isSecret(key: string): boolean {
  const row = (CONFIG as { [key: string]: ConfigRow })[key];
  // oxlint-disable-next-line typescript/no-deprecated -- one letter
  return row !== undefined && "kx".includes(row[0]);
}

/** One complaint about a configuration: the key, what was expected, what was there. */
export interface ConfigProblem {
  key: string;
  expected: string;
  /** JSON text of the value, `nothing` when absent, `(secret)` for secrets. */
  got: string;
}

/** A checked configuration with everything that was wrong or unknown in it. */
export interface CheckedConfig {
  /** Defaults filled in; usable only when `problems` is empty. */
  config: Config;
  problems: ConfigProblem[];
  /** Keys that the table does not have. */
  unknown: string[];
}

/** Checks a parsed configuration file against the whole table. */
export function checkConfig(raw: { [key: string]: unknown }): CheckedConfig {
  const problems: ConfigProblem[] = [];
  const unknown: string[] = [];
  const complain: Complain = (key, expected, got) => {
    if (expected === undefined) unknown.push(key);
    else problems.push({ key, expected, got: got as string });
  };
  return { config: readConfig(raw, ALL_KEYS, complain, areUrls), problems, unknown };
}
