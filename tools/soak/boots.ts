// SPDX-License-Identifier: MIT
// Boards that start again and again: whatever names one start, connection, beat or frame is never
// seen a second time, on no board. Everything is read on the way, as the servers get it: what the
// firmware says of it does not count.
//
//   boot       number of the start, in each beat                  by device
//   jti        of each connection's token                         by device
//   token      of each beat, whole                                of all devices
//   key        Sec-WebSocket-Key                                  of all devices
//   mask       of the first frame of a start                      of all devices
//   uuid       of each diagnostic pair                            of all devices
//   nonce      originate timestamp of the first SNTP request      of all devices
import { CONFIG_FILE } from "../../firmware/wire/config.ts";
import { createWebSocketListener, mqttOverWebSocket, World } from "../../sim/index.ts";
import type { DatagramPeer, Peer } from "../../sim/index.ts";
import { boardConfigText } from "../lib/board-config.ts";
import { AppError } from "../lib/errors.ts";
import { verifyToken } from "../lib/token.ts";

/** What came of it; identifiers are told, so that those of several processes can be compared. */
export interface BootsResult {
  boots: number;
  /** By kind; those of one device begin with its name. */
  identifiers: { [kind: string]: string[] };
}

const KEY = Buffer.alloc(32, 11);
const START_LIMIT = "3m";
/** Offset of the transmit timestamp in an SNTP request, and its bytes. */
const STAMP_AT = 40;
const STAMP_BYTES = 8;
/** A minute and the ten seconds of the diagnostic pair. */
const PAIR = "71s";

/** Starts boards so often. */
export async function runBoots(options: {
  /** Devices, and starts of each. */
  devices: readonly string[];
  boots: number;
  seed: number;
  bundle: string;
}): Promise<BootsResult> {
  const { devices, boots } = options;
  const world = new World({ seed: options.seed, keepTrace: false });
  const found: BootsResult["identifiers"] = {
    boot: [],
    jti: [],
    token: [],
    key: [],
    mask: [],
    uuid: [],
    nonce: [],
  };
  const note = (kind: string, text: string): void => void (found[kind] as string[]).push(text);
  const heard = new Set<string>();
  const broker = world.broker("broker", {
    authenticate: (clientId, _name, password) => {
      const token = verifyToken(password?.toString("latin1") ?? "", () => KEY);
      if (!token.ok) return 4;
      note("jti", `${clientId} ${String(token.claims["jti"])}`);
      return 0;
    },
  });
  broker.subscribe("devices/+/heartbeat", (topic, payload) => {
    const device = topic.split("/")[1] as string;
    const { boot, jwt } = JSON.parse(payload.toString("latin1")) as { boot: number; jwt: string };
    if (!heard.has(`${device} ${boot}`)) note("boot", `${device} ${boot}`);
    heard.add(`${device} ${boot}`);
    note("token", jwt);
  });
  const front = createWebSocketListener({
    clock: world.clock,
    program: mqttOverWebSocket(broker.peer),
  });
  /** Reads the handshake and the first frame behind it. */
  const tapped: Peer = {
    accept: (connection) => {
      const handlers = front.peer.accept(connection);
      let bytes = Buffer.alloc(0);
      let isRead = false;
      return {
        ...handlers,
        onData: (chunk) => {
          if (!isRead) {
            bytes = Buffer.concat([bytes, chunk]);
            const end = bytes.indexOf("\r\n\r\n") + 4;
            const frame = bytes.subarray(end);
            if (end >= 4 && frame.length >= 8) {
              isRead = true;
              const key = /Sec-WebSocket-Key: (\S+)/i.exec(bytes.toString("latin1"))?.[1] ?? "";
              const at = ((frame[1] as number) & 127) === 126 ? 4 : 2;
              note("key", key);
              note("mask", frame.subarray(at, at + 4).toString("hex"));
            }
          }
          handlers.onData(chunk);
        },
      };
    },
  };
  world.serve("broker", 80, tapped);
  const asked = new Set<string>();
  const silent: DatagramPeer = {
    onMessage: (bytes, from) => {
      if (asked.has(from.address)) return;
      asked.add(from.address);
      note("nonce", bytes.subarray(STAMP_AT, STAMP_AT + STAMP_BYTES).toString("hex"));
    },
  };
  world.serveUdp("time", 123, silent);

  const boards = devices.map((device) => {
    const board = world.board(device, {
      serial: device,
      script: options.bundle,
      keepLines: false,
      realm: "shared",
      instrument: false,
      isOff: true,
      files: {
        [CONFIG_FILE]: boardConfigText({
          device_id: device,
          key: KEY.toString("base64url"),
          urls: "ws://broker/mqtt",
          wifi_ssid: "soak",
          interval_s: 60,
          immediate: true,
          ENABLE_HEARTBEAT: true,
          time_servers: "time",
          reconnect_spread_s: 0.5,
        }),
      },
      onPrint: (line) => {
        const uuid = /\(timed\): UUID=(\S+)/.exec(line);
        if (uuid) note("uuid", uuid[1] as string);
      },
    });
    return board;
  });
  for (let i = 0; i < boots; i++) {
    asked.clear();
    const before = found["boot"]?.length ?? 0;
    for (const board of boards) board.powerOn();
    const areHeard = (): boolean => (found["boot"]?.length ?? 0) >= before + boards.length;
    if (!(await world.runUntil(areHeard, START_LIMIT)))
      throw new AppError(
        "E_SOAK",
        `start ${i + 1}: not every board was heard within ${START_LIMIT}`,
      );
    await world.run(PAIR);
    for (const board of boards) board.powerOff();
    await world.run("1s");
  }
  await world.close();
  return { boots: boots * devices.length, identifiers: found };
}

/** Identifiers that are there twice, by kind; none when all is well. */
export function repeated(parts: readonly BootsResult[]): { [kind: string]: string[] } {
  const twice: { [kind: string]: string[] } = {};
  for (const kind of Object.keys(parts[0]?.identifiers ?? {})) {
    const seen = new Set<string>();
    for (const part of parts)
      for (const text of part.identifiers[kind] ?? []) {
        if (seen.has(text)) (twice[kind] ??= []).push(text);
        seen.add(text);
      }
  }
  return twice;
}
