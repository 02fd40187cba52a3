// SPDX-License-Identifier: MIT
// Faults that a script of a few lines shows better than the bundle. The same script meets the same
// server on a virtual board: both must print the same.
import { expect } from "vitest";
import type { Peer, World } from "../../../sim/index.ts";
import { createCertificate } from "../../helpers/certificate.ts";
import { DUT } from "../../helpers/interpreter-world.ts";
import { runProbe } from "../../helpers/probe-pair.ts";
import type { Probe } from "../../helpers/probe-pair.ts";
import type { FaultCase } from "./case.ts";

const SERVER = "server";
const BODY = "thirty bytes make a short answer";

// The helpers of each script.
const HEAD = `function show(t){print("= "+t);}
function done(ms){setTimeout(show,ms,"done");}
function watch(s){s.on("data",function(d){show("data "+d);});s.on("end",function(){show("end");});
s.on("close",function(e){show("close "+e);});s.on("error",function(e){show("error "+e.message);});}
`;
/** Says something and looks what becomes of it. */
const SAY = `${HEAD}var s=require("net").connect({host:"@HOST",port:@PORT},function(){show("connect");
s.write("hi");});watch(s);`;
/** Connects; done a moment after so many bytes. */
const net = (bytes: number): string => `${HEAD}
var n=0,s=require("net").connect({host:"@HOST",port:@PORT},function(){show("connect");});
watch(s);s.on("data",function(d){n+=d.length;if(n==${bytes})done(300);});`;
const TLS = `${HEAD}var s=require("tls").connect({host:"@HOST",port:@PORT},function(){show("connect");
s.write("hello");});watch(s);`;
/** Asks; done when the connection is closed. */
const HTTP = `${HEAD}require("http").get("http://@HOST:@PORT/",function(r){show("status "+r.statusCode);
watch(r);r.on("close",function(){done(100);});}).on("error",function(e){show("error "+e.message);});`;
/** One request of SNTP with a known transmit timestamp, and what the answer says. */
const SNTP = `${HEAD}var d=require("dgram").createSocket("udp4");d.on("message",function(m){
var c=function(i){return m.charCodeAt(i);},
t=((c(40)*256+c(41))*256+c(42))*256+c(43),now=getTime()+2208988800;
show("leap "+(c(0)>>6)+" stratum "+c(1)+(c(1)?"":" code "+m.substr(12,4))
+(m.substr(24,8)=="12345678"?"":" wrong origin")+(t<1e6?" era 1":"")
+(t-now>3600?" ahead":""));done(100);});
d.send("\\x23"+E.toString(new Uint8Array(39).fill(0))+"12345678",@PORT,"@HOST");`;

/** Says something in parts. */
const speaker =
  (...parts: string[]) =>
  (world: World): void => {
    const peer: Peer = {
      accept: (connection) => {
        for (const [i, part] of parts.entries())
          world.after(50 + 50 * i, () => connection.write(Buffer.from(part)));
        return { onData: () => {}, onClose: () => {} };
      },
    };
    world.serve(SERVER, 9, peer);
  };

/** Answers the first bytes as they are, and the fault begins a moment later. */
const echoThen =
  (fault: string, params: Readonly<Record<string, string>> = {}) =>
  (world: World): void => {
    let isFirst = true;
    const peer: Peer = {
      accept: (connection) => ({
        onData: (bytes) => {
          connection.write(bytes);
          if (isFirst) world.after("300ms", () => world.fault(fault, { target: DUT, ...params }));
          isFirst = false;
        },
        onClose: () => {},
      }),
    };
    world.serve(SERVER, 9, peer);
  };

const secureEcho = (world: World): void =>
  world.serve(
    SERVER,
    9,
    {
      accept: (connection) => ({ onData: (bytes) => connection.write(bytes), onClose: () => {} }),
    },
    { tls: true },
  );

const endpoint = (world: World): void => {
  world.http(SERVER, { port: 9, handle: () => ({ status: 200, body: BODY }) });
};

