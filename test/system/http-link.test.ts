// SPDX-License-Identifier: MIT
// Heartbeats over HTTP in a simulated world: a virtual board, and a receiver that is right, wrong,
// or away. The sum of it: ten thousand posts leave the board as the first ones did.
import { afterEach, describe, expect, it } from "vitest";
import { World, createHeartbeatReceiver } from "../../sim/index.ts";
import type { BoardUsage, HttpRule, WorldBoard } from "../../sim/index.ts";
import { httpEntry, httpFiles } from "../helpers/http-entry.ts";
import { LAB_CONFIG } from "../helpers/lab.ts";
import { SEED } from "../helpers/seeds.ts";
import { loadBundle, PROJECT_DIR } from "../../tools/lib/bundle.ts";

interface Counts {
  acked: number;
  dropped: number;
  fails: number;
  made: number;
}

interface Rig {
  world: World;
  board: WorldBoard;
  server: ReturnType<World["http"]>;
  /** Numbers of the beats that the server took, in the order of their coming. */
  seqs: number[];
  counts(): Counts;
  /** Runs until all beats are finished. */
  finish(): Promise<void>;
}

const worlds: World[] = [];
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close();
});

async function createRig(options: {
  beats: number;
  pauseMs?: number;
  rule?: HttpRule;
  commands?: readonly string[];
  isInstrumented?: boolean;
}): Promise<Rig> {
  const world = new World({ seed: SEED, keepTrace: false });
  worlds.push(world);
  const seqs: number[] = [];
  const server = world.http("monitor", {
    handle: createHeartbeatReceiver({
      clock: world.clock,
      isAllowed: (_id, token) => token === "a-token",
      onBeat: ({ text }) => seqs.push((JSON.parse(text) as { seq: number }).seq),
      commandsFor: () => options.commands ?? [],
    }),
  });
  if (options.rule) server.misbehave(options.rule);
  const target = { scheme: "http" as const, host: "monitor", port: 80, path: "/" };
  const { beats, pauseMs = 1000 } = options;
  let finished = 0;
  const board = world.board("dut", {
    script: await httpEntry(),
    onPrint: (line) => {
      if (line.endsWith("I test finished")) finished++;
    },
    files: httpFiles({ ...target, beats, pauseMs, statusPort: 8080 }),
    wifi: false,
    instrument: options.isInstrumented ?? true,
  });
  const counts = (): Counts => {
    const [acked, dropped, fails, made] = String(board.evaluate("count()")).split(",").map(Number);
    return { acked, dropped, fails, made } as Counts;
  };
  return {
    world,
    board,
    server,
    seqs,
    counts,
    finish: async () => {
      const before = finished;
      expect(await world.runUntil(() => finished > before, "20m")).toBe(true);
    },
  };
}

describe("a board that posts its beats", () => {
  it("brings each of them once", async () => {
    const { world, board, finish, counts, seqs } = await createRig({
      beats: 50,
      commands: ["a.b.c"],
    });
    await finish();
    expect(counts()).toEqual({ acked: 50, dropped: 0, fails: 0, made: 50 });
    expect(seqs).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
    expect(board.lines.filter((line) => line.endsWith("I test commands a.b.c")).length).toBe(50);
    expect(world.problems).toEqual([]);
  });

  // How often the link fails: a beat that is lost on a kept connection goes out once more by itself.
  it.each<[name: string, misdeed: HttpRule["do"], takes: number, fails: number]>([
    ["a failing server", { status: 503, headers: { "Retry-After": "2" } }, 0, 3],
    ["a captive portal", { status: 200, body: "<html>hello</html>" }, 0, 3],
    ["a redirect", { status: 302, headers: { Location: "/" } }, 0, 3],
    ["an answer that is cut", { bodyBytes: 10 }, 1, 3],
    ["a wrong length", { length: 5000 }, 0, 0],
    ["no answer", "hang", 0, 2],
    ["a closed connection", "close", 0, 2],
    ["a cut connection", "reset", 0, 2],
    ["a slow answer", { drip: { bytes: 20, everyMs: 2000 } }, 1, 3],
  ])("loses none by %s", async (_name, misdeed, takes, fails) => {
    const rule = { on: "POST", skip: 5, count: 3, do: misdeed };
    const { world, finish, counts, seqs } = await createRig({ beats: 20, rule });
    await finish();
    expect(counts()).toEqual({ acked: 20, dropped: 0, fails, made: 20 });
    // A beat whose answer was lost comes again; its number tells the server.
    const expected = Array.from({ length: 20 }, (_, i) => i + 1);
    expect([...new Set(seqs)]).toEqual(expected);
    expect(seqs.length).toBe(20 + 3 * takes);
    expect(world.problems).toEqual([]);
  });

  it("takes answers in chunks, without a length, and slowly", async () => {
    const rule = {
      on: "POST",
      do: { length: "chunked", drip: { bytes: 9, everyMs: 20 } },
    } as const;
    const { finish, counts, server } = await createRig({ beats: 10, rule });
    await finish();
    server.misbehave({ on: "POST", do: { length: "none" } });
    expect(counts()).toMatchObject({ acked: 10, fails: 0 });
  });

  it("gives up a beat that the server refuses, and does not believe it twice in a row", async () => {
    const rule = { on: "POST", skip: 5, count: 2, do: { status: 422, body: '{"code":"E_BEAT"}' } };
    const { board, finish, counts } = await createRig({ beats: 20, rule });
    await finish();
    expect(counts()).toEqual({ acked: 19, dropped: 1, fails: 1, made: 20 });
    expect(board.lines.some((line) => line.endsWith("E_HTTP_STATUS status=422 code=E_BEAT"))).toBe(
      true,
    );
  });

  it("is as it was after ten thousand posts, each over a connection of its own", async () => {
    const { world, board, server, finish, counts } = await createRig({
      beats: 100,
      pauseMs: 5,
      isInstrumented: false,
    });
    await finish();
    board.evaluate("pause()");
    await world.run("2m");
    const before = board.usage() as BoardUsage;
    board.evaluate("resume()");
    board.evaluate("more(9900)");
    await finish();
    board.evaluate("pause()");
    await world.run("2m");
    expect(counts()).toEqual({ acked: 10_000, dropped: 0, fails: 0, made: 10_000 });
    expect(server.stats().connections).toBeGreaterThanOrEqual(10_000);
    const { vars, ...after } = board.usage() as BoardUsage;
    expect({ ...after, vars: before.vars }).toEqual(before);
    expect(Math.abs(vars - before.vars)).toBeLessThanOrEqual(5);
    expect(world.problems).toEqual([]);
  }, 300_000);
});

