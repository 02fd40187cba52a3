// SPDX-License-Identifier: MIT
// The connection with several URLs and as the parts join it to the rest: from one broker to the next
// and back, new tokens in time, and refused credentials. One URL by itself is in uplink.test.ts.
import { describe, expect, it } from "vitest";
import { createApp } from "../../../firmware/app.ts";
import type { App } from "../../../firmware/app.ts";
import { clock, heartbeat, mqtt, uplink } from "../../../firmware/parts.ts";
import { BACKOFF_STEP } from "../../../firmware/lib/backoff.ts";
import { GOODBYE_MS } from "../../../firmware/mqtt/link.ts";
import { PREFER_MS, STABLE_MS } from "../../../firmware/services/uplink.ts";
import { PAUSE_MS } from "../../../firmware/services/time-sync.ts";
import { CONNECTION_TOKEN_SEC } from "../../../firmware/wire/claims.ts";
import { ALL_KEYS } from "../../../firmware/wire/config.ts";
import type { Config } from "../../../firmware/wire/config.ts";
import { configOf, createFakeBoard, linesOf } from "../../helpers/fake-board.ts";
import type { FakeBoard, FakeSocket } from "../../helpers/fake-board.ts";
import { createFakeBroker } from "../../helpers/fake-broker.ts";
import type { FakeBroker } from "../../helpers/fake-broker.ts";
import { timeAnswer } from "../../helpers/fake-time-server.ts";
import { randomOf } from "../../helpers/seeds.ts";

const MINUTE_MS = 60_000;
const TOKEN_MS = CONNECTION_TOKEN_SEC * 1000;
/** Draws the whole window. */
const WHOLE = 1 - 2 ** -53;

interface Rig {
  board: FakeBoard;
  app: App;
  /** By host. */
  brokers: { [host: string]: FakeBroker };
  /** Hosts that were dialled, in order, and when, ms. */
  dials: { host: string; atMs: number }[];
  /** Advances until it is online at the host; gives how long that took, ms. */
  onlineMs(host: string, maxMs: number): number;
  /** The host does not answer any more, not even to an attempt to connect. */
  silence(host: string, isSilent?: boolean): void;
}

/** The parts of a board at brokers `m1` and `m2`, `m1` first; `draw` answers for the random numbers. */
function create(settings: Partial<Config> = {}, draw?: () => number): Rig {
  const board = createFakeBoard({ boot: 6 });
  if (draw) board.random = draw;
  const brokers: Rig["brokers"] = {};
  const accepts: { [host: string]: ((socket: FakeSocket) => void) | undefined } = {};
  const silent = new Set<string>();
  for (const host of ["m1", "m2"]) {
    brokers[host] = createFakeBroker(board);
    accepts[host] = board.net.onConnect;
  }
  const dials: Rig["dials"] = [];
  board.net.onConnect = (socket) => {
    const { host } = socket.endpoint;
    dials.push({ host, atMs: board.nowMs() });
    if (!silent.has(host)) accepts[host]?.(socket);
  };
  const config = configOf({ urls: "mqtt://m1,mqtt://m2", time_servers: "", ...settings });
  const app = createApp(board, config, ALL_KEYS);
  clock(app);
  uplink(app);
  mqtt(app);
  heartbeat(app, {});
  return {
    board,
    app,
    brokers,
    dials,
    onlineMs: (host, maxMs) => {
      const fromMs = board.nowMs();
      const isThere = (): boolean =>
        app.uplink?.status === "online" && board.net.last().endpoint.host === host;
      while (!isThere() && board.nowMs() - fromMs < maxMs) board.advance(10);
      return isThere() ? board.nowMs() - fromMs : Infinity;
    },
    silence: (host, isSilent = true) => {
      if (isSilent) silent.add(host);
      else silent.delete(host);
      const answers = { acksPublish: !isSilent, answersPing: !isSilent, acksSubscribe: !isSilent };
      Object.assign(brokers[host] as FakeBroker, answers);
    },
  };
}

/** What the tokens of the connections to a broker say. */
function tokens(broker: FakeBroker | undefined): { iat: number; exp: number; jti: string }[] {
  return (broker as FakeBroker).packets.flatMap((packet) =>
    packet.cmd === "connect"
      ? [
          JSON.parse(
            Buffer.from(String(packet.password).split(".")[1] ?? "", "base64url").toString(),
          ) as { iat: number; exp: number; jti: string },
        ]
      : [],
  );
}

