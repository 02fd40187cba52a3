// SPDX-License-Identifier: MIT
// From `--carrier` and `--broker` to servers, and the HTTP server of scenarios.
import { afterEach, describe, expect, it } from "vitest";
import { chooseServers } from "../../../tools/hil/servers/index.ts";
import { httpChoice } from "../../../tools/hil/servers/http.ts";
import type { ScenarioServer } from "../../../tools/scenario/server.ts";
import { FAKE_KEY, signedBeat, signToken } from "../../helpers/fake-device.ts";

describe("servers", () => {
  it("are one a carrier, in the order in which they are asked for", () => {
    const carriersOf = (...args: Parameters<typeof chooseServers>): string[] =>
      chooseServers(...args).map(({ carrier }) => carrier);
    expect(carriersOf(undefined, "own")).toEqual(["mqtt", "ws", "http"]);
    expect(carriersOf(["http", "ws", "ws"], "own")).toEqual(["http", "ws"]);
    expect(carriersOf(undefined, "ws://broker/mqtt")).toEqual(["ws"]);
    expect(carriersOf(["mqtt"], "mqtts://broker")).toEqual(["mqtt"]);
  });

  it("are under control unless they are somebody else's", () => {
    expect(chooseServers(undefined, "own").every(({ isOurs }) => isOurs)).toBe(true);
    expect(chooseServers(undefined, "mqtt://broker")[0]?.isOurs).toBe(false);
  });

  it.each([
    ["a broker by HTTP", undefined, "http://broker", "one URL of MQTT or WebSocket"],
    ["two brokers", undefined, "mqtt://a,mqtt://b", "one URL of MQTT or WebSocket"],
    ["another carrier than the broker's", ["http"] as const, "mqtt://a", "the carrier mqtt alone"],
  ])("refuse %s as a wrong call", (_name, carriers, broker, message) => {
    expect(() => chooseServers(carriers, broker)).toThrow(
      expect.objectContaining({ exitCode: 2, message: expect.stringContaining(message) as string }),
    );
  });
});

describe("the HTTP server", () => {
  let server: ScenarioServer | undefined;
  afterEach(() => server?.dispose());

  async function post(path: string, token: string, body = signedBeat()): Promise<number> {
    const { url } = server as ScenarioServer;
    const headers = { Authorization: `Bearer ${token}` };
    const response = await fetch(url + path, {
      method: "POST",
      headers,
      body: new Uint8Array(body),
    });
    await response.arrayBuffer();
    return response.status;
  }

  it("hands on beats of its device and refuses what has no token of it", async () => {
    server = await httpChoice().start("kitchen", FAKE_KEY);
    const beats: string[] = [];
    server.watch({
      onBeat: (id, payload) => beats.push(`${id} ${payload.length}`),
      onStatus: () => {},
      onUp: () => {},
      onDown: () => {},
    });
    const path = "/api/v1/devices/kitchen/heartbeat";
    const exp = Math.floor(Date.now() / 1000) + 60;
    const claims = { sub: "kitchen", aud: "lubdub", exp };
    expect(await post(path, signToken(claims))).toBe(200);
    expect(beats).toEqual([`kitchen ${signedBeat().length}`]);
    expect(await post(path, signToken(claims, { key: Buffer.alloc(32) }))).toBe(401);
    expect(await post(path, signToken({ ...claims, exp: exp - 120 }))).toBe(401);
    expect(await post(path, signToken({ ...claims, sub: "cellar" }))).toBe(401);
    expect(await post("/api/v1/devices/cellar/heartbeat", signToken(claims))).toBe(404);
    expect(beats).toHaveLength(1);
  });

  it("is stopped and started on the same port", async () => {
    server = await httpChoice().start("kitchen", FAKE_KEY);
    const { url } = server;
    await server.control?.stop();
    await expect(fetch(url)).rejects.toThrow();
    await server.control?.start();
    expect((await fetch(url)).status).toBe(404);
    expect(server.url).toBe(url);
  });
});
