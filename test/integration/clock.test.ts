// SPDX-License-Identifier: MIT
// The wall clock and the diagnostic pair on the real interpreter: a time server on this machine, the
// memory they take with code in flash, and steps of the system clock, which its timers follow.
import { createSocket } from "node:dgram";
import type { Socket } from "node:dgram";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { clockEntry, clockFiles } from "../helpers/clock-entry.ts";
import { timeAnswer } from "../helpers/fake-time-server.ts";
import type { TimeAnswer } from "../helpers/fake-time-server.ts";
import { createFakeClock, FAKETIME, NO_FAKETIME } from "../helpers/faketime.ts";
import { createInterpreter, INTERPRETER, NO_INTERPRETER } from "../helpers/interpreter.ts";
import type { Interpreter, InterpreterOptions } from "../helpers/interpreter.ts";
import { delay } from "../helpers/wait.ts";

const AHEAD_MS = 7 * 3_600_000;
const SYNC_MS = 20_000;

const cleanups: (() => unknown)[] = [];
beforeEach(({ skip }) => skip(!INTERPRETER, NO_INTERPRETER));
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean();
});

interface Server {
  port: number;
  requests: number;
  /** What it does with a request; undefined: nothing. */
  answer: (request: string) => string | undefined;
}

/** Starts a time server that is seven hours ahead of this machine. */
async function startServer(lie: TimeAnswer = {}): Promise<Server> {
  const socket: Socket = createSocket("udp4");
  const server: Server = {
    port: 0,
    requests: 0,
    answer: (request) => timeAnswer(request, Date.now() + AHEAD_MS, lie),
  };
  socket.on("message", (bytes, from) => {
    server.requests++;
    const answer = server.answer(bytes.toString("latin1"));
    if (answer !== undefined) socket.send(Buffer.from(answer, "latin1"), from.port, from.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  server.port = socket.address().port;
  cleanups.push(() => new Promise<void>((resolve) => socket.close(resolve)));
  return server;
}

let boards = 0;

/** Boots a board with the program in its flash. */
async function boot(
  settings: Partial<Parameters<typeof clockFiles>[0]>,
  options?: InterpreterOptions,
): Promise<Interpreter> {
  const board = createInterpreter(`clock-${++boards}`, options);
  cleanups.push(board.dispose);
  await board.configure(undefined);
  await board.install({
    ...clockFiles({ servers: "", intervalSec: 3600, ...settings }),
    ".bootcde": await clockEntry(),
  });
  await board.powerOn();
  await board.console.waitFor(/ I app ready/, SYNC_MS);
  return board;
}

const numberOf = async (board: Interpreter, text: string): Promise<number> =>
  Number(await board.evaluate(text));

/** How far its clock is ahead of this machine's, ms. */
const aheadMs = async (board: Interpreter): Promise<number> =>
  (await numberOf(board, "wall()")) - Date.now();

describe("the clock on the interpreter", () => {
  it("is synced by a server, and after a power cut the floor is known", async () => {
    const server = await startServer();
    const board = await boot({ servers: `127.0.0.1:${server.port}` });
    await board.console.waitFor(
      / I time synced server=127\.0\.0\.1 offset_ms=25(199|20\d)\d{3}$/,
      SYNC_MS,
    );
    expect(server.requests).toBe(4);
    expect(Math.abs((await aheadMs(board)) - AHEAD_MS)).toBeLessThan(200);
    // Here timers would follow the interpreter's clock, so that one is left alone.
    expect(Math.abs((await numberOf(board, "Date.now()")) - Date.now())).toBeLessThan(1000);
    await board.powerOff();
    server.answer = () => undefined;
    await board.powerOn();
    await board.console.waitFor(/ I app ready/, SYNC_MS, { count: 2 });
    expect(await board.evaluate("timeStatus()")).toBe("offline plausible running");
    expect(await aheadMs(board)).toBeGreaterThan(AHEAD_MS - 60_000);
    expect(board.console.faults()).toEqual([]);
  });

  it.each<[string, TimeAnswer, string]>([
    ["a kiss of death", { stratum: 0, reference: "DENY", head: 0xe4 }, "DENY"],
    ["leap 3", { head: 0xe4 }, "unfit"],
    ["another's timestamp", { origin: "12345678" }, "none"],
    ["stratum 16", { stratum: 16 }, "unfit"],
  ])("does not believe %s", async (_name, lie, reason) => {
    const server = await startServer(lie);
    const board = await boot({ servers: `127.0.0.1:${server.port}` });
    await board.console.waitFor(
      new RegExp(` W time failed code=E_TIME reason=${reason}$`),
      SYNC_MS,
    );
    expect(Math.abs(await aheadMs(board))).toBeLessThan(1000);
    expect(board.console.faults()).toEqual([]);
  });

  it("takes no memory that a sync does not give back", async () => {
    const server = await startServer();
    const board = await boot({ servers: `127.0.0.1:${server.port}` });
    /** The least of some readings: one may meet a timer of the interpreter's on its way. */
    const leastVars = async (): Promise<number> => {
      let least = Infinity;
      for (let i = 0; i < 10; i++) {
        await delay(50);
        least = Math.min(least, await numberOf(board, "process.memory().usage"));
      }
      return least;
    };
    let before = 0;
    // The first two make what stays.
    for (let round = 1; round <= 4; round++) {
      await board.console.waitFor(/ I time synced/, 2 * SYNC_MS, { count: round });
      if (round === 2) before = await leastVars();
      await board.evaluate("(resync(),1)");
    }
    await board.console.waitFor(/ I time synced/, 2 * SYNC_MS, { count: 5 });
    expect((await leastVars()) - before).toBe(0);
    expect(board.console.faults()).toEqual([]);
  });

  it("believes what it hears while there is nothing better, and stops", async () => {
    const server = await startServer();
    const board = await boot({ servers: `127.0.0.1:${server.port}`, hasPair: true });
    await board.evaluate(`heard(${Date.now() + 60_000})`);
    expect(Math.abs((await aheadMs(board)) - 60_000)).toBeLessThan(2000);
    await board.evaluate("(failing(),1)");
    await board.console.waitFor(
      / E scheduler job-failed code=E_JOB name=bad text="Error: no luck"$/,
      SYNC_MS,
    );
    await board.evaluate("(halt(),1)");
    expect(await board.evaluate("timeStatus()")).toBe("stopped plausible stopped");
    const { requests } = server;
    const { length } = board.console.lines;
    await delay(9000);
    expect(server.requests).toBe(requests);
    expect(board.console.lines.slice(length)).toEqual([]);
  });

  it("goes by a name only where names are resolved without blocking", async () => {
    const server = await startServer();
    const board = await boot({ servers: `localhost:1,127.0.0.1:${server.port}` });
    await board.console.waitFor(/ I time synced server=127/, 2 * SYNC_MS);
  });
});

describe("the diagnostic pair on the interpreter", () => {
  it("logs the same UUID twice, ten seconds apart, at the minute of the clock", async () => {
    const board = await boot({ hasPair: true });
    const uuid = "([0-9a-f]{8})-([0-9a-f]{4})-1([0-9a-f]{3})-[89ab][0-9a-f]{3}-[0-9a-f]{12}$";
    const form = (kind: string) =>
      new RegExp(`^(\\d+) I diagnostics Heartbeat \\(${kind}\\): UUID=${uuid}`);
    const timed = await board.console.waitFor(form("timed"), 70_000);
    const event = await board.console.waitFor(form("event"), 20_000);
    expect(event.slice(2)).toEqual(timed.slice(2));
    expect(Number(event[1]) - Number(timed[1])).toBeGreaterThanOrEqual(10_000);
    expect(Number(event[1]) - Number(timed[1])).toBeLessThan(10_500);
    const [, , low, middle, high] = timed;
    const ticks = BigInt(`0x${high}${middle}${low}`) - 0x01b21dd213814000n;
    const wallMs = Number(ticks / 10_000n);
    expect(Math.abs(wallMs - Date.now())).toBeLessThan(30_000);
    expect(wallMs % 60_000).toBeLessThan(1000);
  });
});

describe("a step of the system clock under the interpreter", () => {
  beforeEach(({ skip }) => skip(!FAKETIME, NO_FAKETIME));

  it.each([600_000, 40 * 86_400_000])("forward by %i ms fires no timer early", async (stepMs) => {
    const clock = createFakeClock();
    cleanups.push(clock.remove);
    const board = await boot({}, { env: clock.env });
    const ahead = await aheadMs(board);
    await board.evaluate('(later(8000,"later"),1)');
    const atMs = performance.now();
    await delay(1000);
    clock.set({ offsetMs: stepMs });
    await board.console.waitFor(/ I test later/, SYNC_MS);
    expect(performance.now() - atMs).toBeGreaterThan(7500);
    expect(performance.now() - atMs).toBeLessThan(12_000);
    // The wall clock is the firmware's own: it takes no part in the step.
    expect(Math.abs((await aheadMs(board)) - ahead)).toBeLessThan(3000);
    expect(board.console.faults()).toEqual([]);
  });

  it("backward delays timers by no more than the step", async () => {
    const clock = createFakeClock();
    cleanups.push(clock.remove);
    const board = await boot({}, { env: clock.env });
    await board.evaluate('(later(2000,"later"),1)');
    const atMs = performance.now();
    await delay(500);
    clock.set({ offsetMs: -4000 });
    await board.console.waitFor(/ I test later/, SYNC_MS);
    expect(performance.now() - atMs).toBeLessThan(9000);
    expect(board.console.faults()).toEqual([]);
  });
});