describe("a preferred broker that is gone", () => {
  const draws = Array.from({ length: 20 }, (_, i) => i);

  it.each([0, 18_000])("hands over within a minute; connecting blocks for %i ms", (blockMs) => {
    for (const i of draws)
      for (const how of ["cut", "silent"]) {
        const rig = create({}, randomOf(`fallback ${i}`));
        expect(rig.onlineMs("m1", MINUTE_MS)).toBeLessThan(MINUTE_MS);
        // So that it is lost at any moment of a Keep Alive.
        rig.board.advance(37_000 + i * 700);
        rig.silence("m1");
        if (how === "cut") rig.board.net.last().close("ended");
        rig.board.net.blockMs = blockMs;
        const tookMs = rig.onlineMs("m2", 2 * MINUTE_MS);
        expect(tookMs, `draws ${i}, ${how}`).toBeLessThan(MINUTE_MS + blockMs);
      }
  });

  it("is never there: the start takes no longer than that", () => {
    for (const i of draws) {
      const rig = create({}, randomOf(`start ${i}`));
      rig.silence("m1");
      expect(rig.onlineMs("m2", 2 * MINUTE_MS), `draws ${i}`).toBeLessThan(MINUTE_MS);
    }
  });

  it("and all others with it are tried in turn, ever less often by rounds", () => {
    const rig = create({ reconnect_spread_s: 8 }, () => WHOLE);
    for (const host of ["m1", "m2"]) (rig.brokers[host] as FakeBroker).isUp = false;
    rig.board.advance(5 * MINUTE_MS);
    const { dials } = rig;
    expect(dials.slice(0, 4).map(({ host }) => host)).toEqual(["m1", "m2", "m1", "m2"]);
    const waits = dials
      .slice(1)
      .map(({ atMs }, i) => Math.round((atMs - (dials[i]?.atMs ?? 0)) / 1000));
    const rounds = 2 * BACKOFF_STEP;
    expect(new Set(waits.slice(0, rounds))).toEqual(new Set([9]));
    expect(waits.slice(rounds, rounds + 2)).toEqual([18, 18]);
  });
});

