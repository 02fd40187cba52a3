// SPDX-License-Identifier: MIT
// The WebSocket client and its service on the real interpreter, minified and with code in flash,
// against a server of plain sockets. What it makes of a stream is compared with what the same source
// makes of it in Node.
import { crc32 } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createInterpreter, INTERPRETER, NO_INTERPRETER } from "../helpers/interpreter.ts";
import type { Interpreter } from "../helpers/interpreter.ts";
import { delay } from "../helpers/wait.ts";
import { webSocketEntry, webSocketFiles } from "../helpers/websocket-entry.ts";
import type { WebSocketEntrySettings } from "../helpers/websocket-entry.ts";
import { startWebSocketPeer } from "../helpers/websocket-peer.ts";
import type { PeerClient, PeerScript } from "../helpers/websocket-peer.ts";
import {
  bytesOf,
  createWebSocketRig,
  framesOf,
  hexOf,
  serverFrame,
} from "../helpers/websocket-rig.ts";
import type { AnswerChanges } from "../helpers/websocket-rig.ts";

const BOUND_MS = 60_000;
const ANSWER_MS = 400;

const cleanups: (() => unknown)[] = [];
beforeEach(({ skip }) => skip(!INTERPRETER, NO_INTERPRETER));
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean();
});

let boards = 0;

/** Starts a server, and a board with the program in its flash. */
async function boot(
  script: PeerScript,
  settings: Omit<WebSocketEntrySettings, "host" | "port">,
): Promise<{ board: Interpreter; clients: PeerClient[] }> {
  const peer = await startWebSocketPeer(script);
  cleanups.push(peer.close);
  const board = createInterpreter(`websocket-${++boards}`);
  cleanups.push(board.dispose);
  await board.configure(undefined);
  await board.install({
    ...webSocketFiles({ host: "127.0.0.1", port: peer.port, ...settings }),
    ".bootcde": await webSocketEntry(),
  });
  await board.powerOn();
  return { board, clients: peer.clients };
}

/** Frames by first byte and payload. */
const framesIn = (bytes: string): string[] =>
  framesOf(bytes).map(({ first, payload }) => `${first} ${hexOf(payload)}`);

const ALL_BYTES = String.fromCharCode(...Array.from({ length: 256 }, (_, i) => i));

/** Answers to handshakes with frames behind them. */
const CASES: [name: string, AnswerChanges][] = [
  ["text", { rest: bytesOf("81 05 48 65 6c 6c 6f") }],
  ["all bytes", { rest: serverFrame(0x82, ALL_BYTES) }],
  ["600 bytes", { rest: serverFrame(0x82, "x".repeat(600)) }],
  ["601 bytes", { rest: serverFrame(0x82, "x".repeat(601)) }],
  ["fragments and pings", { rest: bytesOf("01 01 61 89 03 00 80 ff 00 01 62 8a 01 70 80 01 63") }],
  ["a ping of 125 bytes", { rest: serverFrame(0x89, ALL_BYTES.slice(131)) }],
  ["empty frames", { rest: bytesOf("81 00 82 00 89 00 01 00 80 00") }],
  [
    "non-ASCII text",
    { rest: serverFrame(0x81, bytesOf("61 c3a9 e282ac ed9fbf ee8080 f48fbfbf 7f")) },
  ],
  ["a surrogate", { rest: serverFrame(0x81, bytesOf("61 eda080")) }],
  ["a sequence cut off", { rest: serverFrame(0x81, bytesOf("f09f9880 f09f98")) }],
  ["a stray continuation", { rest: serverFrame(0x81, bytesOf("0080")) }],
  ["an overlong sequence", { rest: serverFrame(0x81, bytesOf("e09fbf")) }],
  ["a reserved bit", { rest: bytesOf("c1 00") }],
  ["a reserved opcode", { rest: bytesOf("83 00") }],
  ["a masked frame", { rest: bytesOf("81 80 00 00 00 00") }],
  ["a fragmented ping", { rest: bytesOf("09 00") }],
  ["a continuation of nothing", { rest: bytesOf("80 00") }],
  ["a long length", { rest: bytesOf("82 7f ff ff ff ff ff ff ff ff") }],
  ["a long length in the middle", { rest: bytesOf("82 7f 00 00 00 01 00 00 00 00") }],
  ["Close with a reason", { rest: serverFrame(0x88, bytesOf("03e9 627965")) }],
  ["Close without a code", { rest: bytesOf("88 00") }],
  ["Close with half a code", { rest: bytesOf("88 01 03") }],
  ["Close with a code that is none", { rest: bytesOf("88 02 03 ed") }],
  ["Close with 4999", { rest: bytesOf("88 02 13 87") }],
  ["Close with 5000", { rest: bytesOf("88 02 13 88") }],
  ["Close with text that is none", { rest: bytesOf("88 03 03 e8 ff") }],
  ["403", { status: "HTTP/1.1 403 Forbidden" }],
  ["no HTTP", { status: "220 mail.example ESMTP" }],
  ["a wrong accept", { headers: { "Sec-WebSocket-Accept": "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" } }],
  ["a connection header without upgrade", { headers: { Connection: "no-upgrade" } }],
  ["lists and case", { headers: { Connection: "keep-alive,\tuPgrade", Upgrade: "WebSocket" } }],
  ["a protocol nobody asked for", { headers: { "Sec-WebSocket-Protocol": "mqtt" } }],
  ["an extension", { headers: { "Sec-WebSocket-Extensions": "permessage-deflate" } }],
  ["an endless head", { headers: { X: "y".repeat(5000) } }],
];

