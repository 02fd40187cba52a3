// SPDX-License-Identifier: MIT
// require("net") where only a stub network can tell the moment: bounds, late failures, garbage.
// The common cases are compared with the interpreter over real sockets in test/parity.
import { describe, expect, it } from "vitest";
import { createLab } from "../../lab.ts";
import type { Lab } from "../../lab.ts";
import type { StubSocket } from "../../stub-network.ts";

const OPEN = `
  var c=require("net").connect({host:"192.0.2.1",port:1883},function(){print("connect")});
  c.on("drain",function(){print("drain")});
  c.on("data",function(d){print("data",d.length)});
  c.on("error",function(e){print("error",e.code,e.message)});
  c.on("end",function(){print("end")});
  c.on("close",function(e){print("close",e)});`;

function open(): { lab: Lab; socket: StubSocket } {
  const lab = createLab();
  lab.run(OPEN);
  lab.lines.length = 0;
  return { lab, socket: lab.network.sockets[0] as StubSocket };
}

describe("net", () => {
  it("throws at once what is known at once", () => {
    for (const [failure, expected] of [
      ["refused", ["ERROR: Connect failed (err 111)", "InternalError: Unable to create socket"]],
      [
        "unreachable",
        ["ERROR: Connect failed (err 113)", "InternalError: Unable to create socket"],
      ],
      ["unresolved", ["InternalError: Unable to locate host"]],
    ] as const) {
      const lab = createLab();
      lab.network.failure = failure;
      expect(lab.run(`try{${OPEN}}catch(e){print(""+e)}`)).toEqual(expected);
      expect(lab.board.isDone()).toBe(true);
    }
  });

  it("ends a connection that fails later with error, end and close", () => {
    for (const [failure, code] of [
      ["refused", "-11 no connection"],
      ["unresolved", "-6 not found"],
    ] as const) {
      const lab = createLab();
      lab.network.startState = "connecting";
      expect(lab.run(OPEN)).toEqual([]);
      const socket = lab.network.sockets[0] as StubSocket;
      socket.state = "closed";
      socket.failure = failure;
      socket.changed();
      lab.clock.settle();
      expect(lab.lines).toEqual([`error ${code}`, "end", "close true"]);
      expect(lab.board.isDone()).toBe(true);
    }
  });

  it("hands over 536 bytes a pass and says drain when all are gone", () => {
    const { lab, socket } = open();
    socket.roomBytes = 1000;
    lab.run("c.write('x'.repeat(1500))");
    expect([socket.sent.length, lab.lines]).toEqual([1000, []]);
    socket.roomBytes = Infinity;
    socket.changed();
    lab.clock.settle();
    expect([socket.sent.length, lab.lines]).toEqual([1500, ["drain"]]);
  });

  it("delivers what came in pieces of 536 and then the end", () => {
    const { lab, socket } = open();
    socket.incoming = "y".repeat(1100);
    socket.state = "closed";
    socket.changed();
    lab.clock.settle();
    expect(lab.lines).toEqual(["data 536", "data 536", "data 28", "end", "close false"]);
  });

  it("does not take from the network what nobody listens for", () => {
    const lab = createLab();
    lab.run("var c=require('net').connect({host:'192.0.2.1',port:1});");
    const socket = lab.network.sockets[0] as StubSocket;
    socket.incoming = "z".repeat(5000);
    socket.changed();
    lab.clock.settle();
    expect(socket.incoming.length).toBeGreaterThan(5000 - 3 * 536);
    lab.run("var n=0;c.on('data',function(d){n+=d.length})");
    lab.clock.advance(10);
    expect(lab.board.evaluate("n")).toBe(5000);
  });

  it("reports unsent bytes when the peer is gone", () => {
    const { lab, socket } = open();
    socket.roomBytes = 0;
    lab.run("c.write('abc')");
    socket.state = "closed";
    socket.changed();
    lab.clock.settle();
    expect(lab.lines).toEqual(["error -8 unsent data", "end", "close true"]);
  });

  it("aborts stuck bytes when clsNow is set", () => {
    const { lab, socket } = open();
    socket.roomBytes = 0;
    lab.run("c.write('abc');c.end();");
    expect(lab.lines).toEqual([]);
    lab.run("c.clsNow=true;");
    expect(lab.lines).toEqual(["end", "close false"]);
    expect(socket.ended).toBe("destroy");
  });

  it("survives a listener that throws at garbage", () => {
    const { lab, socket } = open();
    lab.run("c.on('data',function(){throw new Error('garbage')})");
    for (let i = 0; i < 3; i++) {
      socket.incoming = "\x00\xff".repeat(100);
      socket.changed();
      lab.clock.settle();
    }
    expect(lab.lines.filter((line) => line === "Uncaught Error: garbage")).toHaveLength(3);
    expect(lab.board.isDone()).toBe(false);
  });
});
