// SPDX-License-Identifier: MIT
// The wall clock against servers that are right, wrong, silent, or say that they have had enough.
import { describe, expect, it } from "vitest";
import {
  createTimeSync,
  LOOK_MS,
  NAME_MS,
  PAUSE_MS,
  SAMPLE_MS,
  SAMPLES,
  SAVE_MS,
  SYNCED_MS,
} from "../../../firmware/services/time-sync.ts";
import type { TimeSync } from "../../../firmware/services/time-sync.ts";
import { createFakeBoard, linesOf } from "../../helpers/fake-board.ts";
import type { FakeBoard, FakeBoardOptions } from "../../helpers/fake-board.ts";
import { START_WALL_MS } from "../../helpers/fake-clock.ts";
import { timeAnswer } from "../../helpers/fake-time-server.ts";
import type { TimeAnswer } from "../../helpers/fake-time-server.ts";

const HOUR_MS = 3_600_000;
// One server, with some time to spare.
const SYNC_MS = SAMPLES * SAMPLE_MS + 10;
const NTP_ERA_1_MS = Date.UTC(2036, 1, 7, 6, 28, 16);

/** What a server does with a request: its clock's lead in ms and lies, or nothing at all. */
type Server = ({ aheadMs?: number; afterMs?: number } & TimeAnswer) | undefined;

interface Rig {
  rt: FakeBoard;
  time: TimeSync;
  /** Servers by address; what is not here is silent. Replaced at will. */
  servers: { [address: string]: Server | ((sample: number) => Server) };
  /** The right time, epoch ms. */
  trueMs(): number;
  /** How far the own clock is ahead of it, ms. */
  aheadMs(): number;
  changes: string[];
  saved: number[];
  /** What was kept that no time server said. */
  heard: number[];
  /** Seconds at which each address was asked. */
  askedSec(address?: string): number[];
}

function createRig({
  servers = "10.0.0.1",
  board = { systemMs: 0 },
  trueMs = START_WALL_MS,
  floorMs = 0,
  knownMs = 0,
  intervalSec = 14_400,
  change,
}: {
  servers?: string;
  board?: FakeBoardOptions;
  trueMs?: number;
  floorMs?: number;
  knownMs?: number;
  intervalSec?: number;
  change?: (rt: FakeBoard) => void;
} = {}): Rig {
  const rt = createFakeBoard(board);
  change?.(rt);
  const asked: [string, number][] = [];
  const rig: Rig = {
    rt,
    servers: { "10.0.0.1": {} },
    trueMs: () => trueMs + rt.nowMs(),
    aheadMs: () => Math.round(rt.wallMs() - rig.trueMs()),
    changes: [],
    saved: [],
    heard: [],
    askedSec: (address) =>
      asked.filter(([to]) => !address || to === address).map(([, ms]) => Math.round(ms / 1000)),
    time: undefined as unknown as TimeSync,
  };
  const { udp } = rt;
  if (udp)
    rt.udp = (onMessage) => {
      const socket = udp(onMessage);
      return {
        close: socket.close,
        send: (bytes, address, port) => {
          socket.send(bytes, address, port);
          asked.push([address, rt.nowMs()]);
          const found = rig.servers[address];
          const server = typeof found === "function" ? found(asked.length) : found;
          if (!server) return;
          const { aheadMs = 0, afterMs = 20, ...lie } = server;
          const answer = (): string => timeAnswer(bytes, rig.trueMs() - afterMs / 2 + aheadMs, lie);
          rt.clock.after(afterMs, () => rt.udpNet.receive(answer(), address));
        },
      };
    };
  rig.time = createTimeSync(
    rt,
    {
      servers,
      intervalSec,
      floorMs,
      knownMs,
      save: (ms, isSynced) => (isSynced ? rig.saved : rig.heard).push(ms),
    },
    () => rig.changes.push(rt.quality),
  );
  return rig;
}

/** Lets it sync once with a right server. */
function synced(options?: Parameters<typeof createRig>[0]): Rig {
  const rig = createRig(options);
  rig.time.networkUp();
  rig.rt.advance(SYNC_MS);
  expect(rig.time.status).toBe("synced");
  return rig;
}

