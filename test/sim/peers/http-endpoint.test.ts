// SPDX-License-Identifier: MIT
// The HTTP endpoint byte by byte: requests that it takes and refuses, answers that go wrong.
import { describe, expect, it } from "vitest";
import { createVirtualClock } from "../../../sim/clock/virtual-clock.ts";
import { createHeartbeatReceiver } from "../../../sim/peers/heartbeat-receiver.ts";
import type { PostedBeat } from "../../../sim/peers/heartbeat-receiver.ts";
import { createHttpEndpoint } from "../../../sim/peers/http-endpoint.ts";
import type { HttpRule } from "../../../sim/peers/http-endpoint.ts";
import type { HttpRequest } from "../../../sim/peers/http-request.ts";
import { dialRaw } from "./dial.ts";

const DATE = "Date: Thu, 01 Jan 2026 00:00:00 GMT\r\nConnection: close\r\n";
const GET = "GET /x HTTP/1.1\r\nHost: h\r\n\r\n";

function createLab(rule?: HttpRule) {
  const clock = createVirtualClock();
  const requests: HttpRequest[] = [];
  const endpoint = createHttpEndpoint({
    clock,
    handle: (request) => {
      requests.push(request);
      return { status: 200, body: "hello" };
    },
  });
  if (rule) endpoint.misbehave(rule);
  const ask = (text: string) => {
    const client = dialRaw(endpoint.peer);
    client.send(Buffer.from(text, "latin1"));
    return client;
  };
  return { clock, endpoint, requests, ask };
}

