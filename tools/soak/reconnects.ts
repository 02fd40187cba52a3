// SPDX-License-Identifier: MIT
// One board and one way of failing, over and over: whatever happens to its connection, it comes back,
// and holds afterwards exactly what it held before: timers, listeners, sockets, bytes that wait, files.
// The ways are those that `npm run bench:firmware -- --failures` lets a real interpreter go through.
import { CONFIG_FILE } from "../../firmware/wire/config.ts";
import { World } from "../../sim/index.ts";
import type { BoardUsage, Peer, PeerConnection, PeerHandlers } from "../../sim/index.ts";
import { boardConfigText } from "../lib/board-config.ts";
import { AppError } from "../lib/errors.ts";

/** Every way, in the order in which a connection can meet them. */
export const FAILURES = [
  "wifi", // the access point is gone
  "dns", // a name that cannot be resolved
  "refused", // nobody listens
  "tls", // a handshake that hangs
  "closed", // an orderly end instead of an answer
  "silent", // no answer
  "drip", // an answer a byte at a time, too slow
  "cut", // half of the answer, then a reset
  "garbage", // an answer that is none
  "rejected", // CONNACK 5
  "dropped", // an orderly end while it is online
  "half-open", // online, and nothing gets through any more
] as const;

/** One of them. */
export type Failure = (typeof FAILURES)[number];

/** What came of one way. */
export interface ReconnectResult {
  failure: Failure;
  /** Connections that failed or were lost, each followed by one that lasted. */
  reconnects: number;
  /** What the board held at rest, before and after. */
  before: BoardUsage;
  after: BoardUsage;
  violations: { invariant: string; deviceId: string; text: string }[];
}

const DEVICE = "dev-1";
/** What a connection has once has been had before it is counted. */
const WARM_UP = 3;
/** Longer than a connection must last to end the count of failures. */
const STABLE = "31s";
/** How long one failure may last, and the way back. */
const FAILURE_LIMIT = "10m";
const DRIP_MS = 700;
/** No packet begins so. */
const GARBAGE = Buffer.from("f0ff00ff0a0d2f7b", "hex");

type DoorMode = "open" | "closed" | "silent" | "drip" | "cut" | "garbage";

/** A door in front of a server, which lets bytes through or not. */
function createDoor(
  front: Peer,
  world: World,
): { peer: Peer; mode: DoorMode; each(end: boolean): void } {
  const there = new Set<PeerConnection>();
  const later = (ms: number, fn: () => void): void => void world.clock.setTimer(fn, ms);

  /** The connection as the server sees it: its answers meet the door. */
  const inside = (connection: PeerConnection, mode: DoorMode): PeerConnection => ({
    remote: connection.remote,
    get unsentBytes() {
      return connection.unsentBytes;
    },
    write: (bytes) => {
      if (mode === "garbage") connection.write(GARBAGE);
      else if (mode === "drip")
        [...bytes].forEach((byte, i) =>
          later(
            DRIP_MS * (i + 1),
            () => there.has(connection) && connection.write(Buffer.of(byte)),
          ),
        );
      else if (mode === "cut") {
        connection.write(bytes.subarray(0, bytes.length >> 1));
        later(20, () => there.has(connection) && connection.destroy());
      } else connection.write(bytes);
    },
    end: () => connection.end(),
    destroy: () => connection.destroy(),
    pause: () => connection.pause(),
    resume: () => connection.resume(),
  });
  const door = {
    mode: "open" as DoorMode,
    each: (isOrderly: boolean) => {
      for (const connection of there) {
        if (isOrderly) connection.end();
        else connection.destroy();
      }
    },
    peer: {
      accept: (connection: PeerConnection): PeerHandlers => {
        const { mode } = door;
        there.add(connection);
        const gone = (): void => void there.delete(connection);
        if (mode === "closed" || mode === "silent")
          return { onData: () => mode === "closed" && connection.end(), onClose: gone };
        const handlers = front.accept(inside(connection, mode));
        return {
          ...handlers,
          onClose: () => {
            gone();
            handlers.onClose();
          },
        };
      },
    },
  };
  return door;
}