/** What the source makes of a case in Node: events and frames, messages by length and CRC-32. */
function inNode(changes: AnswerChanges): { events: string[]; frames: string[] } {
  const rig = createWebSocketRig({ target: { maxBytes: 600 } });
  rig.answer(changes);
  rig.server.close("ended");
  const frames = rig.sent().map(({ first, payload }) => `${first} ${hexOf(payload)}`);
  const events = rig.events.map((event) => {
    const [kind, opcode, hex = ""] = event.split(" ");
    if (kind !== "message") return event;
    const bytes = Buffer.from(hex, "hex");
    return `message ${opcode} ${bytes.length} ${crc32(bytes)}`;
  });
  return { events, frames };
}

describe("a WebSocket on the interpreter", () => {
  it("means the same by every stream as in Node, with code in flash", async () => {
    const { board, clients } = await boot(
      {
        answer: (path) => CASES[Number(path.slice(1))]?.[1] ?? {},
        // Those that stay open are ended by the server once they had time to answer.
        onOpen: ({ socket }) => void setTimeout(() => socket.end(), ANSWER_MS),
        onData: ({ received, socket }) => {
          // What has been sent is answered once a Close has come.
          if (framesOf(received).some(({ first }) => first === 0x88)) socket.end();
        },
      },
      { cases: CASES.length },
    );
    await board.console.waitFor(/ I test finished/, BOUND_MS);
    const lines = board.console.all(/ I test event (\d+) (.*)$/);
    for (const [i, [name, changes]] of CASES.entries()) {
      const events = lines.filter((match) => Number(match[1]) === i).map((match) => match[2]);
      const expected = inNode(changes);
      expect(events, name).toEqual(expected.events);
      expect(framesIn(clients[i]?.received ?? ""), name).toEqual(expected.frames);
    }
    expect(board.console.all(/ E app fault/)).toEqual([]);
  });

  it("keeps a connection alive, answers, sends, is made anew, and takes no memory for that", async () => {
    const { board, clients } = await boot(
      {
        onData: (client) => {
          const frames = framesOf(client.received);
          client.received = "";
          for (const { first, payload } of frames) {
            if (first === 0x81 && payload === "ping") {
              client.send(serverFrame(0x81, "pong"));
              client.send(serverFrame(0x81, '{"ping":1492420473027}'));
            } else if (first === 0x81 || first === 0x82) seen.push(`${first} ${payload}`);
            else if (first === 0x88) {
              client.send(serverFrame(0x88, payload));
              client.socket.end();
            }
          }
        },
      },
      {
        keepalive_interval_s: 0.3,
        keepalive_payload: "preset:ping",
        keepalive_pong_s: 0.25,
        keepalive_ping: '"ping"',
        keepalive_reply: '"pong"',
      },
    );
    const seen: string[] = [];
    const count = async (): Promise<number[]> =>
      (await board.evaluate("count()")).split(",").map(Number);
    await board.console.waitFor(/ I test open/, BOUND_MS);
    const free = async (): Promise<number> => {
      // Between two heartbeats nothing is in hand.
      const values: number[] = [];
      for (let i = 0; i < 5; i++) values.push(Number(await board.evaluate("free()")));
      return Math.max(...values);
    };
    await delay(2000);
    expect((await count())[0]).toBeGreaterThan(3);
    expect(seen).toContain('129 {"pong":1492420473027}');
    await board.evaluate('say("\\x00\\xff binary")');
    await board.evaluate(`say("${"y".repeat(300)}",1)`);
    await delay(500);
    expect(seen).toContain("130 \x00\xff binary");
    expect(seen).toContain(`129 ${"y".repeat(300)}`);
    const before = await free();
    for (let i = 0; i < 5; i++) {
      const from = board.console.lines.length;
      clients.at(-1)?.socket.destroy();
      await board.console.waitFor(/ W ws lost reason=(ended|error) /, BOUND_MS, { from });
      await board.console.waitFor(/ I test open/, BOUND_MS, { from });
      await delay(700);
    }
    const [sent, , pongs, dropped] = await count();
    expect(pongs).toBeGreaterThanOrEqual((sent as number) - 7);
    expect(dropped).toBe(0);
    expect(before - (await free())).toBeLessThanOrEqual(4);
    for (const size of [0, 1, 2, 3, 4, 5, 37, 600])
      expect(await board.evaluate(`masked(${size})`)).toBe(`${size + 4} 0`);
    await board.evaluate("stop()");
    await board.console.waitFor(/ I test stopped/, 5000);
    expect(board.console.all(/ E app fault/)).toEqual([]);
    const keys = clients.map(({ request }) => /Key: (\S+)/.exec(request)?.[1]);
    expect(new Set(keys).size).toBe(keys.length);
  });
});