describe("a whole board over HTTP", () => {
  /** Runs a built bundle that beats every 30 s to a server; `spoil` may answer in its place. */
  function createBoard(
    name: string,
    spoil: (text: string) => { status: number; body: string } | undefined,
    urls = "http://monitor",
  ): { world: World; board: WorldBoard; seqs: number[] } {
    const world = new World({ seed: SEED, keepTrace: false });
    worlds.push(world);
    world.timeServer("time");
    const seqs: number[] = [];
    const receive = createHeartbeatReceiver({
      clock: world.clock,
      onBeat: ({ text }) => seqs.push((JSON.parse(text) as { seq: number }).seq),
    });
    world.http("monitor", { handle: (post) => spoil(post.body.toString()) ?? receive(post) });
    const board = world.board("dev-1", {
      script: loadBundle(`${PROJECT_DIR}dist/firmware/${name}.min.js`).text,
      files: { "lubdub.json": JSON.stringify({ ...LAB_CONFIG, urls, interval_s: 30 }) },
      wifi: false,
      instrument: false,
    });
    return { world, board, seqs };
  }

  it.each(["lubdub", "lubdub-http"])(
    "(%s) loses no more than a beat that no server takes",
    async (name) => {
      const { world, board, seqs } = createBoard(name, (text) =>
        text.includes('"seq":7,') ? { status: 500, body: "" } : undefined,
      );
      await world.run("30m");
      const fails = board.lines.filter((line) => line.includes("uplink failed")).length;
      expect(fails).toBeLessThan(20);
      expect(board.lines.filter((line) => line.includes("W uplink failed")).at(-1)).toMatch(
        /^[0-6]\d{5} /,
      );
      const highest = Math.max(...seqs);
      expect(highest).toBeGreaterThan(55);
      expect([...seqs].sort((a, b) => a - b)).toEqual(
        Array.from({ length: highest }, (_, i) => i + 1).filter((seq) => seq !== 7),
      );
    },
  );

  it("sends the newest beat first after an outage, then all that it made meanwhile", async () => {
    let isAway = false;
    const { world, seqs } = createBoard("lubdub", () =>
      isAway ? { status: 503, body: "" } : undefined,
    );
    await world.run("10m");
    isAway = true;
    await world.run("30m");
    isAway = false;
    const before = seqs.length;
    await world.run("20m");
    const after = seqs.slice(before);
    expect(after[0]).toBeGreaterThan(before + 58);
    expect([...seqs].sort((a, b) => a - b)).toEqual(Array.from(seqs, (_, i) => i + 1));
  });

  it("goes to its other server when one takes no beat at all, whatever it says", async () => {
    let isBroken = false;
    const { world, seqs } = createBoard(
      "lubdub",
      () => (isBroken ? { status: 400, body: "<html>wrong host</html>" } : undefined),
      "http://monitor,mqtt://broker",
    );
    world
      .broker("broker")
      .subscribe("devices/+/heartbeat", (_topic, payload) =>
        seqs.push((JSON.parse(Buffer.from(payload).toString()) as { seq: number }).seq),
      );
    await world.run("10m");
    isBroken = true;
    await world.run("1h");
    isBroken = false;
    await world.run("10m");
    const all = new Set(seqs);
    // One may be judged by a server that has just taken another.
    expect(Math.max(...all) - all.size).toBeLessThan(2);
  });
});
