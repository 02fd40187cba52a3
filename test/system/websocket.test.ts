// SPDX-License-Identifier: MIT
// A WebSocket kept alive in a simulated world: a virtual board, and a server that is right, wrong, or
// away.
import { afterEach, describe, expect, it } from "vitest";
import { World, createWebSocketListener, webSocketEcho } from "../../sim/index.ts";
import type { BoardUsage, WebSocketListener, WebSocketRule, WorldBoard } from "../../sim/index.ts";
import { createLab } from "../helpers/lab.ts";
import { SEED } from "../helpers/seeds.ts";
import { webSocketEntry, webSocketFiles } from "../helpers/websocket-entry.ts";
import type { WebSocketEntrySettings } from "../helpers/websocket-entry.ts";

interface Rig {
  world: World;
  board: WorldBoard;
  listener: WebSocketListener;
  counts(): { sent: number; missed: number; pongs: number; dropped: number };
  /** Words that the service has logged, in order. */
  states(): string[];
  isOpen(): boolean;
}

const worlds: World[] = [];
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close();
});

async function createRig(
  rules: WebSocketRule[] = [],
  changes: Partial<WebSocketEntrySettings> = {},
): Promise<Rig> {
  const world = new World({ seed: SEED, keepTrace: false });
  worlds.push(world);
  const listener = createWebSocketListener({ clock: world.clock, program: webSocketEcho() });
  listener.misbehave(rules);
  world.serve("server", 80, listener.peer);
  const board = world.board("dut", {
    script: await webSocketEntry(),
    files: webSocketFiles({
      host: "server",
      port: 80,
      keepalive_interval_s: 5,
      keepalive_payload: "preset:ping",
      // The server is an echo.
      keepalive_pong: "ping",
      keepalive_pong_s: 2,
      ...changes,
    }),
    wifi: false,
  });
  const states = (): string[] =>
    board.lines.flatMap((line) => / I test (waiting|opening|open|off)$/.exec(line)?.[1] ?? []);
  return {
    world,
    board,
    listener,
    counts: () => {
      const [sent, missed, pongs, dropped] = String(board.evaluate("count()"))
        .split(",")
        .map(Number) as [number, number, number, number];
      return { sent, missed, pongs, dropped };
    },
    states,
    isOpen: () => states().at(-1) === "open",
  };
}

