// SPDX-License-Identifier: MIT
// The WebSocket client over random streams: any split of a right one gives the same messages and
// answers, and a wrong one neither throws, nor hangs, nor is collected without bound. `STREAMS=1000000`
// tries as many wrong ones.
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CLOSE_MS } from "../../firmware/transport/websocket.ts";
import { createFakeBoard } from "../helpers/fake-board.ts";
import { randomOf, seedOf } from "../helpers/seeds.ts";
import {
  answerTo,
  bytesOf,
  createOpenRig,
  createWebSocketRig,
  hexOf,
  serverFrame,
} from "../helpers/websocket-rig.ts";
import { STREAMS, STREAMS_TEST_MS, forEachStream } from "../helpers/streams.ts";

const MAX_BYTES = 2000;

/** Cuts bytes into pieces of sizes that are taken in turn. */
function* piecesOf(bytes: string, sizes: readonly number[]): Generator<string> {
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length] as number;
    yield bytes.slice(at, at + size);
    at += size;
  }
}

const SIZES = fc.array(fc.integer({ min: 1, max: 600 }), { minLength: 1, maxLength: 8 });
const PAYLOAD = fc
  .uint8Array({ maxLength: 300 })
  .map((bytes) => Buffer.from(bytes).toString("latin1"));
const ASCII = fc.string({ unit: "grapheme", maxLength: 200 }).map((text) => {
  return Buffer.from(text, "utf8").toString("latin1");
});
const CONTROL = fc.record({
  first: fc.constantFrom(0x89, 0x8a),
  payload: PAYLOAD.map((bytes) => bytes.slice(0, 125)),
});
const MESSAGE = fc.record({
  data: fc.oneof(
    fc.record({ opcode: fc.constant(1), bytes: ASCII }),
    fc.record({ opcode: fc.constant(2), bytes: PAYLOAD }),
    fc.record({ opcode: fc.constant(2), bytes: PAYLOAD.map((bytes) => bytes.repeat(5)) }),
  ),
  sizes: SIZES,
  // A control frame before the fragment of that number.
  between: fc.array(fc.option(CONTROL), { maxLength: 4 }),
});

interface Stream {
  bytes: string;
  events: string[];
  pongs: string[];
}

function streamOf(messages: readonly (typeof MESSAGE extends fc.Arbitrary<infer T> ? T : never)[]) {
  const stream: Stream = { bytes: "", events: [], pongs: [] };
  for (const { data, sizes, between } of messages) {
    const parts = [...piecesOf(data.bytes, sizes)];
    if (parts.length === 0) parts.push("");
    for (const [i, part] of parts.entries()) {
      const control = between[i];
      if (control) {
        stream.bytes += serverFrame(control.first, control.payload);
        if (control.first === 0x89) stream.pongs.push(hexOf(control.payload));
        else stream.events.push(`message 10 ${hexOf(control.payload)}`);
      }
      const isLast = i === parts.length - 1;
      stream.bytes += serverFrame((isLast ? 128 : 0) + (i ? 0 : data.opcode), part);
    }
    stream.events.push(`message ${data.opcode} ${hexOf(data.bytes)}`);
  }
  return stream;
}

describe("a stream of frames", () => {
  it("means the same in any split", () => {
    fc.assert(
      fc.property(fc.array(MESSAGE, { maxLength: 6 }), SIZES, (messages, sizes) => {
        const stream = streamOf(messages);
        const rig = createWebSocketRig();
        for (const piece of piecesOf(answerTo(rig.request, { rest: stream.bytes }), sizes))
          rig.server.receive(piece);
        expect(rig.events).toEqual(["open", ...stream.events]);
        expect(rig.sent().map(({ first, payload }) => [first, hexOf(payload)])).toEqual(
          stream.pongs.map((payload) => [0x8a, payload]),
        );
      }),
      { seed: seedOf("websocket split"), numRuns: 500 },
    );
  });

  it("carries the same bytes in any frames and any split", () => {
    fc.assert(
      fc.property(PAYLOAD, SIZES, SIZES, (bytes, frames, sizes) => {
        const rig = createOpenRig({ isCarrier: true });
        const parts = [...piecesOf(bytes, frames)];
        const stream = parts.map((part, i) =>
          serverFrame((i % 3 === 2 || i === parts.length - 1 ? 128 : 0) + (i % 3 ? 0 : 2), part),
        );
        for (const piece of piecesOf(stream.join(""), sizes)) rig.server.receive(piece);
        expect(rig.events.map((event) => event.slice(5)).join("")).toBe(hexOf(bytes));
      }),
      { seed: seedOf("websocket carrier"), numRuns: 500 },
    );
  });

  it(`does no harm when it is wrong: ${STREAMS} of them`, { timeout: STREAMS_TEST_MS }, () => {
    const random = randomOf("websocket mutations");
    const pick = (count: number): number => Math.floor(random() * count);
    const seeds = [
      "81 05 48 65 6c 6c 6f 89 02 68 69 82 03 00 ff 80 88 02 03 e8",
      "01 03 48 65 6c 89 00 80 02 6c 6f 8a 01 61 88 05 03 e9 62 79 65",
      `82 7e 01 00 ${"5a".repeat(256)} 81 02 c3 a9 82 7f 00 00 00 00 00 01 00 00`,
      "81 0b ce ba e1 bd b9 cf 83 ce bc ce b5 02 00 00 01 41 80 00",
    ].map(bytesOf);
    const rt = createFakeBoard();
    forEachStream((i) => {
      rt.net.sockets.length = rt.lines.length = 0;
      const isCarrier = pick(2) === 1;
      const rig = createWebSocketRig({ board: rt, isCarrier, target: { maxBytes: MAX_BYTES } });
      let bytes = (seeds[pick(4)] as string) + (seeds[pick(4)] as string);
      // Every fourth has its faults in the handshake, too.
      const answer = answerTo(rig.request);
      if (i % 4 === 0) bytes = answer + bytes;
      else rig.server.receive(answer);
      for (let faults = 1 + pick(4); faults > 0; faults--) {
        const at = pick(bytes.length);
        const rest = bytes.slice(at);
        const noise = String.fromCharCode(pick(256));
        bytes =
          bytes.slice(0, at) +
          [noise + rest.slice(1), noise + rest, rest.slice(1 + pick(9)), rest + rest][pick(4)];
      }
      const before = rig.server.written.length;
      const size = 1 + pick(600);
      for (const piece of piecesOf(bytes, [size])) rig.server.receive(piece);
      // What is sent are pongs, each shorter than the ping and six bytes more, and one Close.
      if (rig.server.written.length - before > bytes.length * 3 + 8)
        throw new Error(`answers without end to ${hexOf(bytes)}`);
      for (const event of rig.events)
        if (event.length > 2 * MAX_BYTES + 20) throw new Error(`too much at once: ${event}`);
      rt.advance(CLOSE_MS);
      const closes = rig.events.filter((event) => event.startsWith("close"));
      const isOver = rig.server.state === "aborted";
      if (closes.length !== (isOver ? 1 : 0))
        throw new Error(`${closes.length} ends, ${rig.server.state}, of ${hexOf(bytes)}`);
      rig.ws.abort();
      if (rt.net.openCount() > 0 || rt.isArmed(0)) throw new Error(`left open by ${hexOf(bytes)}`);
      rt.freeSlots(0);
    });
  });
});
