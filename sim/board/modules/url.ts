// SPDX-License-Identifier: MIT
// Addresses as scripts give them to net, tls and http: an object, or text that is taken apart as
// the interpreter's `url.parse` does, which knows neither user names nor fragments and wants the
// two slashes of a protocol: in "host:1883" everything is the name.
import type { Realm } from "../realm.ts";

/** Members of a parsed URL. */
export interface UrlParts {
  protocol?: string;
  method: "GET";
  host: string;
  path: string;
  pathname: string;
  search: string | null;
  port: number | null;
  query: string | null;
}

/** Takes a URL apart. */
export function parseUrl(url: string): UrlParts {
  // The protocol ends at the first pair of slashes with one colon before it.
  const head = /^[^:/]*:[^:/]*\/[^:/]*\//.exec(url)?.[0] ?? "";
  const rest = url.slice(head.length);
  const slash = rest.indexOf("/");
  const authority = slash < 0 ? rest : rest.slice(0, slash);
  const path = slash < 0 ? "" : rest.slice(slash);
  // The name ends at the last colon, the port is made of all digits behind the first.
  const colon = head === "" ? -1 : authority.lastIndexOf(":");
  const digits = authority.slice(authority.indexOf(":")).replace(/\D/g, "");
  const port = colon < 0 ? 0 : Number(digits);
  const question = path.lastIndexOf("?");
  const search = question < 0 ? null : path.slice(question);
  return {
    ...(head === "" ? {} : { protocol: head.slice(0, -2) }),
    method: "GET",
    host: colon < 0 ? authority : authority.slice(0, colon),
    path: path || "/",
    pathname: (question < 0 ? path : path.slice(0, question)) || "/",
    search,
    port: port > 0 && port <= 65535 ? port : null,
    query: search === null ? null : search.slice(1),
  };
}

/** Members of a query; values of what has no "=" are empty. */
export function parseQuery(query: string): Record<string, string> {
  const decoded = (text: string): string =>
    text.replace(/%(..)/gs, (_, code: string) => String.fromCharCode(parseInt(code, 16) || 0));
  const found: Record<string, string> = {};
  for (const pair of query.split("&")) {
    const [key = "", ...values] = pair.split("=");
    const value = values.join("=");
    const isFirst = !Object.hasOwn(found, decoded(key));
    if (isFirst && key + value !== "") found[decoded(key)] = decoded(value);
  }
  return found;
}

/** Makes the global `url`. */
export function createUrl(realm: Realm): object {
  const url = realm.object();
  realm.define(url, {
    parse: (text: unknown, withQuery?: unknown) => {
      if (typeof text !== "string") return undefined;
      const parts = realm.objectOf(parseUrl(text));
      if (withQuery && typeof parts["query"] === "string") {
        parts["query"] = realm.objectOf(parseQuery(parts["query"]));
      }
      return parts;
    },
  });
  return url;
}
