// SPDX-License-Identifier: MIT
// The devices of examples/devices as they are flashed, on the real interpreter: each reports what it
// adds and obeys. In every corner: test/system/devices.test.ts.
import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import mqtt from "mqtt";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startEmbeddedBroker } from "../../tools/lib/embedded-broker.ts";
import { deviceBundle } from "../helpers/device-bundle.ts";
import { createInterpreter, INTERPRETER, NO_INTERPRETER } from "../helpers/interpreter.ts";
import type { Interpreter } from "../helpers/interpreter.ts";
import { commandToken } from "../helpers/signed.ts";
import { quickConfig } from "../helpers/test-board.ts";
import { waitFor } from "../helpers/wait.ts";
import { startWebSocketPeer } from "../helpers/websocket-peer.ts";
import { framesOf, serverFrame } from "../helpers/websocket-rig.ts";

type Beat = { [member: string]: unknown };

const BOUND_MS = 30_000;
/** Until the next minute of the clock, and some. */
const MINUTE_MS = 75_000;

const cleanups: (() => unknown)[] = [];
beforeEach(({ skip }) => skip(!INTERPRETER, NO_INTERPRETER));
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean();
});

async function powerOn(name: string, settings: object): Promise<Interpreter> {
  const board = createInterpreter(name);
  cleanups.push(board.dispose);
  const quick = { device_id: name, interval_s: 0.5, keep_alive_s: 15, ping_timeout_s: 4 };
  await board.configure(quickConfig({ ...quick, time_servers: "", ...settings }));
  await board.install({ ".bootcde": await deviceBundle(name) });
  await board.powerOn();
  return board;
}

/** A broker with a host at it that keeps the last message of each topic. */
async function startBroker() {
  const broker = await startEmbeddedBroker();
  cleanups.push(broker.stop);
  const last = new Map<string, string>();
  const client = await mqtt.connectAsync(broker.url);
  cleanups.push(() => client.endAsync(true));
  client.on("message", (topic, payload) => last.set(topic, payload.toString()));
  await client.subscribeAsync("devices/#", { qos: 1 });
  return { url: broker.url, last, client };
}

/** A server that takes beats; `answer` is the body of its answers. */
async function startMonitor(answer: (beat: Beat) => object) {
  const monitor = { url: "", beat: {} as Beat };
  const server = http.createServer((request, response) => {
    let body = "";
    request.on("data", (bytes: Buffer) => (body += bytes.toString("latin1")));
    request.on("end", () => {
      if (body) monitor.beat = JSON.parse(body) as Beat;
      const text = JSON.stringify({ status: "ok", ...answer(monitor.beat) });
      response.setHeader("Content-Length", text.length);
      response.end(text);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanups.push(() => {
    server.closeAllConnections();
    server.close();
  });
  monitor.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return monitor;
}

const has = (beat: Beat, members: Beat): boolean =>
  Object.entries(members).every(([name, value]) => beat[name] === value);

describe("on the interpreter", () => {
  it("signage tells what is on and obeys a signed command", async () => {
    const { url, last, client } = await startBroker();
    const board = await powerOn("signage", { urls: url });
    const beat = (): Beat => JSON.parse(last.get("devices/signage/heartbeat") ?? "{}") as Beat;
    const first = { current_playlist: "welcome", storage_status: "ok", network_status: "wired" };
    await waitFor(
      () => has(beat(), { ...first, player_version: "4.2.0" }),
      BOUND_MS,
      () => `a beat; the console ends with\n${board.console.lines.slice(-20).join("\n")}`,
    );
    const token = commandToken("signage", "play", { playlist: "spring" }, Date.now());
    await client.publishAsync("devices/signage/commands", token, { qos: 1 });
    await waitFor(() => has(beat(), { current_playlist: "spring" }), BOUND_MS, "the playlist");
    expect(JSON.parse(last.get("devices/signage/replies") ?? "{}")).toMatchObject({ ok: true });
    expect(board.console.all(/ E /)).toEqual([]);
  });

  it("flow publishes by the minute and turns its valve", async () => {
    const { url, last, client } = await startBroker();
    const board = await powerOn("flow", { urls: url });
    const beat = (): Beat => JSON.parse(last.get("devices/flow/heartbeat") ?? "{}") as Beat;
    await waitFor(() => has(beat(), { litres_total: 0, valve_open: false }), BOUND_MS, "a beat");
    await client.publishAsync("devices/flow/valve", "open", { qos: 1 });
    await waitFor(() => has(beat(), { valve_open: true }), BOUND_MS, "the valve");
    await waitFor(() => last.get("devices/flow/flow") === '{"litres":0}', MINUTE_MS, "the job");
    expect(board.console.all(/ E /)).toEqual([]);
  });

  it("sign shows the picture that the server wants", async () => {
    const wanted = "night";
    const monitor = await startMonitor((beat) => ({
      playlist_updated: beat["current_playlist"] !== wanted,
    }));
    const board = await powerOn("sign", { urls: monitor.url });
    await waitFor(() => has(monitor.beat, { current_playlist: "night" }), BOUND_MS, "the picture");
    expect(board.console.all(/ E /)).toEqual([]);
  });

  it("feed subscribes, keeps its WebSocket alive and shows what comes", async () => {
    const monitor = await startMonitor(() => ({}));
    const heard: string[] = [];
    const peer = await startWebSocketPeer({
      onData: (client) => {
        for (const { payload } of framesOf(client.received)) {
          heard.push(payload);
          if (payload === "ping") client.send(serverFrame(0x81, "pong"));
          else client.send(serverFrame(0x81, '{"topic":"price","text":"4.20"}'));
        }
        client.received = "";
      },
    });
    cleanups.push(peer.close);
    const board = await powerOn("feed", {
      urls: monitor.url,
      keepalive_url: `ws://127.0.0.1:${peer.port}`,
      keepalive_interval_s: 0.5,
      keepalive_payload: "preset:ping",
    });
    await waitFor(
      () => has(monitor.beat, { shown: "4.20", messages: 1, feed: "open" }),
      BOUND_MS,
      () => `the message; the console ends with\n${board.console.lines.slice(-20).join("\n")}`,
    );
    await waitFor(() => heard.filter((text) => text === "ping").length > 2, BOUND_MS, "heartbeats");
    expect(heard[0]).toBe('{"subscribe":"price"}');
    expect(board.console.all(/ E /)).toEqual([]);
  });
});