describe("an HTTP endpoint", () => {
  it("answers a request and ends the connection", () => {
    const { ask, requests, clock } = createLab();
    const client = ask(
      "POST /a/b?c=d HTTP/1.1\r\nHost: h\r\nX-Y: 1\r\nx-y:2\r\nContent-Length: 3\r\n\r\nabc",
    );
    expect(client.text()).toBe(`HTTP/1.1 200 OK\r\n${DATE}Content-Length: 5\r\n\r\nhello`);
    expect(client.ended).toBe("end");
    expect(requests).toEqual([
      {
        method: "POST",
        path: "/a/b",
        query: "c=d",
        headers: { host: "h", "x-y": "1, 2", "content-length": "3" },
        body: Buffer.from("abc"),
      },
    ]);
    expect(clock.nextMs()).toBe(Infinity);
  });

  it("takes a body in chunks, however the bytes are split", () => {
    const { endpoint, requests } = createLab();
    const client = dialRaw(endpoint.peer);
    const head = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (const byte of Buffer.from(`${head}3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n`))
      client.send(Buffer.from([byte]));
    expect(requests.map((request) => request.body.toString())).toEqual(["abc0123456789"]);
  });

  it("gives no body to HEAD", () => {
    expect(createLab().ask("HEAD / HTTP/1.1\r\n\r\n").text()).toMatch(/Content-Length: 5\r\n\r\n$/);
  });

  it.each([
    [400, "no request line", "hello\r\n\r\n"],
    [400, "a bad header line", "GET / HTTP/1.1\r\nno colon\r\n\r\n"],
    [400, "a bad length", "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"],
    [
      400,
      "two lengths",
      "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
    [400, "a bad chunk", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"],
    [413, "a large body", "POST / HTTP/1.1\r\nContent-Length: 65537\r\n\r\n"],
    [413, "a large chunk", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n10001\r\n"],
    [431, "a large head", `GET / HTTP/1.1\r\nX: ${"x".repeat(8192)}`],
    [501, "another encoding", "POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n"],
  ])("refuses with %d: %s", (status, _name, text) => {
    const { ask, requests, endpoint } = createLab();
    const client = ask(text);
    expect(client.text()).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(client.ended).toBe("end");
    expect(requests).toEqual([]);
    expect(endpoint.stats().refused).toBe(1);
  });

  it("waits for a request no longer than its bound", () => {
    const { ask, clock } = createLab();
    const client = ask("GET / HTTP/1.1\r\n");
    clock.run(clock.now() + 30_000);
    expect(client.text()).toMatch(/^HTTP\/1.1 408 /);
    expect(client.ended).toBe("end");
  });

  it.each<[string, HttpRule["do"], string, string]>([
    [
      "another status",
      { status: 503, body: "no", headers: { "Retry-After": "9" } },
      `HTTP/1.1 503 Service Unavailable\r\n${DATE}Retry-After: 9\r\nContent-Length: 2\r\n\r\nno`,
      "end",
    ],
    ["no length", { length: "none" }, `HTTP/1.1 200 OK\r\n${DATE}\r\nhello`, "end"],
    [
      "chunks",
      { length: "chunked" },
      `HTTP/1.1 200 OK\r\n${DATE}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`,
      "end",
    ],
    [
      "a wrong length",
      { length: 50 },
      `HTTP/1.1 200 OK\r\n${DATE}Content-Length: 50\r\n\r\nhello`,
      "end",
    ],
    [
      "a body cut short",
      { bodyBytes: 2 },
      `HTTP/1.1 200 OK\r\n${DATE}Content-Length: 5\r\n\r\nhe`,
      "end",
    ],
    ["no answer", "hang", "", "no"],
    ["an end", "close", "", "end"],
    ["a cut", "reset", "", "cut"],
  ])("answers with %s when asked to", (_name, misdeed, text, ended) => {
    const client = createLab({ on: "GET", path: "/x*", do: misdeed }).ask(GET);
    expect(client.text()).toBe(text);
    expect(client.ended).toBe(ended);
  });

  it("answers late, and slowly", () => {
    const { ask, clock } = createLab({
      on: "*",
      do: { delayMs: 1000, drip: { bytes: 40, everyMs: 100 } },
    });
    const client = ask(GET);
    clock.run(clock.now() + 999);
    expect(client.bytes).toEqual([]);
    clock.run(clock.now() + 1);
    clock.run(clock.now() + 100);
    expect(client.bytes.map((bytes) => bytes.length)).toEqual([40, 40]);
    clock.run(Infinity);
    expect(client.text()).toMatch(/hello$/);
    expect(client.ended).toBe("end");
  });

  it("forgets a slow answer when its client has gone", () => {
    const { ask, clock } = createLab({ on: "*", do: { drip: { bytes: 1, everyMs: 100 } } });
    ask(GET).drop();
    expect(clock.nextMs()).toBe(Infinity);
  });
});

describe("the receiver of heartbeats", () => {
  function createReceiverLab(isAllowed?: (id: string, token: string) => boolean) {
    const clock = createVirtualClock();
    const beats: PostedBeat[] = [];
    const handle = createHeartbeatReceiver({
      clock,
      onBeat: (beat) => beats.push(beat),
      commandsFor: () => ["c"],
      ...(isAllowed ? { isAllowed } : {}),
    });
    const post = (
      path: string,
      body: string,
      headers: Record<string, string> = {},
      method = "POST",
    ) => {
      const { status, body: answer } = handle({
        method,
        path,
        query: "",
        headers,
        body: Buffer.from(body),
      });
      return [status, JSON.parse(String(answer)) as unknown];
    };
    return { beats, post, clock };
  }
  const PATH = "/api/v1/devices/kitchen/heartbeat";
  const TIME = "2026-01-01T00:00:00.000Z";

  it("takes a heartbeat and answers as the wire contract says", () => {
    const { post, beats, clock } = createReceiverLab();
    const text = '{"device_id":"kitchen","seq":1}';
    expect(post(PATH, text)).toEqual([
      200,
      { status: "ok", server_time: TIME, playlist_updated: false, commands: ["c"] },
    ]);
    expect(beats).toEqual([{ deviceId: "kitchen", text, atMs: clock.now() }]);
  });

  it.each([
    [404, "/api/v1/devices/kitchen/other", "{}", "POST"],
    [405, PATH, "", "GET"],
    [400, PATH, "{", "POST"],
    [400, PATH, "null", "POST"],
    [400, PATH, '{"device_id":"bath"}', "POST"],
  ])("refuses with %d: %s %s", (status, path, body, method) => {
    const { post, beats } = createReceiverLab();
    expect(post(path, body, {}, method)[0]).toBe(status);
    expect(beats).toEqual([]);
  });

  it("asks who may, and tells the others the time", () => {
    const { post } = createReceiverLab((id, token) => id === "kitchen" && token === "t");
    const text = '{"device_id":"kitchen"}';
    expect(post(PATH, text, { authorization: "Bearer t" })[0]).toBe(200);
    expect(post(PATH, text, { authorization: "Basic t" })).toEqual([
      401,
      { title: "Not allowed", status: 401, server_time: TIME },
    ]);
  });
});
