// SPDX-License-Identifier: MIT
// Heartbeats over HTTP and HTTPS from the real interpreter to servers of Node, and its status page
// asked by a client of Node.
import { once } from "node:events";
import http from "node:http";
import https from "node:https";
import net from "node:net";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createCertificate } from "../helpers/certificate.ts";
import { findFreePort } from "../helpers/free-port.ts";
import { httpEntry, httpFiles } from "../helpers/http-entry.ts";
import type { HttpEntrySettings } from "../helpers/http-entry.ts";
import { createInterpreter, INTERPRETER, NO_INTERPRETER } from "../helpers/interpreter.ts";
import type { Interpreter } from "../helpers/interpreter.ts";

const BOUND_MS = 60_000;
const PATH = "/base/api/v1/devices/dut/heartbeat";

const cleanups: (() => unknown)[] = [];
beforeEach(({ skip }) => skip(!INTERPRETER, NO_INTERPRETER));
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean();
});

interface Server {
  port: number;
  /** Bodies of the beats, in the order of their coming. */
  beats: string[];
  connections(): number;
}

type Answer = (count: number, response: http.ServerResponse, body: string) => void;

const OK = JSON.stringify({ status: "ok", server_time: "2030-01-02T03:04:05.678Z", commands: [] });
const sayOk: Answer = (_count, response) => {
  response.setHeader("Content-Length", OK.length);
  response.end(OK);
};

/** A server that takes beats, and answers the n-th as it is told. */
async function startServer(answer: Answer = sayOk, isTls = false): Promise<Server> {
  const beats: string[] = [];
  let connections = 0;
  const onRequest: http.RequestListener = (request, response) => {
    let body = "";
    request.on("data", (bytes: Buffer) => (body += bytes.toString("latin1")));
    request.on("end", () => {
      expect([request.method, request.url]).toEqual(["POST", PATH]);
      expect(request.headers).toMatchObject({
        authorization: "Bearer a-token",
        "content-type": "application/json",
      });
      beats.push(body);
      answer(beats.length, response, body);
    });
  };
  // What the Linux build of the interpreter speaks.
  const tls = { ...createCertificate("127.0.0.1"), maxVersion: "TLSv1.2" as const };
  const server = isTls
    ? https.createServer({ ...tls, ciphers: "AES128-GCM-SHA256" }, onRequest)
    : http.createServer(onRequest);
  server.on("connection", () => connections++);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanups.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { port, beats, connections: () => connections };
}

async function startBoard(settings: Partial<HttpEntrySettings>): Promise<Interpreter> {
  const board = createInterpreter("http");
  cleanups.push(board.dispose);
  await board.configure(undefined);
  await board.install({
    ...httpFiles({
      scheme: "http",
      host: "127.0.0.1",
      port: 1,
      path: "/base",
      beats: 10,
      pauseMs: 20,
      ...settings,
    }),
    ".bootcde": await httpEntry(),
  });
  await board.powerOn();
  return board;
}

/** Waits for the end of the beats, and tells how they ended. */
async function outcomeOf(board: Interpreter): Promise<string[]> {
  await board.console.waitFor(/ I test finished/, BOUND_MS);
  expect(board.console.faults()).toEqual([]);
  return board.console.all(/ W test (.*)/).map((match) => match[1] as string);
}

const numbers = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => `{"device_id":"dut","seq":${i + 1},"jwt":"${i + 1}"}`);