describe("the way back to the preferred broker", () => {
  /** Online at `m2`, because `m1` was away. */
  function atSecond(settings: Partial<Config> = {}, draw = 0.5): Rig {
    const rig = create(settings, () => draw);
    rig.silence("m1");
    rig.onlineMs("m2", MINUTE_MS);
    return rig;
  }

  /** How long it stays at `m2` before it dials `m1`, ms. */
  function stayMs(rig: Rig): number {
    const { length } = rig.dials;
    const fromMs = rig.board.nowMs();
    while (rig.dials.length === length && rig.board.nowMs() - fromMs < 10_000_000)
      rig.board.advance(10);
    expect(rig.dials.at(-1)?.host).toBe("m1");
    return rig.board.nowMs() - fromMs;
  }

  it("is gone after a while, in order and without a gap", () => {
    const rig = atSecond();
    rig.silence("m1", false);
    const tookMs = stayMs(rig);
    expect(tookMs).toBeGreaterThanOrEqual(PREFER_MS);
    expect(tookMs).toBeLessThan(PREFER_MS + STABLE_MS + 1000);
    const second = rig.brokers["m2"] as FakeBroker;
    expect(second.cmds().at(-1)).toBe("disconnect");
    expect(second.payloads("/status").at(-1)).toContain('"shutdown"');
    expect(rig.onlineMs("m1", 1000)).toBeLessThan(1000);
    rig.board.advance(3 * PREFER_MS);
    expect(rig.dials.at(-1)?.host).toBe("m1");
  });

  it("is tried half as often each time that it fails, and as at first once it has held", () => {
    const rig = atSecond();
    const stays: number[] = [];
    for (let i = 0; i < 6; i++) {
      const ms = stayMs(rig);
      stays.push(Math.floor(ms / PREFER_MS));
      expect(rig.onlineMs("m2", MINUTE_MS)).toBeLessThan(MINUTE_MS);
    }
    expect(stays).toEqual([1, 2, 4, 8, 8, 8]);

    rig.silence("m1", false);
    stayMs(rig);
    expect(rig.onlineMs("m1", 1000)).toBeLessThan(1000);
    rig.board.advance(STABLE_MS + 1000);
    rig.silence("m1");
    rig.onlineMs("m2", 2 * MINUTE_MS);
    expect(Math.floor(stayMs(rig) / PREFER_MS)).toBe(1);
  });

  it("is open however long it was gone, where connections are renewed meanwhile", () => {
    const rig = atSecond({ renew: true }, 0);
    rig.board.advance(6 * 60 * MINUTE_MS);
    rig.silence("m1", false);
    expect(rig.onlineMs("m1", 60 * MINUTE_MS)).toBeLessThan(60 * MINUTE_MS);
  });

  it("is not looked for where no part carries its scheme", () => {
    const rig = create({ urls: "ws://m1,mqtt://m2" });
    expect(rig.onlineMs("m2", MINUTE_MS)).toBeLessThan(MINUTE_MS);
    rig.board.advance(60 * MINUTE_MS);
    expect(rig.dials).toHaveLength(1);
  });

  it("ends in order when the program is stopped while it says goodbye", () => {
    const rig = atSecond();
    const second = rig.brokers["m2"] as FakeBroker;
    while (rig.app.uplink?.status === "online") {
      second.acksPublish = rig.board.nowMs() < PREFER_MS;
      rig.board.advance(10);
    }
    expect(second.payloads("/status").at(-1)).toContain('"shutdown"');
    let tookMs = 0;
    const fromMs = rig.board.nowMs();
    rig.app.uplink?.stop(() => (tookMs = rig.board.nowMs() - fromMs));
    rig.board.advance(MINUTE_MS);
    expect(tookMs).toBeGreaterThan(0);
    expect(tookMs).toBeLessThan(GOODBYE_MS + 10);
    expect(second.cmds().at(-1)).toBe("disconnect");
    expect(second.payloads("/status").filter((text) => text.includes("shutdown"))).toHaveLength(1);
    expect(rig.board.net.last().state).toBe("ended");
    expect([rig.app.uplink?.status, rig.dials.at(-1)?.host]).toEqual(["off", "m2"]);
  });

  it.each(["the connection is cut", "an address is back"])(
    "goes on where %s while it says goodbye",
    (what) => {
      const rig = atSecond();
      rig.silence("m1", false);
      const second = rig.brokers["m2"] as FakeBroker;
      while (rig.app.uplink?.status === "online") {
        second.acksPublish = rig.board.nowMs() < PREFER_MS;
        rig.board.advance(10);
      }
      rig.board.advance(50);
      const { length } = rig.dials;
      if (what === "an address is back") rig.app.uplink?.networkUp();
      else rig.board.net.last().close("ended");
      expect(rig.onlineMs("m1", GOODBYE_MS + 500)).toBeLessThan(GOODBYE_MS + 500);
      rig.board.advance(MINUTE_MS);
      expect(rig.dials.slice(length).map(({ host }) => host)).toEqual(["m1"]);
    },
  );

  it("does not count as held when it is dropped at once", () => {
    const rig = atSecond();
    stayMs(rig);
    rig.onlineMs("m2", MINUTE_MS);
    rig.silence("m1", false);
    stayMs(rig);
    rig.onlineMs("m1", 1000);
    rig.silence("m1");
    rig.board.net.last().close("ended");
    rig.onlineMs("m2", MINUTE_MS);
    expect(Math.floor(stayMs(rig) / PREFER_MS)).toBe(4);
  });
});

describe("the token of a connection", () => {
  it.each([
    [0, 0.72],
    [0.5, 0.8],
    [WHOLE, 0.88],
  ])("is renewed before it ends, drawn %d: at %d of its life", (draw, share) => {
    const rig = create({ urls: "mqtt://m1", renew: true }, () => draw);
    rig.onlineMs("m1", MINUTE_MS);
    const first = rig.board.net.last();
    const broker = rig.brokers["m1"] as FakeBroker;
    rig.board.advance(share * TOKEN_MS - 1000);
    expect(rig.dials).toHaveLength(1);
    broker.packets.length = 0;
    rig.board.advance(STABLE_MS + 2000);
    expect(rig.dials).toHaveLength(2);
    // In order: the broker has no reason to say the will.
    expect(first.state).toBe("ended");
    const cmds = broker.cmds();
    expect(cmds.slice(cmds.indexOf("disconnect"), cmds.indexOf("disconnect") + 2)).toEqual([
      "disconnect",
      "connect",
    ]);
    // Nor do its readers hear that the device is gone.
    expect(broker.payloads("/status").join()).not.toContain("shutdown");
    const [token] = tokens(broker);
    expect(token?.jti).toBe("7.2");
    expect(Math.abs((token?.exp ?? 0) * 1000 - rig.board.wallMs() - TOKEN_MS)).toBeLessThan(
      STABLE_MS + 2000,
    );
    // And so on.
    rig.board.advance(share * TOKEN_MS + STABLE_MS);
    expect(rig.dials).toHaveLength(3);
    expect(linesOf(rig.board, "failed")).toEqual([]);
  });

  it("is not renewed where nobody asks for that", () => {
    const rig = create({ urls: "mqtt://m1" });
    rig.board.advance(3 * TOKEN_MS);
    expect(rig.dials).toHaveLength(1);
  });
});