function probeCase(
  fault: string,
  shows: string,
  params: Readonly<Record<string, number | string>>,
  expected: readonly string[],
  probe: Pick<Probe, "serve" | "script"> & Partial<Probe>,
): FaultCase {
  return {
    fault,
    shows,
    run: async () => {
      const { real, virtual } = await runProbe({
        port: 9,
        begin: (world) => {
          const target =
            world.targetNames().board.includes(DUT) && !isOfServer(fault) ? DUT : SERVER;
          world.fault(fault, { target, ...params });
        },
        name: `${fault} ${Object.values(params).join(" ")}`.replaceAll(/\W+/g, "-"),
        ...probe,
      });
      expect(real).toEqual(expected);
      expect(virtual).toEqual(real);
    },
  };
}

const isOfServer = (fault: string): boolean => /^(http|sntp)-/.test(fault);

const LIES: readonly [lie: string, answer: string[]][] = [
  ["kiss-of-death", ["leap 0 stratum 0 code RATE"]],
  ["stratum-0", ["leap 0 stratum 0 code SIMU"]],
  ["leap-3", ["leap 3 stratum 2"]],
  ["wrong-origin", ["leap 0 stratum 2 wrong origin"]],
  ["offset", ["leap 0 stratum 2 ahead"]],
  ["era-2036", ["leap 0 stratum 2 era 1"]],
  ["silent", []],
];

/** Cases of this file. */
export const PROBE_CASES: readonly FaultCase[] = [
  probeCase(
    "split",
    "gets bytes one by one",
    { bytes: 1 },
    ["connect", "data a", "data b", "data c", "data d"],
    { serve: speaker("abcd"), script: net(4) },
  ),
  probeCase(
    "coalesce",
    "gets at once what was sent in parts",
    { hold_ms: 1000 },
    ["connect", "data abcdef"],
    { serve: speaker("ab", "cd", "ef"), script: net(6) },
  ),
  probeCase(
    "reset",
    "cannot tell it from an end",
    {},
    ["connect", "data hi", "end", "close false"],
    {
      serve: echoThen("reset"),
      begin: () => {},
      script: `${SAY}s.on("close",function(){done(300);});`,
    },
  ),
  probeCase(
    "half-open",
    "hears nothing until it ends the connection itself",
    {},
    ["connect", "data hi", "silence", "end", "close false"],
    {
      serve: echoThen("half-open"),
      begin: () => {},
      script: `${SAY}s.on("data",function(){
setTimeout(function(){s.write("more");},800);
setTimeout(function(){show("silence");s.end();},2500);});s.on("close",function(){done(300);});`,
    },
  ),
  probeCase(
    "partition",
    "gets its answer when it has healed",
    {},
    ["connect", "data hi", "silence", "data more"],
    {
      serve: echoThen("partition", { for: "2s" }),
      begin: () => {},
      script: `${SAY}s.on("data",function(d){if(d=="more")return done(300);
setTimeout(function(){s.write("more");},800);setTimeout(show,1500,"silence");});`,
    },
  ),
  probeCase(
    "tls-stall",
    "gets no answer to its handshake while its timers run",
    {},
    ["connect", "tick", "tick"],
    {
      serve: secureEcho,
      tls: createCertificate(SERVER),
      script: `${TLS}setTimeout(show,1000,"tick");setTimeout(show,1500,"tick");done(2000);`,
    },
  ),
  probeCase("tls-stall", "gets an answer over TLS without it", {}, ["connect", "data hello"], {
    serve: secureEcho,
    tls: createCertificate(SERVER),
    begin: () => {},
    script: `${TLS}s.on("data",function(){done(100);});`,
  }),
  probeCase(
    "http-status",
    "is told the status",
    { status: 503 },
    ["status 503", "end", "close false"],
    {
      serve: endpoint,
      script: HTTP,
    },
  ),
  probeCase(
    "http-truncated",
    "takes half an answer for a whole one",
    { bytes: 6 },
    ["status 200", "data thirty", "end", "close false"],
    { serve: endpoint, script: HTTP },
  ),
  probeCase(
    "http-slow",
    "waits without an end of its own",
    { delay_ms: 2500 },
    ["waiting", "status 200", `data ${BODY}`, "end", "close false"],
    { serve: endpoint, script: `${HTTP}setTimeout(show,2000,"waiting");` },
  ),
  ...LIES.map(([lie, answer]) =>
    probeCase("sntp-lie", `gets ${answer.join() || "no answer"}`, { lie }, answer, {
      serve: (world) => void world.timeServer(SERVER),
      port: 123,
      isUdp: true,
      script: lie === "silent" ? `${SNTP}done(2000);` : SNTP,
    }),
  ),
];
