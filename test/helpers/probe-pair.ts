// SPDX-License-Identifier: MIT
// One script, one server, one fault: on the real interpreter through a gateway, and on a virtual
// board of the same kind in virtual time. Both meet the same server program behind the same
// conditions, so what they print can be compared.
import { World } from "../../sim/index.ts";
import { createInterpreter } from "./interpreter.ts";
import { DUT } from "./interpreter-world.ts";
import { waitFor } from "./wait.ts";

/** A script and what it meets. */
export interface Probe {
  /** Unique in a test file. */
  name: string;
  /** Adds the server to a world, at a host called `server`. */
  serve(world: World): void;
  port: number;
  isUdp?: boolean;
  /** Key and certificate of the gateway when the server is one for TLS. */
  tls?: { key: string; cert: string };
  /** Begins what the script is to meet. */
  begin(world: World): void;
  /**
   * The script, with `@HOST` and `@PORT` for the place of the server. It shows lines that begin
   * with `= `, the last of them `= done`.
   */
  script: string;
}

/** Lines without their mark, of each kind of board. */
export interface ProbeLines {
  real: string[];
  virtual: string[];
}

const HOST = "server";
const DONE = "= done";
const BOUND_MS = 30_000;

const shown = (lines: readonly string[]): string[] =>
  lines.filter((line) => line.startsWith("= ") && line !== DONE).map((line) => line.slice(2));

function scriptFor(probe: Probe, host: string, port: number): string {
  return probe.script.replaceAll("@HOST", host).replaceAll("@PORT", String(port));
}

async function onInterpreter(probe: Probe): Promise<string[]> {
  const world = new World({ realtime: true });
  const board = createInterpreter(probe.name);
  const { lines } = board.console;
  try {
    probe.serve(world);
    const { port, isUdp = false, tls } = probe;
    const way = { from: DUT, to: HOST, port, isUdp };
    const gateway = await world.gateway(tls ? { ...way, tls } : way);
    probe.begin(world);
    board.run(scriptFor(probe, "127.0.0.1", gateway.port));
    const end = (): string => `the end of the probe; the console has\n${lines.join("\n")}`;
    await waitFor(() => lines.includes(DONE), BOUND_MS, end);
    return shown(lines);
  } finally {
    await board.dispose();
    await world.close();
  }
}

async function onVirtualBoard(probe: Probe): Promise<string[]> {
  const world = new World();
  probe.serve(world);
  const script = scriptFor(probe, HOST, probe.port);
  const board = world.board(DUT, { profile: "linux", script, isOff: true });
  probe.begin(world);
  board.powerOn();
  await world.runUntil(() => board.lines.includes(DONE), BOUND_MS);
  await world.close();
  return shown(board.lines);
}

/** Runs it on both. */
export async function runProbe(probe: Probe): Promise<ProbeLines> {
  const virtual = await onVirtualBoard(probe);
  return { real: await onInterpreter(probe), virtual };
}