describe("refused credentials", () => {
  const SPREAD_MS = 9000;
  const LONG_MS = 90_000;

  /** Online, its clock synced by a time server that counts as `asked`. */
  function createSynced(change: Partial<Config> = {}) {
    const settings = {
      urls: "mqtt://m1",
      time_servers: "1.2.3.4",
      reconnect_spread_s: 8,
      ...change,
    };
    const rig = create(settings, () => WHOLE);
    const { board } = rig;
    const { udpNet } = board;
    let answered = 0;
    const answerAll = (): void => {
      for (; answered < udpNet.sent.length; answered++)
        udpNet.receive(timeAnswer(udpNet.sent[answered]?.bytes ?? "", board.wallMs()), "1.2.3.4");
    };
    for (let i = 0; i < 30; i++) {
      answerAll();
      board.advance(1000);
    }
    expect([board.quality, rig.app.uplink?.status]).toEqual(["synced", "online"]);
    const asked = udpNet.sent.length;
    const broker = rig.brokers["m1"] as FakeBroker;
    broker.connack = 5;
    rig.dials.length = 0;
    broker.packets.length = 0;
    board.net.last().close("ended");
    return {
      ...rig,
      broker,
      answerAll,
      asked: () => udpNet.sent.length - asked,
      /** Waits for the next attempt; gives how long it took, s. */
      waitSec: (): number => {
        const { length } = rig.dials;
        const fromMs = board.nowMs();
        while (rig.dials.length === length && board.nowMs() - fromMs < 2 * LONG_MS)
          board.advance(10);
        const tookMs = board.nowMs() - fromMs;
        // Until the answer is there.
        board.advance(10);
        return Math.round(tookMs / 1000);
      },
    };
  }

  it("make a new token, then doubt of the clock, then patience", () => {
    const { board, broker, waitSec, asked } = createSynced();
    waitSec();
    expect(board.quality).toBe("synced");
    // The first refusal: soon, and with a token made anew.
    expect(waitSec()).toBe(SPREAD_MS / 1000);
    const [first, second] = tokens(broker);
    expect((second?.iat ?? 0) - (first?.iat ?? 0)).toBe(SPREAD_MS / 1000);
    // The second: the clock is only plausible, and time servers are asked anew.
    expect([board.quality, asked()]).toEqual(["plausible", 0]);
    expect(waitSec()).toBe(SPREAD_MS / 1000);
    board.advance(PAUSE_MS - SPREAD_MS + 1000);
    expect(asked()).toBeGreaterThan(0);
    // From the third on.
    expect(waitSec()).toBe((LONG_MS - (PAUSE_MS - SPREAD_MS + 1000)) / 1000);
  });

  it("are forgotten once a beat was acknowledged", () => {
    const { app, board, broker, waitSec } = createSynced();
    waitSec();
    waitSec();
    expect(app.jwt.refusals).toBe(2);
    broker.connack = 0;
    waitSec();
    board.advance(MINUTE_MS);
    expect(app.uplink?.status).toBe("online");
    broker.connack = 5;
    board.net.last().close("ended");
    waitSec();
    expect(waitSec()).toBe(SPREAD_MS / 1000);
  });

  it("are not tried again at each sync of a clock that is right", () => {
    const { answerAll, asked, board, dials } = createSynced({ time_interval_s: 64 });
    for (let sec = 0; sec < 3600; sec++) {
      answerAll();
      board.advance(1000);
    }
    expect(asked()).toBeGreaterThan(100);
    expect(board.quality).toBe("synced");
    // The window is at its end, five minutes, within the hour.
    expect(dials.length).toBeLessThan(40);
  });

  it("of another kind, as of the identifier, call for patience at once, and for nothing else", () => {
    const { board, app, broker, waitSec } = createSynced();
    broker.connack = 2;
    waitSec();
    expect(waitSec()).toBe(LONG_MS / 1000);
    expect([board.quality, app.jwt.refusals]).toEqual(["synced", 0]);
  });

  it("at one broker do not make the next one wait, at all of them they do", () => {
    const rig = create({ reconnect_spread_s: 8 }, () => WHOLE);
    const [first, second] = [rig.brokers["m1"] as FakeBroker, rig.brokers["m2"] as FakeBroker];
    first.connack = second.connack = 2;
    rig.board.advance(1000 + SPREAD_MS + LONG_MS + 1000);
    const at = rig.dials.map(({ atMs }) => Math.round(atMs / 1000));
    expect(at).toEqual([1, 1 + SPREAD_MS / 1000, 1 + (SPREAD_MS + LONG_MS) / 1000]);
  });
});
