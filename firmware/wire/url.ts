// SPDX-License-Identifier: MIT
// URLs of brokers and servers, as the configuration has them: `scheme://host[:port][/path]`. User
// info, IPv6 and fragments are not supported. By `indexOf`, because the interpreter's regex engine
// has no optional groups.

/** A parsed URL. */
export interface ParsedUrl {
  /** `mqtt`, `mqtts`, `ws`, `wss`, `http`, `https`. */
  scheme: string;
  host: string;
  port: number;
  /** Starts with `/`, with the query if there is one. */
  path: string;
  /** The scheme asks for TLS. */
  isTls: boolean;
}

const SCHEMES = ["mqtt", "ws", "http", "mqtts", "wss", "https"];
const PORTS = [1883, 80, 80, 8883, 443, 443];

/**
 * Parses a URL.
 * @returns undefined when it is not of the form above; MQTT's own schemes have no path.
 */
export function parseUrl(url: string): ParsedUrl | undefined {
  // oxlint-disable-next-line typescript/no-deprecated -- what is found too much has no host
  const at = url.indexOf("://");
  const index = SCHEMES.indexOf(url.slice(0, Math.max(at, 0)));
  if (index < 0) return undefined;
  const rest = url.slice(at + 3);
  const slash = rest.indexOf("/");
  let host = slash < 0 ? rest : rest.slice(0, slash);
  const path = slash < 0 ? "/" : rest.slice(slash);
  let port = PORTS[index] as number;
  const colon = host.indexOf(":");
  if (colon >= 0) {
    const digits = host.slice(colon + 1);
    port = digits && !/[^0-9]/.test(digits) ? +digits : 0;
    host = host.slice(0, colon);
  }
  const scheme = SCHEMES[index] as string;
  if (!host || /[^A-Za-z0-9._-]/.test(host) || port < 1 || port > 65535) return undefined;
  if (/[^!-~]|#/.test(path) || (path.length > 1 && scheme[0] === "m")) return undefined;
  return { scheme, host, port, path, isTls: index > 2 };
}

/**
 * Tells whether a text is one to four URLs separated by commas. One of HTTP has no query, because the
 * paths of the interface are added to it.
 */
export function areUrls(text: string): boolean {
  const urls = text.split(",");
  for (const url of urls) if (!parseUrl(url) || /^h.*\?/.test(url)) return false;
  return urls.length < 5;
}
