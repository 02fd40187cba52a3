// SPDX-License-Identifier: MIT
// The ways in which a board is let down while it is measured, and what its configuration and its
// flash need for that. What servers do is in firmware-server.ts.

/** Every way, in the order in which a connection can meet them. */
export const FAILURES = [
  "wifi", // the access point is gone
  "dns", // a name that cannot be resolved
  "refused", // nobody listens
  "tls", // the server does not speak TLS
  "closed", // an orderly end instead of an answer
  "silent", // no answer
  "drip", // an answer a byte at a time, too slow
  "cut", // half of the answer, then a reset
  "garbage", // an answer that is none
  "rejected", // credentials that are not taken: CONNACK 5, status 401
  "dropped", // an orderly end while it is online; over HTTP in the middle of an answer
  "half-open", // online, and nothing gets through any more
] as const;

/** One of them. */
export type Failure = (typeof FAILURES)[number];

/** How many URLs that fail stand before the good one, where the URL is what fails. */
const BAD_URLS = 3;

/** How many failures one beginning brings; those that are not here last until they are healed. */
export const FAILURES_AT_ONCE: { readonly [failure in Failure]?: number } = {
  wifi: 1,
  // The end of the good connection is the first.
  dns: 1 + BAD_URLS,
  tls: 1 + BAD_URLS,
  dropped: 1,
  "half-open": 1,
};

/** Over HTTP every beat has a connection of its own, so that none is left half open. */
export const HTTP_FAILURES = FAILURES.filter((failure) => failure !== "half-open");

/** File in a board's folder that says whether its access point is there: `1` or `0`. */
export const RADIO_FILE = "radio";

/** A radio for a process that has none: its access point comes and goes as a file says. */
const WIFI_MODULE = `var w=exports,ip="0.0.0.0",join;
w.getIP=function(){return{ip:ip}};
w.getStatus=function(){return{rssi:-60}};
w.getHostByName=function(host,f){f(host)};
w.disconnect=function(){ip="0.0.0.0"};
w.connect=function(ssid,o,f){join=f};
setInterval(function(){
var f=join,isThere=require("fs").readFileSync("${RADIO_FILE}")=="1";
if(isThere&&f){join=undefined;ip="127.0.0.1";w.emit("connected",{ip:ip});f(null)}
if(!isThere&&ip!="0.0.0.0"){ip="0.0.0.0";w.emit("disconnected",{reason:"8"})}
},100);`;

/**
 * Tells what a board's configuration has, beside the usual, for a failure to be possible.
 * @param url of its server.
 * @param connectSec bound of its connections, s.
 */
export function failureConfig(
  failure: Failure | undefined,
  url: string,
  connectSec: number,
): { [key: string]: unknown } {
  const behind = (bad: string): object => ({ urls: `${`${bad},`.repeat(BAD_URLS)}${url}` });
  switch (failure) {
    case "wifi":
      return { wifi_ssid: "bench" };
    case "dns":
      // An empty label: no resolver is asked, so that it fails the same everywhere.
      return { ...behind(url.replace(/\/\/.*/, "//no..host")) };
    case "tls":
      return { ...behind(url.replace("://", "s://")) };
    case "half-open":
      return { keep_alive_s: 2 * connectSec, ping_timeout_s: connectSec };
    default:
      return {};
  }
}

/** Tells what has to be in a board's flash for a failure to be possible. */
export function failureFiles(failure: Failure | undefined): { [name: string]: string } {
  return failure === "wifi" ? { Wifi: WIFI_MODULE } : {};
}