describe("the first sync", () => {
  it("begins when the network is up and asks four times, two seconds apart", () => {
    const { rt, time, askedSec, changes, aheadMs } = createRig();
    rt.advance(LOOK_MS * 3);
    expect(askedSec()).toEqual([]);
    expect(time.status).toBe("offline");
    time.networkUp();
    rt.advance(SYNC_MS);
    expect(askedSec()).toEqual([180, 182, 184, 186]);
    expect(rt.udpNet.sent[0]).toMatchObject({ address: "10.0.0.1", port: 123 });
    expect(rt.udpNet.sent[0]?.bytes).toMatch(/^#\0{39}[^]{8}$/);
    expect(aheadMs()).toBe(0);
    expect(time).toMatchObject({ status: "synced", server: "10.0.0.1", delayMs: 20 });
    expect(rt.quality).toBe("synced");
    expect(changes).toEqual(["synced"]);
    expect(rt.udpNet.openCount).toBe(0);
  });

  it("ends with the last answer", () => {
    const { rt, time } = createRig();
    time.networkUp();
    rt.advance(SAMPLE_MS * 3 + 25);
    expect(time.status).toBe("synced");
  });

  it("sends a stamp that nobody can guess, a new one each time", () => {
    const { rt } = synced();
    const stamps = new Set(rt.udpNet.sent.map(({ bytes }) => bytes.slice(40)));
    expect(stamps.size).toBe(4);
  });

  it("takes the sample with the least delay", () => {
    const { rt, time, servers, aheadMs } = createRig();
    // The way there takes all the time of a slow answer: it tells half of it too much.
    const samples: Server[] = [
      { afterMs: 900, aheadMs: 450 },
      { afterMs: 10 },
      { afterMs: 400, aheadMs: -200 },
      undefined,
    ];
    servers["10.0.0.1"] = (sample) => samples[sample - 1];
    time.networkUp();
    rt.advance(SYNC_MS);
    expect(aheadMs()).toBe(0);
    expect(time.delayMs).toBe(10);
  });

  it("counts the time that the server took as no delay", () => {
    const { rt, time, servers, trueMs, aheadMs } = createRig();
    servers["10.0.0.1"] = () => ({
      afterMs: 520,
      receivedMs: trueMs() + 10,
      sentMs: trueMs() + 510,
    });
    time.networkUp();
    rt.advance(SYNC_MS);
    expect(time.delayMs).toBeCloseTo(20, 3);
    expect(aheadMs()).toBe(0);
  });

  it("asks at the port that is configured", () => {
    const { rt } = synced({ servers: "10.0.0.1:1123" });
    expect(rt.udpNet.sent[0]?.port).toBe(1123);
  });

  it("tells the interpreter's clock where timers survive it", () => {
    const told: number[] = [];
    const { trueMs, rt } = synced({
      change: (own) => {
        own.setSystemMs = (ms) => {
          told.push(ms);
          own.clock.setWall(ms);
        };
      },
    });
    expect(told).toHaveLength(1);
    expect(rt.systemMs() - trueMs()).toBe(0);
    // Its own doing is no news.
    rt.advance(LOOK_MS * 2);
    expect(rt.quality).toBe("synced");
  });
});

describe("an answer that is not believed", () => {
  it.each<[string, TimeAnswer & { aheadMs?: number; afterMs?: number }, string]>([
    ["another's originate timestamp", { origin: "12345678" }, "none"],
    ["leap 3", { head: 0xe4 }, "unfit"],
    ["version 3", { head: 0x1c }, "unfit"],
    ["mode 5", { head: 0x25 }, "unfit"],
    ["stratum 16", { stratum: 16 }, "unfit"],
    ["a root delay of 32 s", { rootDelaySec: 32 }, "unfit"],
    ["a root dispersion of 16 s", { rootDispersionSec: 16 }, "unfit"],
    ["no transmit timestamp", { sentMs: null }, "unfit"],
    ["a receive timestamp after it was sent", { receivedMs: START_WALL_MS + HOUR_MS }, "unfit"],
    ["47 bytes", { bytes: 47 }, "none"],
    ["a time before the floor", { aheadMs: -HOUR_MS }, "disagree"],
    ["a time ten years ahead", { aheadMs: 10 * 365 * 24 * HOUR_MS }, "disagree"],
    ["a time before this firmware", { aheadMs: -400 * 24 * HOUR_MS }, "disagree"],
    ["a kiss of death", { stratum: 0, reference: "INIT" }, "INIT"],
    ["unprintable letters", { stratum: 0, reference: "A\n\x1b[" }, "A???"],
  ])("is one with %s", (_name, server, reason) => {
    const rig = createRig({ floorMs: START_WALL_MS - 1000 });
    rig.servers["10.0.0.1"] = server;
    rig.time.networkUp();
    rig.rt.advance(3 * 24 * HOUR_MS);
    expect(rig.changes).toEqual([]);
    expect(rig.time.status).toBe(reason);
    expect(linesOf(rig.rt, "time failed")[0]).toBe(`W time failed code=E_TIME reason=${reason}`);
    expect(rig.rt.udpNet.openCount).toBe(0);
  });

  it("is one that comes twice, or after its time", () => {
    const rig = createRig();
    rig.time.networkUp();
    rig.rt.advance(30);
    const { bytes } = rig.rt.udpNet.sent[0] as { bytes: string };
    rig.servers["10.0.0.1"] = undefined;
    rig.rt.udpNet.receive(timeAnswer(bytes, rig.trueMs() + HOUR_MS), "10.0.0.1");
    rig.rt.advance(SAMPLE_MS);
    rig.rt.udpNet.receive(timeAnswer(bytes, rig.trueMs() + HOUR_MS), "10.0.0.1");
    rig.rt.advance(SYNC_MS);
    expect(rig.aheadMs()).toBe(0);
  });
});

describe("several servers", () => {
  const three = "10.0.0.1,10.0.0.2,10.0.0.3";

  it("are believed when two agree, and the wild one is not", () => {
    const rig = createRig({ servers: three });
    rig.servers = { "10.0.0.1": { aheadMs: 9 * HOUR_MS }, "10.0.0.2": {}, "10.0.0.3": {} };
    rig.time.networkUp();
    rig.rt.advance(3 * SYNC_MS);
    expect(rig.time).toMatchObject({ status: "synced", server: "10.0.0.3" });
    expect(rig.aheadMs()).toBe(0);
  });

  it("are asked no further when the first agrees with what is known", () => {
    const rig = createRig({ servers: three, board: {} });
    rig.time.networkUp();
    rig.rt.advance(3 * SYNC_MS);
    expect(rig.time.status).toBe("synced");
    expect(rig.rt.udpNet.sent).toHaveLength(4);
  });

  it("are not believed when none agrees with another", () => {
    const rig = createRig({ servers: "10.0.0.1,10.0.0.2" });
    rig.servers = { "10.0.0.1": { aheadMs: 9 * HOUR_MS }, "10.0.0.2": {} };
    rig.time.networkUp();
    rig.rt.advance(HOUR_MS);
    expect(rig.time.status).toBe("disagree");
    expect(rig.rt.quality).toBe("none");
  });

  it("stand in for one that is silent", () => {
    const rig = createRig({ servers: three });
    rig.servers = { "10.0.0.3": {} };
    rig.time.networkUp();
    rig.rt.advance(3 * SYNC_MS);
    expect(rig.time).toMatchObject({ status: "synced", server: "10.0.0.3" });
    expect(rig.askedSec("10.0.0.2")).toEqual([8, 10, 12, 14]);
  });

  it("heal a floor in the future when two agree", () => {
    const rig = createRig({ servers: three, floorMs: START_WALL_MS + 9 * HOUR_MS });
    rig.servers = { "10.0.0.1": {}, "10.0.0.2": {} };
    rig.time.networkUp();
    rig.rt.advance(3 * SYNC_MS);
    expect(rig.aheadMs()).toBe(0);
    expect(rig.saved).toHaveLength(1);
  });
});

describe("a kiss of death", () => {
  it.each(["DENY", "RSTR"])("%s ends the asking of that server", (reference) => {
    const rig = createRig({ servers: "10.0.0.1,10.0.0.2" });
    rig.servers = { "10.0.0.1": { stratum: 0, reference, head: 0xe4 }, "10.0.0.2": {} };
    rig.time.networkUp();
    rig.rt.advance(24 * HOUR_MS);
    expect(rig.askedSec("10.0.0.1")).toEqual([0]);
    expect(rig.time).toMatchObject({ status: "synced", server: "10.0.0.2" });
  });

  it("of all servers leaves nothing to ask for a day, whatever comes up", () => {
    const rig = createRig();
    rig.servers["10.0.0.1"] = { stratum: 0, reference: "DENY" };
    rig.time.networkUp();
    rig.rt.advance(21 * HOUR_MS);
    rig.time.networkUp();
    rig.rt.advance(HOUR_MS / 2);
    expect(rig.askedSec()).toEqual([0]);
    expect(linesOf(rig.rt, "time failed")).toEqual(["W time failed code=E_TIME reason=DENY"]);
    expect(rig.rt.udpNet.openCount).toBe(0);
    rig.servers["10.0.0.1"] = {};
    rig.rt.advance(5 * HOUR_MS);
    expect(rig.time.status).toBe("synced");
  });

  it("RATE doubles the interval, and nothing is asked before it has passed", () => {
    const rig = createRig({ intervalSec: 3600 });
    rig.servers["10.0.0.1"] = { stratum: 0, reference: "RATE" };
    rig.time.networkUp();
    rig.rt.advance(12 * HOUR_MS);
    const hours = rig.askedSec().map((sec) => sec / 3600);
    expect(hours).toHaveLength(3);
    expect(hours[1]).toBeGreaterThan(1.8);
    expect((hours[2] as number) - (hours[1] as number)).toBeGreaterThan(3.6);
  });

  it("with another server's origin is no kiss", () => {
    const rig = createRig();
    rig.servers["10.0.0.1"] = (sample) =>
      sample === 1 ? { stratum: 0, reference: "DENY", origin: "12345678" } : {};
    rig.time.networkUp();
    rig.rt.advance(SYNC_MS);
    expect(rig.time.status).toBe("synced");
  });

  it("after a good sample leaves that one to go by", () => {
    const rig = createRig();
    rig.servers["10.0.0.1"] = (sample) => (sample === 1 ? {} : { stratum: 0, reference: "RATE" });
    rig.time.networkUp();
    rig.rt.advance(SYNC_MS);
    expect(rig.time.status).toBe("synced");
    expect(rig.askedSec()).toEqual([0, 2]);
  });
});

describe("names", () => {
  it("are resolved without blocking, one answer each", () => {
    const rig = createRig({ servers: "time.test:1123" });
    rig.rt.names.set("time.test", "10.0.0.1");
    rig.time.networkUp();
    rig.rt.advance(SYNC_MS + 100);
    expect(rig.time).toMatchObject({ status: "synced", server: "time.test" });
    expect(rig.rt.udpNet.sent[0]).toMatchObject({ address: "10.0.0.1", port: 1123 });
  });

  it.each<[string, (rt: FakeBoard) => void]>([
    ["has no address", () => {}],
    ["is never answered", (rt) => (rt.resolve = () => {})],
    ["cannot be resolved on this board", (rt) => delete (rt as Partial<FakeBoard>).resolve],
  ])("pass the turn on when one %s", (_name, change) => {
    const rig = createRig({ servers: "time.test,10.0.0.1", change });
    rig.time.networkUp();
    rig.rt.advance(NAME_MS + SYNC_MS);
    expect(rig.time).toMatchObject({ status: "synced", server: "10.0.0.1" });
  });

  it("that are answered late are not taken for the next", () => {
    const late: ((address: string | null) => void)[] = [];
    const rig = createRig({
      servers: "time.test,10.0.0.1",
      change: (rt) => (rt.resolve = (_host, done) => late.push(done)),
    });
    rig.time.networkUp();
    rig.rt.advance(NAME_MS + 10);
    late[0]?.("10.0.0.9");
    rig.rt.advance(SYNC_MS);
    late[0]?.("10.0.0.9");
    rig.rt.advance(SYNC_MS);
    expect(rig.askedSec("10.0.0.9")).toEqual([]);
    expect(rig.time.status).toBe("synced");
    rig.time.stop();
    late[0]?.("10.0.0.9");
    rig.rt.advance(LOOK_MS);
    expect(rig.rt.udpNet.sent).toHaveLength(4);
  });
});

describe("the next sync", () => {
  it("comes after the interval, a tenth more or less", () => {
    const rig = synced({ intervalSec: 3600 });
    const [, , , , next] = (rig.rt.advance(3 * HOUR_MS), rig.askedSec());
    expect(next).toBeGreaterThan(3240);
    expect(next).toBeLessThan(3960 + 70);
    expect(rig.time.status).toBe("synced");
    expect(rig.saved).toHaveLength(1);
  });

  it.each([
    ["none longer than the interval", "plausible", [60, 120, 240, 480, 600, 600]],
    ["and without any clock none of more than minutes", "none", [60, 120, 240, 240, 240, 240]],
  ] as const)("comes after a failure with growing pauses, %s", (_name, quality, pausesSec) => {
    const rig = createRig({ intervalSec: 600 });
    rig.rt.setWall(rig.trueMs(), quality);
    rig.servers = {};
    rig.time.networkUp();
    rig.rt.advance(HOUR_MS);
    const starts = rig.askedSec().filter((_sec, i) => i % SAMPLES === 0);
    const gaps = starts.slice(1).map((sec, i) => sec - (starts[i] as number));
    // A look a minute: each may be up to one late.
    pausesSec.forEach((sec, i) => {
      expect(gaps[i]).toBeGreaterThan(sec * 0.9);
      expect(gaps[i]).toBeLessThan(sec * 1.1 + 70);
    });
  });

  it("comes soon after the network is back, but not within 15 s", () => {
    const rig = createRig();
    rig.servers = {};
    rig.time.networkUp();
    rig.rt.advance(12 * HOUR_MS);
    const before = rig.askedSec().length;
    rig.servers = { "10.0.0.1": {} };
    const sec = rig.rt.nowMs() / 1000;
    rig.time.networkUp();
    rig.rt.advance(PAUSE_MS + SYNC_MS);
    expect((rig.askedSec()[before] as number) - sec).toBe(15);
    expect(rig.time.status).toBe("synced");
  });

  it("is not brought on by a network that flaps while the time is synced or asked for", () => {
    const rig = createRig();
    rig.time.networkUp();
    rig.rt.advance(SAMPLE_MS);
    rig.time.networkUp();
    rig.rt.advance(SYNC_MS);
    rig.time.networkUp();
    rig.rt.advance(HOUR_MS);
    expect(rig.askedSec()).toHaveLength(4);
  });

  it("corrects a clock that was put off by a minute", () => {
    const rig = synced({ intervalSec: 3600 });
    rig.rt.setWall(rig.trueMs() + 60_000, "synced");
    rig.rt.advance(2 * HOUR_MS);
    expect(rig.aheadMs()).toBe(0);
  });

  it("corrects a clock that drifts and says by how much", () => {
    const rig = synced({ intervalSec: 3600 });
    rig.servers["10.0.0.1"] = { aheadMs: 140 };
    rig.rt.advance(2 * HOUR_MS);
    expect(rig.time.offsetMs).toBe(140);
    expect(rig.aheadMs()).toBe(140);
    expect(linesOf(rig.rt, "time synced").at(-1)).toMatch(/ offset_ms=(140|0)$/);
  });

  it("does not believe the only server when it leaps, until the own time has aged", () => {
    const rig = synced({ intervalSec: 3600 });
    rig.servers["10.0.0.1"] = { aheadMs: HOUR_MS };
    rig.rt.advance(SYNCED_MS - HOUR_MS);
    expect(rig.aheadMs()).toBe(0);
    rig.rt.advance(4 * HOUR_MS);
    expect(rig.aheadMs()).toBe(HOUR_MS);
  });
});

describe("quality", () => {
  it("stays synced between syncs of the longest interval", () => {
    const rig = synced({ intervalSec: 86_400 });
    for (let day = 0; day < 14; day++) {
      rig.rt.advance(24 * HOUR_MS);
      expect(rig.changes).not.toContain("plausible");
    }
  });

  it("falls to plausible after more than a day without success", () => {
    const rig = synced();
    rig.servers = {};
    rig.rt.advance(SYNCED_MS - LOOK_MS);
    expect(rig.rt.quality).toBe("synced");
    rig.rt.advance(2 * LOOK_MS);
    expect(rig.rt.quality).toBe("plausible");
    expect(rig.changes).toEqual(["synced", "plausible"]);
    expect(rig.aheadMs()).toBe(0);
  });

  it("is plausible by what is heard, unless there is something better", () => {
    const rig = createRig();
    rig.time.heard(rig.trueMs() + 700);
    expect(rig.rt.quality).toBe("plausible");
    expect(rig.aheadMs()).toBe(700);
    // What agrees moves nothing, what does not does.
    rig.time.heard(rig.trueMs());
    expect(rig.aheadMs()).toBe(700);
    rig.time.heard(rig.trueMs() + HOUR_MS);
    expect(rig.aheadMs()).toBe(HOUR_MS);
    rig.time.networkUp();
    rig.rt.advance(SYNC_MS);
    expect(rig.aheadMs()).toBe(0);
    rig.time.heard(rig.trueMs() + HOUR_MS);
    expect(rig.rt.quality).toBe("synced");
    expect(rig.aheadMs()).toBe(0);
  });

  it("does not come from what is heard before the floor, or is no number", () => {
    const rig = createRig({ floorMs: START_WALL_MS });
    rig.time.heard(START_WALL_MS - HOUR_MS);
    rig.time.heard(NaN);
    expect(rig.changes).toEqual([]);
  });

  it("is plausible when somebody sets the interpreter's clock", () => {
    const rig = createRig({ servers: "" });
    rig.rt.advance(LOOK_MS * 5);
    expect(rig.rt.quality).toBe("none");
    rig.rt.clock.setWall(rig.trueMs());
    rig.rt.advance(LOOK_MS);
    expect(rig.rt.quality).toBe("plausible");
    expect(rig.aheadMs()).toBe(0);
    expect(rig.rt.lines).toEqual([]);
  });
});

describe("the floor", () => {
  it("is the time after a start without a clock", () => {
    const rig = createRig({ floorMs: START_WALL_MS - 5000 });
    expect(rig.rt.quality).toBe("plausible");
    rig.rt.advance(1000);
    expect(rig.aheadMs()).toBe(-5000);
  });

  it("leaves a clock alone that shows more", () => {
    const rig = createRig({ floorMs: START_WALL_MS - 5000, board: {} });
    expect(rig.aheadMs()).toBe(0);
  });

  it("is kept at the first sync, then every six hours", () => {
    const rig = synced({ intervalSec: 3600 });
    expect(rig.saved).toHaveLength(1);
    expect(rig.saved[0]).toBeGreaterThan(START_WALL_MS + 6000);
    expect(rig.saved[0]).toBeLessThan(START_WALL_MS + 7000);
    rig.rt.advance(2 * SAVE_MS + HOUR_MS);
    expect(rig.saved.length).toBe(2 + 1);
    expect(rig.heard).toEqual([]);
  });
});

describe("what is heard", () => {
  const LIE_MS = Date.UTC(2099, 0);

  it("is kept every six hours, also when it is no news, and none while a server is believed", () => {
    const rig = createRig({ servers: "" });
    for (let i = 0; i < 20 * 60; i++) {
      rig.time.heard(rig.trueMs());
      rig.rt.advance(LOOK_MS);
    }
    expect(rig.heard.map((ms) => (ms - START_WALL_MS) / HOUR_MS)).toEqual([0, 6, 12, 18]);
    expect(rig.saved).toEqual([]);
    const other = synced();
    other.time.heard(other.trueMs());
    expect(other.heard).toEqual([]);
  });

  it("is not kept when it is before the floor, or no number", () => {
    const rig = createRig({ floorMs: START_WALL_MS });
    rig.time.heard(START_WALL_MS - HOUR_MS);
    rig.time.heard(NaN);
    expect(rig.heard).toEqual([]);
  });

  it("is the time after a start without a clock, and of no weight where there is one", () => {
    const floorMs = START_WALL_MS - 9 * HOUR_MS;
    const rig = createRig({ floorMs, knownMs: START_WALL_MS - HOUR_MS });
    expect(rig.rt.quality).toBe("plausible");
    expect(rig.aheadMs()).toBe(-HOUR_MS);
    expect(createRig({ floorMs, knownMs: LIE_MS, board: {} }).aheadMs()).toBe(0);
  });

  it("shuts out neither what is heard next nor the only server, when it was a lie", () => {
    const told = createRig({ knownMs: LIE_MS, floorMs: START_WALL_MS - HOUR_MS });
    expect(told.rt.wallMs()).toBe(LIE_MS);
    told.time.heard(told.trueMs());
    expect(told.aheadMs()).toBe(0);
    expect(told.heard).toEqual([told.trueMs()]);
    const asked = synced({ knownMs: LIE_MS, floorMs: START_WALL_MS - HOUR_MS });
    expect(asked.aheadMs()).toBe(0);
    expect(asked.saved).toHaveLength(1);
  });

  it("is replaced by the next sync, whenever it was kept", () => {
    const rig = createRig();
    rig.time.heard(LIE_MS);
    rig.time.networkUp();
    rig.rt.advance(SYNC_MS);
    expect(rig.heard).toEqual([LIE_MS]);
    expect(rig.saved).toHaveLength(1);
  });
});

describe("the NTP era", () => {
  it.each([
    ["before its end", NTP_ERA_1_MS - 3000],
    ["after its end", NTP_ERA_1_MS + 3_000_000],
    ["long after its end", Date.UTC(2068, 0, 1)],
  ])("is found %s", (_name, trueMs) => {
    const rig = createRig({ trueMs });
    rig.time.networkUp();
    rig.rt.advance(SYNC_MS);
    expect(rig.aheadMs()).toBe(0);
  });
});

describe("a board without UDP", () => {
  it("says so once and takes what it hears", () => {
    const rig = createRig({ change: (rt) => delete (rt as Partial<FakeBoard>).udp });
    rig.time.networkUp();
    rig.rt.advance(24 * HOUR_MS);
    expect(linesOf(rig.rt, " ")).toEqual(["E time unusable code=E_UDP_NONE"]);
    rig.time.heard(rig.trueMs());
    expect(rig.rt.quality).toBe("plausible");
  });
});

describe("stop", () => {
  it("is not undone by an answer that is on its way", () => {
    let deliver: (bytes: string, address: string) => void = () => {};
    const rig = createRig({
      change: (rt) => {
        const { udp } = rt;
        rt.udp = (onMessage) => (udp as NonNullable<typeof udp>)((deliver = onMessage));
      },
    });
    rig.servers = {};
    rig.time.networkUp();
    rig.rt.advance(SAMPLES * SAMPLE_MS - 100);
    rig.time.stop();
    const { bytes } = rig.rt.udpNet.sent.at(-1) as { bytes: string };
    deliver(timeAnswer(bytes, rig.trueMs()), "10.0.0.1");
    rig.rt.advance(HOUR_MS);
    expect(linesOf(rig.rt, " ")).toEqual([]);
    expect(rig.changes).toEqual([]);
  });

  it.each([0, 1, SAMPLE_MS + 10, SYNC_MS + 1])("leaves nothing after %i ms", (ms) => {
    const rig = createRig();
    rig.time.networkUp();
    rig.rt.advance(ms);
    rig.time.stop();
    rig.time.stop();
    const { length } = rig.rt.udpNet.sent;
    rig.rt.advance(HOUR_MS);
    expect(rig.rt.udpNet.sent).toHaveLength(length);
    expect(rig.rt.udpNet.openCount).toBe(0);
    expect(rig.rt.isArmed(0)).toBe(false);
    expect(rig.time.status).toBe("stopped");
  });
});
