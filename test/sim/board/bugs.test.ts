// SPDX-License-Identifier: MIT
// The platform's bugs: each shows unless it is switched off.
import { describe, expect, it } from "vitest";
import { bugsOf } from "../../../sim/board/bugs.ts";
import { createLab } from "../lab.ts";
import type { StubSocket } from "../stub-network.ts";

describe("bugs", () => {
  it("are all there on both kinds of boards", () => {
    expect(Object.values(bugsOf("esp32"))).not.toContain(false);
    expect(Object.values(bugsOf("linux"))).not.toContain(false);
    expect(bugsOf("esp32", { "emit-queued": false })["emit-queued"]).toBe(false);
  });

  it("replay the ticks that an interval missed, or skip them and keep its phase", () => {
    const ticks = (isReplaying: boolean): string[] => {
      const lab = createLab({ bugs: { "replayed-ticks": isReplaying } });
      lab.run("var t=Date.now();setInterval(function(){print(Math.round(Date.now()-t))},100);");
      lab.clock.advance(100);
      lab.clock.block(350);
      lab.clock.settle();
      lab.clock.advance(60);
      return lab.lines;
    };
    expect(ticks(true)).toEqual(["100", "450", "450", "450", "500"]);
    expect(ticks(false)).toEqual(["100", "450", "500"]);
  });

  it("delete an interval that is cut off and those due behind it, or leave them", () => {
    const afterAbort = (isDeleting: boolean): string[] => {
      const lab = createLab({ bugs: { "interval-deleted-by-abort": isDeleting } });
      lab.run(
        "var log='';setInterval(function(){log+='a'},100);setInterval(function(){getSerial()},100);" +
          "setInterval(function(){log+='c'},100);setTimeout(function(){log+='t'},100);",
      );
      lab.board.injectOutOfMemory(1);
      lab.clock.advance(100);
      lab.run("log+='.'");
      lab.clock.advance(200);
      return [String(lab.board.evaluate("log")), ...lab.lines.filter((l) => l.startsWith("ERROR"))];
    };
    const removed = "ERROR: Ctrl-C while processing interval - removing it.";
    expect(afterAbort(true)).toEqual(["act.aa", removed, removed]);
    expect(afterAbort(false)).toEqual(["act.acac"]);
  });

  it("give each start of each board the same random numbers, or others", () => {
    const draws = (seed: number, isUnseeded: boolean): unknown[] => {
      const { board } = createLab({ seed, bugs: { "unseeded-random": isUnseeded } });
      return [1, 2].map(() => {
        board.powerOff();
        board.powerOn();
        return board.evaluate("Math.random()");
      });
    };
    expect(draws(1, true)).toEqual(draws(2, true));
    const all = [...draws(1, false), ...draws(2, false)];
    expect(new Set(all).size).toBe(4);
    expect(draws(1, false)).toEqual(all.slice(0, 2));
  });

  it("queue what is emitted, or call its listeners at once", () => {
    const order = (isQueued: boolean): string[] => {
      const lab = createLab({ bugs: { "emit-queued": isQueued } });
      return lab.run("var o={};o.on('x',function(){print('x')});o.emit('x');print('end');");
    };
    expect(order(true)).toEqual(["end", "x"]);
    expect(order(false)).toEqual(["x", "end"]);
  });

  it("block the board while it connects, or let it go on", () => {
    const time = (isBlocking: boolean): string[] => {
      const lab = createLab({ bugs: { "connect-blocks": isBlocking } });
      lab.network.blockedMs = 3000;
      return lab.run(
        "var t=Date.now();require('net').connect({host:'192.0.2.1',port:1});" +
          "print(Math.round((Date.now()-t)/1000));",
      );
    };
    expect(time(true)).toEqual(["3"]);
    expect(time(false)).toEqual(["0"]);
  });

  it("accept any certificate, or none that nothing vouches for", () => {
    const connect = (isTrusting: boolean, options: string): string[] => {
      const lab = createLab({ bugs: { "tls-verifies-nothing": isTrusting } });
      return lab.run(
        `var c=require('tls').connect({host:'192.0.2.1'${options}},function(){print('made')});` +
          "c.on('close',function(){print('closed')});" +
          "process.on('uncaughtException',function(e){print(e.message)});",
      );
    };
    const ca = ",ca:function(){return '0DER'}";
    expect(connect(true, "")).toEqual(["made"]);
    expect(connect(false, ca)).toEqual(["made"]);
    expect(connect(false, "")).toContain("mbedtls_ssl_handshake returned -0x7780");
  });

  it("let sockets queue whatever is written, or refuse what is too much", () => {
    const write = (isEndless: boolean): string[] => {
      const lab = createLab({ bugs: { "write-never-refuses": isEndless } });
      lab.run("var c=require('net').connect({host:'192.0.2.1',port:1});");
      (lab.network.sockets[0] as StubSocket).roomBytes = 0;
      return lab.run(
        "try{for(var i=0;i<9;i++)c.write(E.toString({data:65,count:1000}))}catch(e){print(e.message)}" +
          "print(i);",
      );
    };
    expect(write(true)).toEqual(["9"]);
    expect(write(false)).toEqual(["Too much data is waiting to be sent", "4"]);
  });
});