describe("a WebSocket that is kept alive", () => {
  it("stays open, with one heartbeat an interval and an answer to each", async () => {
    const { world, counts, states, listener, board } = await createRig();
    await world.run("10m");
    const { sent, pongs, missed } = counts();
    expect(sent).toBeGreaterThanOrEqual(118);
    expect(pongs).toBeGreaterThanOrEqual(sent - 1);
    expect(missed).toBe(0);
    expect(states()).toEqual(["opening", "open"]);
    expect(listener.stats()).toEqual({ opened: 1, refused: 0 });
    board.evaluate('say("hello",1)');
    await world.run("2s");
    expect(board.lines.some((line) => line.endsWith("I test message 1 aGVsbG8"))).toBe(true);
    for (const size of [0, 1, 2, 3, 4, 5, 37, 600])
      expect(board.evaluate(`masked(${size})`)).toBe(`${size + 4} 0`);
    board.evaluate("stop()");
    await world.run("2s");
    expect(states().at(-1)).toBe("off");
    expect(board.lines.at(-1)).toMatch(/ I test stopped$/);
    expect(world.problems).toEqual([]);
  });

  it.each<[string, WebSocketRule, string]>([
    ["no answer to the handshake", { on: "handshake", count: 2, do: "hang" }, "timeout"],
    ["an end instead of an answer", { on: "handshake", count: 2, do: "close" }, "ended"],
    ["a cut instead of an answer", { on: "handshake", count: 2, do: "reset" }, "ended"],
    ["503", { on: "handshake", count: 2, do: { status: 503 } }, "http-503"],
    ["401", { on: "handshake", count: 2, do: { status: 401 } }, "http-401"],
    ["a wrong accept", { on: "handshake", count: 2, do: { accept: "no" } }, "accept"],
    ["a strange protocol", { on: "handshake", count: 2, do: { protocol: "x" } }, "protocol"],
    ["masked frames", { on: "handshake", count: 2, do: { isMasked: true } }, "failed-1002"],
    ["a heartbeat without answer", { on: "text", count: 2, do: "ignore" }, "timeout"],
    ["an end", { on: "text", count: 2, do: "close" }, "ended"],
    ["a cut", { on: "text", count: 2, do: "reset" }, "ended"],
    ["Close with 1012", { on: "text", count: 2, do: { closeCode: 1012 } }, "closed-1012"],
    ["text that is none", { on: "text", count: 2, do: { respond: "8101ff" } }, "failed-1007"],
    [
      "an endless message",
      { on: "text", count: 2, do: { respond: "827f0000ffff00000000" } },
      "failed-1009",
    ],
    ["a reserved bit", { on: "text", count: 2, do: { respond: "c100" } }, "failed-1002"],
  ])("is made anew after %s", async (_name, rule, reason) => {
    const { world, board, isOpen, counts } = await createRig([rule]);
    await world.run("2m");
    const lost = board.lines.filter((line) => line.includes(" W ws lost "));
    expect(lost.map((line) => /reason=(\S+)/.exec(line)?.[1])).toEqual([reason, reason]);
    expect(isOpen()).toBe(true);
    expect(counts().pongs).toBeGreaterThan(10);
    expect(world.problems).toEqual([]);
  });

  it("takes a server that answers late and in fragments", async () => {
    const { world, states } = await createRig([
      { on: "handshake", do: { delayMs: 3000, fragmentBytes: 1 } },
    ]);
    await world.run("2m");
    expect(states()).toEqual(["opening", "open"]);
  });

  it("notices a cable that is pulled, and is back when it is plugged in", async () => {
    const { world, states, isOpen } = await createRig();
    await world.run("1m");
    world.fault("partition", { for: "2m", target: "dut" });
    await world.run("30s");
    expect(isOpen()).toBe(false);
    await world.run("3m");
    expect(isOpen()).toBe(true);
    expect(states().slice(0, 3)).toEqual(["opening", "open", "waiting"]);
  });

  it("is back within the spread of a Wi-Fi that was away for long", async () => {
    const { world, board } = createLab({
      hasRadio: true,
      config: {
        wifi_ssid: "home",
        keepalive_url: "ws://server/",
        keepalive_interval_s: 15,
        keepalive_payload: "hello",
      },
    });
    const listener = createWebSocketListener({ clock: world.clock, program: webSocketEcho() });
    world.serve("server", 80, listener.peer);
    await world.run("5m");
    expect(listener.stats().opened).toBe(1);
    world.fault("wifi-drop", { target: "dev-1", for: "25m" });
    await world.run("25m");
    const since = board.lines.length;
    await world.runUntil(() => listener.stats().opened > 1, "20m");
    await world.run("1s");
    const atMs = (text: string): number =>
      Number.parseInt(board.lines.slice(since).find((line) => line.includes(text)) ?? "", 10);
    expect(atMs(" ws open") - atMs(" wifi up")).toBeLessThan(10_500);
  });

  it("leaves nothing behind, however often it is made anew", async () => {
    const { world, board, listener, states } = await createRig(
      [{ on: "text", do: { closeCode: 1001 } }],
      { keepalive_interval_s: 0.5, keepalive_pong_s: 0.4 },
    );
    const usageAfter = async (opened: number): Promise<BoardUsage> => {
      await world.runUntil(
        () => listener.stats().opened >= opened && states().at(-1) === "waiting",
        "24h",
      );
      return board.usage() as BoardUsage;
    };
    const before = await usageAfter(20);
    const { vars, ...rest } = await usageAfter(320);
    expect(rest).toEqual({ ...before, vars: undefined });
    expect(Math.abs(vars - before.vars)).toBeLessThanOrEqual(5);
    expect(world.problems).toEqual([]);
  });
});
