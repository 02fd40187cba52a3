// SPDX-License-Identifier: MIT
// require("tls") over a stub network: what the script sees of a handshake.
import { describe, expect, it } from "vitest";
import { createLab } from "../../lab.ts";
import type { Lab } from "../../lab.ts";
import type { StubSocket } from "../../stub-network.ts";

const OPEN = `
  var c=require("tls").connect({host:"192.0.2.1"},function(){print("connect")});
  c.on("drain",function(){print("drain")});
  c.on("error",function(e){print("error",e.code,e.message)});
  c.on("end",function(){print("end")});
  c.on("close",function(e){print("close",e)});
  process.on("uncaughtException",function(e){print("uncaught",""+e)});`;

/** A connection whose handshake is under way; `more` is run with it. */
function open(more = ""): { lab: Lab; socket: StubSocket } {
  const lab = createLab();
  const { connect } = lab.network;
  lab.network.connect = (...args) => {
    const socket = connect(...args);
    (lab.network.sockets.at(-1) as StubSocket).isSecuring = true;
    return socket;
  };
  lab.run(OPEN + more);
  return { lab, socket: lab.network.sockets[0] as StubSocket };
}

describe("tls", () => {
  it("tells of TCP, and holds what is written until the handshake is over", () => {
    const { lab, socket } = open("c.write('hi');");
    expect([socket.port, socket.sent, lab.lines]).toEqual([443, "", ["connect"]]);
    socket.isSecuring = false;
    socket.changed();
    lab.clock.settle();
    expect([socket.sent, lab.lines]).toEqual(["hi", ["connect", "drain"]]);
  });

  it("throws in the loop when the handshake fails", () => {
    const { lab, socket } = open();
    Object.assign(socket, { state: "closed", failure: "tls" });
    socket.changed();
    lab.clock.settle();
    expect(lab.lines.slice(2)).toEqual([
      "end",
      "close false",
      "uncaught InternalError: mbedtls_ssl_handshake returned -0x7780",
    ]);
  });

  it("reports what was not sent when the peer leaves during the handshake", () => {
    const { lab, socket } = open("c.write('x');");
    Object.assign(socket, { state: "closed", failure: null });
    socket.changed();
    lab.clock.settle();
    expect(lab.lines.slice(1)).toEqual([
      "error -8 unsent data",
      "end",
      "close true",
      "uncaught InternalError: mbedtls_ssl_handshake returned -0x1",
    ]);
  });

  it("takes the orderly end of the peer for an error, and a reset for an end", () => {
    for (const [failure, expected] of [
      [null, ["error -30848 unknown error", "end", "close true"]],
      ["reset", ["end", "close false"]],
    ] as const) {
      const { lab, socket } = open();
      socket.isSecuring = false;
      Object.assign(socket, { state: "closed", failure });
      socket.changed();
      lab.clock.settle();
      expect(lab.lines.slice(2)).toEqual(expected);
    }
  });

  it("refuses what is no certificate, and calls functions for theirs", () => {
    const lab = createLab();
    const dial = (options: string): string[] =>
      lab.run(`try{require("tls").connect({host:"192.0.2.1",${options}});}catch(e){print(""+e)}`);
    expect(dial(`ca:"x".repeat(200)`)).toEqual([
      "InternalError: HTTPS init failed! mbedtls_x509_crt_parse of 'ca': Invalid format",
    ]);
    expect(dial(`key:function(){return "x".repeat(9)}`)).toEqual([
      "InternalError: HTTPS init failed! mbedtls_pk_parse_key: Invalid format",
    ]);
    expect(dial(`ca:"ca.pem"`)).toEqual([
      'WARNING: File "ca.pem" not found',
      "Error: Could not open file : UNKNOWN",
    ]);
    expect(dial(`cert:function(){return "\\x30abc"}`)).toEqual([]);
    expect(lab.network.sockets.at(-1)?.tls).toEqual({ cert: "\x30abc" });
  });
});
