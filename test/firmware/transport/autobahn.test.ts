// SPDX-License-Identifier: MIT
// The cases of the public Autobahn suite, each under its number.
import { describe, expect, it } from "vitest";
import { PONG, openWebSocket } from "../../../firmware/transport/websocket.ts";
import type { WebSocket } from "../../../firmware/transport/websocket.ts";
import { AUTOBAHN_CASES, AUTOBAHN_MAX_BYTES } from "../../helpers/autobahn-cases.ts";
import { createFakeBoard } from "../../helpers/fake-board.ts";
import { answerTo, framesOf, serverFrame } from "../../helpers/websocket-rig.ts";

const NORMAL = "\x03\xe8";

/** Runs pieces against a client that sends every message back. */
function run(pieces: readonly string[], maxBytes: number) {
  const rt = createFakeBoard();
  const messages: [opcode: number, payload: string][] = [];
  let reason = "";
  const ws: WebSocket = openWebSocket(
    rt,
    rt.newSlot(),
    { host: "h", port: 80, path: "/", maxBytes },
    {
      onOpen: () => {},
      onMessage: (opcode, payload) => {
        if (opcode === PONG) return;
        messages.push([opcode, payload]);
        ws.write(payload, opcode);
      },
      onClose: (why) => {
        reason = why;
      },
    },
  );
  const server = rt.net.last();
  server.open();
  const from = server.written.length;
  server.receive(answerTo(server.written));
  for (const piece of pieces) server.receive(piece);
  // Ignored when the connection has failed, or Close has come already.
  server.receive(serverFrame(0x88, NORMAL));
  server.close("ended");
  const frames = framesOf(server.written.slice(from)).map(
    ({ first, payload }): [number, string] => [first, payload],
  );
  return { messages, sent: frames.slice(0, -1), last: frames.at(-1), reason };
}

describe("an Autobahn case", () => {
  it("is there for each number of the list", () => {
    const counts = new Map<string, number>();
    for (const { id } of AUTOBAHN_CASES) {
      const section = id.split(".")[0] as string;
      counts.set(section, (counts.get(section) ?? 0) + 1);
    }
    expect(Object.fromEntries(counts)).toEqual({
      1: 16,
      2: 11,
      3: 7,
      4: 10,
      5: 20,
      6: 145,
      7: 37,
      9: 54,
      10: 1,
    });
    expect(new Set(AUTOBAHN_CASES.map(({ id }) => id)).size).toBe(301);
  });

  it.each(AUTOBAHN_CASES)("$id goes as it should", ({ pieces, sent, messages, close }) => {
    const result = run(pieces, AUTOBAHN_MAX_BYTES);
    // Compared by hand: the longest would be printed.
    expect(result.messages.length).toBe(messages.length);
    const areEqual = messages.every(
      ([opcode, payload], i) =>
        result.messages[i]?.[0] === opcode && result.messages[i]?.[1] === payload,
    );
    expect(areEqual).toBe(true);
    expect(result.sent).toEqual(sent);
    const code = close === 1005 ? "" : String.fromCharCode(close >> 8, close & 255);
    expect(result.last).toEqual([0x88, code]);
    expect(result.reason).toMatch(new RegExp(`^(closed|failed)-${close}$`));
  });

  it("whose message is above the maximum ends with 1009", () => {
    const maxBytes = 4096;
    for (const { id, pieces, messages } of AUTOBAHN_CASES) {
      if (!messages.some(([, payload]) => payload.length > maxBytes)) continue;
      const result = run(pieces, maxBytes);
      expect(result.messages, id).toEqual([]);
      expect(result.last, id).toEqual([0x88, "\x03\xf1"]);
    }
  });
});
