// SPDX-License-Identifier: MIT
// What the `connect` and `request` of scripts are given: options and callback, checked and turned
// into an address and the material of TLS, with the interpreter's refusals.
import type { TlsOptions } from "../../network/network.ts";
import { typeName } from "../promises.ts";
import type { ScriptObject } from "./classes.ts";
import type { ModuleHost } from "./index.ts";
import { parseUrl } from "./url.ts";

/** Longest text that is taken for the name of a file instead of a certificate. */
const LONGEST_NAME_CHARS = 100;

/**
 * Options as an object; text is parsed as a URL.
 * @returns null after a line on the console when they are none
 */
export function optionsOf(host: ModuleHost, options: unknown): ScriptObject | null {
  if (typeof options === "string") return host.realm.objectOf(parseUrl(options));
  if (typeof options === "object" && options !== null) return options as ScriptObject;
  host.write(`ERROR: Expecting Options to be an Object but it was ${typeName(options)}\n`);
  return null;
}

/** True for a function; otherwise false, after a line on the console. */
export function isCallback(host: ModuleHost, value: unknown): boolean {
  if (typeof value === "function") return true;
  host.write(`ERROR: Expecting Callback Function but got ${typeName(value)}\n`);
  return false;
}

/** Host and port; `defaultPort` stands for a missing one. */
export function addressOf(
  { realm }: ModuleHost,
  options: ScriptObject,
  defaultPort: number,
): { host: string; port: number } {
  const { host, port } = options;
  return {
    host: host === undefined ? "127.0.0.1" : realm.text(host),
    port: Number(realm.text(port)) & 0xffff || defaultPort,
  };
}

/**
 * What the options say about TLS.
 * @throws the interpreter's error for what is no certificate or key
 */
export function tlsOf(host: ModuleHost, options: ScriptObject): TlsOptions {
  const { realm, globals, profile, write } = host;
  const load = (name: "ca" | "cert" | "key"): string | undefined => {
    const given = options[name];
    if (given === undefined) return undefined;
    if (typeof given === "string" && given.length <= LONGEST_NAME_CHARS) {
      write(`WARNING: File ${JSON.stringify(given)} not found\n`);
      realm.fail("Error", "Could not open file : UNKNOWN");
    }
    const value: unknown = typeof given === "function" ? given.call(realm.global) : given;
    const text =
      typeof value === "string" ? value : Buffer.from(globals.bytes(value)).toString("latin1");
    const isDer = text.startsWith("\x30");
    const isPem = text.startsWith("-----BEGIN ");
    if (!isDer && !(isPem && profile.readsPem)) {
      const parser =
        name === "key" ? "mbedtls_pk_parse_key" : `mbedtls_x509_crt_parse of '${name}'`;
      realm.fail("InternalError", `HTTPS init failed! ${parser}: Invalid format`);
    }
    return text;
  };
  const [ca, cert, key] = [load("ca"), load("cert"), load("key")];
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}
