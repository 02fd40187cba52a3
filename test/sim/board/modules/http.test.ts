// SPDX-License-Identifier: MIT
// require("http") where only a stub network can tell the moment. The common cases are compared with
// the interpreter over real sockets in test/parity.
import { describe, expect, it } from "vitest";
import { createLab } from "../../lab.ts";
import type { StubSocket } from "../../stub-network.ts";

const GET = `require("http").get("http://192.0.2.1/",function(r){
  print("res",r.statusCode);
  r.on("data",function(d){print("data",d)});
  r.on("close",function(e){print("close",e)});
}).on("error",function(e){print("error",e.code,e.message)});`;

describe("http", () => {
  it("reads the same response however it is split", () => {
    const response =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    for (let at = 1; at < response.length; at++) {
      const lab = createLab();
      lab.run(`var t="";require("http").get("http://192.0.2.1/",function(r){
        r.on("data",function(d){t+=d});r.on("close",function(e){print("close",e,t)})})`);
      const socket = lab.network.sockets[0] as StubSocket;
      for (const part of [response.slice(0, at), response.slice(at)]) {
        socket.incoming = part;
        socket.changed();
        lab.clock.settle();
      }
      expect(lab.lines, `split at ${at}`).toEqual(["close false abcde"]);
    }
  });

  it("waits for ever for a server that says nothing", () => {
    const lab = createLab();
    lab.run(GET);
    lab.clock.advance(3_600_000);
    expect([lab.lines, lab.board.isDone()]).toEqual([[], false]);
  });

  it("reports a connection that fails later", () => {
    const lab = createLab();
    lab.network.startState = "connecting";
    lab.run(GET);
    const socket = lab.network.sockets[0] as StubSocket;
    Object.assign(socket, { state: "closed", failure: "unreachable" });
    socket.changed();
    lab.clock.settle();
    expect([lab.lines, lab.board.isDone()]).toEqual([["error -11 no connection"], true]);
  });

  it("secures requests to https", () => {
    const lab = createLab();
    lab.run(GET.replace("http://", "https://"));
    const socket = lab.network.sockets[0] as StubSocket;
    expect([socket.port, socket.tls]).toEqual([443, {}]);
  });

  it("keeps the connection of a client that left before its body was there", () => {
    const lab = createLab();
    lab.run(`require("http").createServer(function(q,r){print(q.method);r.end("x")}).listen(80)`);
    const socket = lab.network.dial(80) as StubSocket;
    socket.incoming = "POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc";
    socket.state = "closed";
    socket.changed();
    lab.clock.advance(60_000);
    expect([lab.lines, socket.ended]).toEqual([["POST"], null]);
    lab.board.powerOff();
    expect(socket.ended).toBe("destroy");
  });

  it("survives garbage instead of a request", () => {
    const lab = createLab();
    lab.run(
      `require("http").createServer(function(q,r){print(q.method,q.url);r.end()}).listen(80)`,
    );
    for (const garbage of ["\0\r\n\r\n", "\r\n\r\n", "GET\r\n:\r\n\r\n", "\xff".repeat(2000)]) {
      const socket = lab.network.dial(80) as StubSocket;
      socket.incoming = garbage;
      socket.changed();
      lab.clock.settle();
    }
    expect(lab.lines).toHaveLength(3);
  });
});
