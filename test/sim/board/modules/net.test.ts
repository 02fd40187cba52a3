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

  it("piles up what nobody listens for, and delivers it in every pass from then on", () => {
    const lab = createLab();
    lab.run("var c=require('net').connect({host:'192.0.2.1',port:1});");
    const socket = lab.network.sockets[0] as StubSocket;
    socket.incoming = "z".repeat(5000);
    socket.changed();
    lab.clock.settle();
    expect(socket.incoming).toBe("");
    lab.run("var n=[];c.on('data',function(d){n.push(d.length)})");
    lab.clock.advance(2.5);
    // What was kept for `read`, and the pile once a millisecond.
    expect(lab.board.evaluate("n.join()")).toMatch(/^4464,536(,4464)+$|^536(,4464)+$/);
    socket.incoming = "new";
    socket.changed();
    lab.clock.settle();
    lab.run("n=[]");
    lab.clock.advance(5);
    expect(lab.board.evaluate("n.join()")).toBe("");
  });

  it("stands still while a connection is made, and the callback sees the later time", () => {
    const lab = createLab();
    lab.network.blockedMs = 3000;
    const lines = lab.run(`setTimeout(function(){print("timer",Math.round(getTime()*1000)-t)},10);
      var t=Math.round(getTime()*1000);${OPEN}print("connected",Math.round(getTime()*1000)-t);`);
    expect(lines).toEqual(["connected 3000"]);
    lab.clock.advance(2900);
    expect(lab.lines).toEqual(["connected 3000"]);
    lab.clock.advance(200);
    expect(lab.lines).toEqual(["connected 3000", "timer 3000", "connect", "drain"]);
  });

  it("has ten sockets", () => {
    const lab = createLab();
    const dial = "require('net').connect({host:'192.0.2.1',port:1})";
    lab.run(`var s=[];for(var i=0;i<10;i++)s.push(${dial});`);
    expect(lab.run(`try{${dial}}catch(e){print(""+e)}`)).toEqual([
      "ERROR: Socket creation failed",
      "InternalError: Unable to create socket",
    ]);
    lab.run("s[0].end()");
    expect(lab.run(`try{${dial};print("open")}catch(e){print(""+e)}`)).toEqual(["open"]);
  });

  it("accepts no connection for which it has no socket", () => {
    const lab = createLab();
    lab.run(`var n=0,s=[];require("net").createServer(function(c){n++;s.push(c)}).listen(80)`);
    for (let i = 0; i < 12; i++) lab.network.dial(80);
    lab.clock.settle();
    expect(lab.board.evaluate("n")).toBe(9);
    lab.run("s[0].end()");
    expect(lab.board.evaluate("n")).toBe(10);
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