describe("beats from the interpreter", () => {
  it.each([false, true])("arrive over one kept connection (TLS: %s)", async (isTls) => {
    const server = await startServer(sayOk, isTls);
    const board = await startBoard({ scheme: isTls ? "https" : "http", port: server.port });
    expect(await outcomeOf(board)).toEqual([]);
    expect(server.beats).toEqual(numbers(10));
    expect(server.connections()).toBe(1);
  });

  it("arrive although the server closes after each, or before the next", async () => {
    const server = await startServer((count, response, body) => {
      if (count % 2) response.setHeader("Connection", "close");
      else setTimeout(() => response.socket?.destroy(), 5);
      sayOk(count, response, body);
    });
    const board = await startBoard({ port: server.port, pauseMs: 100 });
    expect(await outcomeOf(board)).toEqual([]);
    expect(server.beats).toEqual(numbers(10));
  });

  it("are understood in chunks, without a length, after 1xx and in single bytes", async () => {
    const server = await startServer((count, response, body) => {
      if (count % 4 === 0) return sayOk(count, response, body);
      if (count % 4 === 1) {
        response.write(OK.slice(0, 30));
        return setTimeout(() => response.end(OK.slice(30)), 20);
      }
      if (count % 4 === 2) {
        response.writeContinue();
        return setTimeout(() => sayOk(count, response, body), 20);
      }
      const { socket } = response;
      const text = `HTTP/1.1 200 OK\r\nDate: Wed, 02 Jan 2030 03:04:05 GMT\r\n\r\n${OK}`;
      for (const byte of text) socket?.write(byte);
      return socket?.end();
    });
    const board = await startBoard({ port: server.port });
    expect(await outcomeOf(board)).toEqual([]);
    expect(server.beats).toEqual(numbers(10));
  });

  it("come again after errors, and are given up when refused", async () => {
    const server = await startServer((count, response, body) => {
      if (count === 2) response.writeHead(503, { "Retry-After": "1" }).end();
      else if (count === 4) response.writeHead(200).end("<html>Welcome</html>");
      else if (count === 6) response.writeHead(401).end('{"server_time":"2031-01-02T03:04:05Z"}');
      else if (count === 8) response.writeHead(422).end('{"code":"E_BEAT"}');
      else sayOk(count, response, body);
    });
    const board = await startBoard({ port: server.port });
    expect(await outcomeOf(board)).toEqual([
      "fail E_HTTP_STATUS status=503 code= refused=false least_ms=1000",
      "fail E_HTTP_PROTOCOL what=answer refused=false least_ms=0",
      "dropped E_HTTP_STATUS status=422 code=E_BEAT",
    ]);
    const seqs = server.beats.map((body) => (JSON.parse(body) as { seq: number }).seq);
    expect(seqs).toEqual([1, 2, 2, 3, 3, 4, 4, 5, 6, 7, 8, 9, 10]);
  });

  it("bring commands and the time", async () => {
    const server = await startServer((_count, response) => {
      response.end(OK.replace("[]", '["a.b-c.d_e","f.g.h"]'));
    });
    const board = await startBoard({ port: server.port, beats: 1 });
    await outcomeOf(board);
    expect(board.console.all(/ I test commands (.*)/).map((match) => match[1])).toEqual([
      "a.b-c.d_e",
      "f.g.h",
    ]);
    const wallMs = Number(await board.evaluate("wall()"));
    // The interpreter's parser may be a millisecond off.
    expect(wallMs - Date.UTC(2030, 0, 2, 3, 4, 5, 677)).toBeGreaterThanOrEqual(0);
    expect(wallMs - Date.UTC(2030, 0, 2, 3, 4, 5)).toBeLessThan(BOUND_MS);
  });

  it("are given up when the link is", async () => {
    const server = await startServer();
    const board = await startBoard({ port: server.port, beats: 1 });
    await outcomeOf(board);
    expect(await board.evaluate("giveUp()")).toBe(
      "E_HTTP_NONE,E_HTTP_QUEUE,stopped" + ",E_HTTP_CLOSED".repeat(4) + " false",
    );
  });

  it("leave its memory as it was after hundreds of connections", async () => {
    const server = await startServer((count, response, body) => {
      response.setHeader("Connection", "close");
      sayOk(count, response, body);
    });
    const board = await startBoard({ port: server.port, beats: 20, pauseMs: 5 });
    const used = async (): Promise<number> => {
      await board.evaluate("pause()");
      await new Promise((resolve) => setTimeout(resolve, 300));
      return Number(await board.evaluate("process.memory().usage"));
    };
    await outcomeOf(board);
    const before = await used();
    await board.evaluate("resume()");
    const from = board.console.lines.length;
    await board.evaluate("more(300)");
    await board.console.waitFor(/ I test finished/, BOUND_MS, { from });
    const after = await used();
    expect(server.beats.length).toBe(320);
    console.log(`JsVars after 20 posts: ${before}, after 320: ${after}`);
    expect(Math.abs(after - before)).toBeLessThanOrEqual(10);
  });
});

describe("the status page of the interpreter", () => {
  it("answers a client of Node, again and again, and closes its port", async () => {
    const statusPort = await findFreePort();
    const server = await startServer();
    const board = await startBoard({ port: server.port, statusPort });
    await outcomeOf(board);
    const ask = async (path: string): Promise<[number, string]> => {
      const response = await fetch(`http://127.0.0.1:${statusPort}${path}`);
      return [response.status, await response.text()];
    };
    for (let i = 0; i < 20; i++) {
      const [status, body] = await ask("/status");
      expect([status, JSON.parse(body)]).toEqual([200, { status: "alive", seq: 10 }]);
    }
    expect((await ask("/health"))[0]).toBe(200);
    expect((await ask("/"))[1]).toMatch(/^<pre>/);
    expect((await ask("/other"))[0]).toBe(404);
    expect(board.console.faults()).toEqual([]);
    await board.evaluate("stopServer()");
    await expect(ask("/status")).rejects.toThrow();
  });

  it("drops clients that say nothing, and has no place for a third", async () => {
    const statusPort = await findFreePort();
    const server = await startServer();
    const board = await startBoard({ port: server.port, statusPort });
    await outcomeOf(board);
    const idle = [1, 2].map(() => net.connect(statusPort, "127.0.0.1"));
    cleanups.push(() => idle.forEach((client) => client.destroy()));
    const closed = idle.map((client) => once(client, "close"));
    await Promise.all(idle.map((client) => once(client, "connect")));
    // The interpreter accepts one in each pass.
    await new Promise((resolve) => setTimeout(resolve, 500));
    const ask = async (path: string, method = "GET"): Promise<number> =>
      (await fetch(`http://127.0.0.1:${statusPort}${path}`, { method })).status;
    expect(await ask("/status")).toBe(503);
    await Promise.all(closed);
    expect(await ask("/status")).toBe(200);
    expect(await ask("/status", "HEAD")).toBe(200);
    expect(await ask("/status", "POST")).toBe(405);
    expect(await ask(`/${"x".repeat(2000)}`)).toBe(413);
    expect(board.console.faults()).toEqual([]);
  });
});
