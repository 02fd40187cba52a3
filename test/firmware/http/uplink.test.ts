// SPDX-License-Identifier: MIT
// The uplink over HTTP: when it tries again after what a server answered.
import { describe, expect, it } from "vitest";
import { createIdentity } from "../../../firmware/auth/identity.ts";
import { createJwt } from "../../../firmware/auth/jwt.ts";
import { createHttpLink } from "../../../firmware/http/link.ts";
import { createUplink } from "../../../firmware/services/uplink.ts";
import type { LinkTarget } from "../../../firmware/transport/link.ts";
import { parseUrl } from "../../../firmware/wire/url.ts";
import { configOf, createFakeBoard, linesOf } from "../../helpers/fake-board.ts";

const SPREAD_MS = 1000;

function createRig(
  urls: string,
  answer: (host: string) => string,
  systemMs?: number,
  waitMs = 1000,
) {
  const board = createFakeBoard({
    boot: 6,
    ...(systemMs === undefined ? {} : { systemMs }),
  });
  const config = configOf({ urls, reconnect_spread_s: SPREAD_MS / 1000 });
  const identity = createIdentity(board, config);
  const jwt = createJwt(board, identity, config);
  const hosts: string[] = [];
  const told: string[] = [];
  board.net.onConnect = (socket) => {
    hosts.push(`${socket.endpoint.host} ${board.nowMs()}`);
    board.after(() => socket.open(), 1);
    socket.onWrite = (bytes) => {
      if (/^{|^GET /.test(bytes))
        board.after(() => socket.receive(answer(socket.endpoint.host)), 1);
    };
  };
  const uplink = createUplink(board, identity, config, {
    targetOf: (url) => parseUrl(url) as LinkTarget,
    onMessage: (topic, payload) => told.push(`${topic} ${payload}`),
    onTime: (wallMs) => {
      told.push("time");
      board.setWall(wallMs, "plausible");
    },
  });
  const waits = { identity, waitMs, seal: jwt.seal, token: jwt.connection };
  uplink.links["h"] = createHttpLink(board, waits, uplink);
  const beat = (): void =>
    uplink.publish({ topic: "t", body: "{}", qos: 1, claims: "1" }, (failure) =>
      told.push(failure ?? "ok"),
    );
  return { board, uplink, hosts, told, beat };
}

function answerOf(status: number, body = "", headers = ""): string {
  return `HTTP/1.1 ${status} x\r\n${headers}Content-Length: ${body.length}\r\n\r\n${body}`;
}

describe("an uplink over HTTP", () => {
  it("goes past a URL whose scheme the program does not carry, and says so", () => {
    const body = '{"status":"ok","server_time":"2026-11-22T06:19:16Z","commands":[]}';
    const { board, uplink, told, beat, hosts } = createRig("mqtt://one,http://two", () =>
      answerOf(200, body),
    );
    beat();
    expect(told).toEqual(["E_CONFIG key=urls"]);
    board.advance(4 * SPREAD_MS);
    expect(linesOf(board, "failed")).toEqual(["W uplink failed code=E_CONFIG key=urls"]);
    expect(uplink.status).toBe("online");
    expect(hosts.filter((host) => !host.startsWith("two "))).toEqual([]);
    beat();
    board.advance(100);
    expect(told.at(-1)).toBe("ok");
  });

  it("brings beats, and what their answers bring", () => {
    const body = '{"status":"ok","server_time":"2026-11-22T06:19:16Z","commands":["a.b.c"]}';
    const { board, uplink, told, beat } = createRig("http://one", () => answerOf(200, body));
    board.advance(2 * SPREAD_MS);
    expect(uplink.status).toBe("online");
    beat();
    board.advance(100);
    expect(told).toEqual(["time", "ok", "commands a.b.c"]);
  });

  it("waits as long as a server asks it to, and a random time more", () => {
    const answers = [answerOf(503, "", "Retry-After: 90\r\n"), answerOf(200, '{"status":"ok"}')];
    const { board, hosts, told, beat } = createRig("http://one", () => answers.shift() ?? "");
    board.advance(2 * SPREAD_MS);
    beat();
    board.advance(100);
    const failedMs = board.nowMs();
    board.advance(89_000);
    expect(hosts.length).toBe(1);
    board.advance(1000 + SPREAD_MS);
    expect(hosts.length).toBe(2);
    expect(Number(hosts[1]?.split(" ")[1]) - failedMs).toBeGreaterThanOrEqual(89_900);
    expect(told).toEqual(["ok"]);
  });

  it("does not wait with another server because the first one asked for it", () => {
    const answers = [answerOf(503, "", "Retry-After: 90\r\n"), answerOf(200, '{"status":"ok"}')];
    const rig = createRig("http://one,http://two", () => answers.shift() ?? "");
    rig.board.advance(2 * SPREAD_MS);
    rig.beat();
    rig.board.advance(2 * SPREAD_MS);
    expect(rig.hosts.map((host) => host.split(" ")[0])).toEqual(["one", "two"]);
    expect(rig.told).toEqual(["ok"]);
  });

  it("keeps its word to a server while the other one does not answer, and when the address is new", () => {
    const wait = answerOf(503, "", "Retry-After: 600\r\n");
    const rig = createRig("http://one,http://two", (host) => (host === "one" ? wait : ""));
    rig.beat();
    for (let minute = 0; minute < 60; minute++) {
      rig.board.advance(60_000);
      rig.uplink.networkUp();
    }
    const asked = rig.hosts.filter((host) => host.startsWith("one "));
    expect(asked.length).toBeGreaterThan(4);
    expect(asked.length).toBeLessThan(7);
    // And tries the other one all the while.
    expect(rig.hosts.length).toBeGreaterThan(60);
  });

  it.each([404, 500])(
    "goes back to a preferred server that says %d less and less often: to be connected proves nothing",
    (status) => {
      const { board, hosts, told, beat } = createRig("http://one,http://two", (host) =>
        host === "one" ? answerOf(status) : answerOf(200, '{"status":"ok"}'),
      );
      for (let minute = 0; minute < 360; minute++) {
        beat();
        board.advance(60_000);
      }
      expect(told.filter((outcome) => outcome === "ok").length).toBeGreaterThan(355);
      // At 5, 10, 20 and then each 40 minutes, but for the minute of the beat that finds out.
      const visits = hosts.filter((host) => host.startsWith("one "));
      expect(visits.length).toBeGreaterThan(5);
      expect(visits.length).toBeLessThan(12);
    },
  );

  it("asks the server for the time when the board has none", () => {
    const date = "Date: Sun, 22 Nov 2026 06:19:16 GMT\r\n";
    const { board, uplink, told } = createRig("http://one", () => answerOf(405, "", date), 0);
    expect(board.quality).toBe("none");
    board.advance(2 * SPREAD_MS);
    expect(told).toEqual(["time"]);
    expect(uplink.status).toBe("online");
    expect(board.wallMs()).toBeGreaterThanOrEqual(Date.UTC(2026, 10, 22, 6, 19, 16));
  });

  it("asks it also behind a broker that has to wait for the time", () => {
    const date = "Date: Sun, 22 Nov 2026 06:19:16 GMT\r\n";
    const rig = createRig("mqtt://one,http://two", () => answerOf(405, "", date), 0);
    rig.board.advance(4 * SPREAD_MS);
    expect([rig.told, rig.uplink.status]).toEqual([["time"], "online"]);
  });

  it("names what it waits for when no answer tells the time", () => {
    const { board } = createRig("http://one", () => "", 0, 20_000);
    board.advance(2 * SPREAD_MS + 10_000);
    expect(linesOf(board, "failed")).toEqual(["W uplink failed code=E_HTTP_TIMEOUT"]);
  });

  it("stops with nothing left", () => {
    const { board, uplink, beat, told } = createRig("http://one", () => "");
    board.advance(2 * SPREAD_MS);
    beat();
    board.advance(10);
    uplink.stop(() => told.push("stopped"));
    board.advance(5000);
    expect(told).toEqual(["E_HTTP_CLOSED", "stopped"]);
    expect(board.net.openCount()).toBe(0);
  });
});