/** Runs one way so many times. */
export async function runReconnects(options: {
  failure: Failure;
  reconnects: number;
  seed: number;
  bundle: string;
}): Promise<ReconnectResult> {
  const { failure, reconnects } = options;
  const world = new World({ seed: options.seed, keepTrace: false });
  const broker = world.broker("broker");
  const door = createDoor(broker.peer, world);
  world.serve("door", 1883, door.peer);
  world.serve("door", 8883, door.peer, { tls: true });
  let failed = 0;
  let status = "";
  const board = world.board(DEVICE, {
    script: options.bundle,
    keepLines: false,
    realm: "shared",
    instrument: false,
    files: {
      [CONFIG_FILE]: boardConfigText({
        device_id: DEVICE,
        key: Buffer.alloc(32, 7).toString("base64url"),
        urls: failure === "tls" ? "mqtts://door" : "mqtt://door",
        wifi_ssid: "soak",
        interval_s: 300,
        qos: 1,
        reconnect_spread_s: 0.1,
        connect_timeout_s: 1,
        ack_timeout_s: 1,
        keep_alive_s: failure === "half-open" ? 4 : 600,
        ping_timeout_s: 1,
        time_servers: "",
      }),
    },
    onPrint: (line) => {
      const word = / [IWE] (uplink|wifi) ([\w-]+)/.exec(line);
      if (word?.[1] === "uplink") status = word[2] as string;
      if (word?.[2] === "failed" || word?.[2] === "refused" || word?.[2] === "down") failed++;
    },
  });
  const until = async (what: string, condition: () => boolean): Promise<void> => {
    if (!(await world.runUntil(condition, FAILURE_LIMIT)))
      throw new AppError("E_SOAK", `${failure}: ${what} did not come within ${FAILURE_LIMIT}`);
  };
  /** Begins it; the function given back heals. */
  const begin = (): (() => void) => {
    if (failure === "dropped") {
      door.each(true);
      return () => {};
    }
    if (failure === "half-open") {
      world.fault("half-open");
      return () => {};
    }
    if (failure === "wifi") {
      const fault = world.fault("wifi-drop");
      return () => fault.end();
    }
    const heals: (() => void)[] = [];
    if (failure === "dns" || failure === "refused" || failure === "tls") {
      const names = { dns: "dns-failure", refused: "refused", tls: "tls-stall" } as const;
      const fault = world.fault(names[failure]);
      heals.push(() => fault.end());
    } else if (failure === "rejected") {
      heals.push(broker.misbehave({ on: "CONNECT", do: { returnCode: 5 } }));
    } else {
      door.mode = failure;
      heals.push(() => void (door.mode = "open"));
    }
    door.each(false);
    return () => heals.forEach((heal) => heal());
  };
  // The end of the good connection is a failure, too, where it was not the only one.
  const wanted = ["wifi", "dropped", "half-open"].includes(failure) ? 1 : 2;
  const once = async (): Promise<void> => {
    const from = failed;
    const heal = begin();
    await until("a failure", () => failed >= from + wanted);
    heal();
    await until("a connection", () => status === "online");
    await world.run(STABLE);
  };
  /** What is held when nothing is in hand. */
  const rest = async (): Promise<BoardUsage> => {
    await world.run("10m");
    const least = { ...(board.usage() as BoardUsage) };
    for (let i = 0; i < 40; i++) {
      await world.run("1s");
      const usage = board.usage() as BoardUsage;
      for (const key of Object.keys(least) as (keyof BoardUsage)[])
        least[key] = Math.min(least[key], usage[key]);
    }
    return least;
  };

  await until("the first connection", () => status === "online");
  for (let i = 0; i < WARM_UP; i++) await once();
  const before = await rest();
  for (let i = 0; i < reconnects; i++) await once();
  const after = await rest();
  const violations = Object.entries(after)
    .filter(([key, value]) => key !== "trashBytes" && value !== before[key as keyof BoardUsage])
    .map(([key, value]) => ({
      invariant: "exact",
      deviceId: DEVICE,
      text: `${failure}: ${key} was ${before[key as keyof BoardUsage]}, is ${value}`,
    }));
  for (const { text } of world.problems)
    if (!text.includes("mbedtls_ssl_handshake"))
      violations.push({ invariant: "caught", deviceId: DEVICE, text });
  await world.close();
  return { failure, reconnects, before, after, violations };
}
