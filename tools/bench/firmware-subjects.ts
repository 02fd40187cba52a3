// SPDX-License-Identifier: MIT
// What is measured: our bundles, and modules of others from a folder, with the script that a
// developer would write around them to send the same heartbeat. Nothing of those modules is kept.
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { bundleFiles } from "../build-report/bundle.ts";
import { entriesOf } from "../build-report/entries.ts";
import { minifyForBoard } from "../build-report/minify.ts";
import { CONFIG_FILE } from "../../firmware/wire/config.ts";
import { AppError, usageError } from "../lib/errors.ts";
import { DEVICE_ID, KEY, deviceConfig } from "./device-config.ts";
import { FAILURES, failureConfig, failureFiles, HTTP_FAILURES } from "./firmware-failures.ts";
import type { Failure } from "./firmware-failures.ts";
import type { BenchServer, Carrier } from "./firmware-server.ts";

/** What is measured of one program. */
export interface Subject {
  name: string;
  /** Minified bytes. */
  codeBytes: number;
  /** SHA-256 of a bundle; absent for others' modules. */
  sha256?: string;
  /** How it is run; absent: only its size counts. */
  program?: Program;
}

/** A program that sends heartbeats to a server, and how it is put on a board. */
export interface Program {
  carrier: Carrier;
  /** Files in flash when its code runs from there. */
  flash(server: BenchServer, conditions: Conditions): Files;
  /** The script when its code runs from memory, and what is in flash then. */
  memory(server: BenchServer, conditions: Conditions): { script: string; flash: Files };
  /** Which ways of being let down it comes back from at all. */
  failures: readonly Failure[];
  /** What its console says when a connection fails, and when one is made. */
  lines?: { failed: RegExp; online: RegExp };
}

/** What a program is measured under. */
export interface Conditions {
  intervalSec: number;
  /** Bound of a connection, s. */
  connectSec: number;
  /** How it will be let down, where it will. */
  failure?: Failure;
}

interface Files {
  [name: string]: string;
}

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Makes a subject of every bundle that has been built. */
export function bundleSubjects(): Subject[] {
  return entriesOf(ROOT).map(({ name, carriers: [carrier] }) => {
    const file = path.join(ROOT, "dist/firmware", bundleFiles(name).minified);
    if (!existsSync(file))
      throw new AppError("E_BUILD_MISSING", `there is no ${file}: run \`npm run build\` first`);
    const code = readFileSync(file, "latin1");
    const subject: Subject = {
      name,
      codeBytes: code.length,
      sha256: createHash("sha256").update(code, "latin1").digest("hex"),
    };
    if (!carrier) return subject;
    const files = (server: BenchServer, conditions: Conditions): Files => {
      const { intervalSec, connectSec, failure } = conditions;
      const config = {
        ...deviceConfig(server.url, intervalSec, connectSec),
        ...failureConfig(failure, server.url, connectSec),
      };
      return { [CONFIG_FILE]: JSON.stringify(config), ...failureFiles(failure) };
    };
    const program: Program = {
      carrier,
      flash: (server, conditions) => ({ ...files(server, conditions), ".bootcde": code }),
      memory: (server, conditions) => ({ script: code, flash: files(server, conditions) }),
      failures: carrier === "http" ? HTTP_FAILURES : FAILURES,
      lines: { failed: / uplink (failed|refused) /, online: / uplink online / },
    };
    return { ...subject, program };
  });
}

/**
 * A signed heartbeat with the members of ours, but without a hash of the body in its token. The
 * module for HMAC is asked for when it is first needed; reconnecting is left to a timer.
 */
function glueText(port: number, intervalSec: number): string {
  return `
var client = require("MQTT").create("127.0.0.1", { port: ${port}, client_id: "${DEVICE_ID}" });
var mac, seq = 0, started = Date.now(), timer;
function base64url(bytes) {
  return btoa(bytes).replace(/\\+/g, "-").replace(/\\//g, "_").replace(/=/g, "");
}
var head = base64url('{"alg":"HS256","typ":"JWT","kid":"1"}');
function beat() {
  if (!mac) mac = require("hmac").SHA256(E.toArrayBuffer(atob("${KEY.toString("base64")}")));
  seq++;
  var now = Math.floor(Date.now() / 1000);
  var claims = { iss: "${DEVICE_ID}", sub: "${DEVICE_ID}", aud: "lubdub", iat: now, exp: now + 300, boot: 1, seq: seq };
  var input = head + "." + base64url(JSON.stringify(claims));
  var body = {
    device_id: "${DEVICE_ID}", timestamp: new Date().toISOString(), status: "alive", boot: 1, session: 1, seq: seq,
    uptime_ms: Math.floor(Date.now() - started), interval_s: ${intervalSec}, clock: "synced", missed: 0, max_late_ms: 0,
    telemetry: { rssi: -60, rtt_ms: 12, vars: process.memory().usage, reconnects: 0, dropped: 0 },
  };
  body.jwt = input + "." + base64url(mac.digest(E.toArrayBuffer(E.toString(input))));
  client.publish("devices/${DEVICE_ID}/heartbeat", JSON.stringify(body));
}
client.on("connected", function () {
  if (!timer) timer = setInterval(beat, ${intervalSec * 1000});
});
client.on("disconnected", function () { setTimeout(function () { client.connect(); }, 100); });
client.connect();
`;
}

/** Makes the subjects of a folder with the modules MQTT.js, ws.js, hmac.js and sntp.js. */
export async function peerSubjects(folder: string): Promise<Subject[]> {
  const code: { [name: string]: string } = {};
  for (const name of ["MQTT", "ws", "hmac", "sntp"]) {
    const file = path.join(folder, `${name}.js`);
    if (!existsSync(file)) throw usageError(`there is no ${name}.js in ${folder}`);
    code[name] = await minified(readFileSync(file, "latin1"), name);
  }
  const { MQTT = "", hmac = "" } = code;
  const all = Object.values(code).join("");
  return [
    {
      name: "MQTT + hmac + glue",
      codeBytes: MQTT.length + hmac.length,
      program: {
        carrier: "mqtt",
        flash: (server, { intervalSec }) => ({
          MQTT,
          hmac,
          ".bootcde": glueText(server.port, intervalSec),
        }),
        memory: (server, { intervalSec }) => ({
          script:
            `Modules.addCached("MQTT",${JSON.stringify(MQTT)});` +
            `Modules.addCached("hmac",${JSON.stringify(hmac)});` +
            glueText(server.port, intervalSec),
          flash: {},
        }),
        // An end before CONNACK it notices after ten seconds, and a refusal never.
        failures: ["refused", "dropped"],
      },
    },
    { name: "MQTT + ws + hmac + sntp", codeBytes: all.length },
  ];
}

async function minified(text: string, name: string): Promise<string> {
  const map = JSON.stringify({ version: 3, sources: [name], names: [], mappings: "" });
  return (await minifyForBoard(text, map, `${name}.js`)).code;
}
