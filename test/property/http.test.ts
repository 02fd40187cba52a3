// SPDX-License-Identifier: MIT
// Answers of HTTP servers at random: any split of any answer gives the same result, and what no
// server should send neither throws, nor hangs, nor leaves anything. `STREAMS=1000000` tries as many.
import { describe, expect, it } from "vitest";
import { createHttpLink } from "../../firmware/http/link.ts";
import { request } from "../../firmware/http/request.ts";
import type { HttpPeer } from "../../firmware/http/request.ts";
import { createFakeBoard } from "../helpers/fake-board.ts";
import type { FakeBoard } from "../helpers/fake-board.ts";
import { randomOf } from "../helpers/seeds.ts";
import { STREAMS_TEST_MS, forEachStream } from "../helpers/streams.ts";

/** Answers that are split in several ways each. */
const SPLITS = 500;
const WAIT_MS = 5000;
const BODY_MAX_BYTES = 600;
const TARGET = { scheme: "http", host: "h", port: 80, path: "/" };

const random = randomOf("http");
const upTo = (max: number): number => Math.floor(random() * (max + 1));
const oneOf = <T>(items: readonly T[]): T => items[upTo(items.length - 1)] as T;
const times = <T>(max: number, make: () => T): T[] => Array.from({ length: upTo(max) }, make);

function word(): string {
  return times(12, () => oneOf("abcXYZ019-_;=,/ ".split(""))).join("");
}

function bytes(max: number): string {
  return times(max, () => String.fromCharCode(upTo(255))).join("");
}

function inChunks(body: string): string {
  let text = "";
  for (let at = 0; at < body.length;) {
    const size = 1 + upTo(60);
    const piece = body.slice(at, at + size);
    at += size;
    text += `${piece.length.toString(16)}${oneOf(["", "", ";x=y", " ; z"])}\r\n${piece}\r\n`;
  }
  const trailers = times(2, () => `X-${upTo(9)}: ${word()}\r\n`).join("");
  return `${text}${oneOf(["0", "000"])}\r\n${trailers}\r\n`;
}

/** An answer as a server may send it; `body` is as its client shall see it. */
function answer(): { bytes: string; status: number; body: string } {
  const early = times(2, () => `HTTP/1.1 10${oneOf([0, 2, 3])} ${word()}\r\n\r\n`).join("");
  const status = oneOf([200, 200, 200, 201, 204, 304, 400, 401, 404, 429, 500, 503]);
  const isBare = status === 204 || status === 304;
  const body = isBare
    ? ""
    : oneOf([
        () => bytes(BODY_MAX_BYTES),
        () => '{"status":"ok","server_time":"2026-11-22T06:19:16.000Z","commands":["a.b.c"]}',
        () => '{"code":"E_X","status":400}',
      ])();
  const fields = times(4, () => `${oneOf(["X-A", "Date", "retry-after"])}: ${word()}\r\n`);
  const kind = isBare ? "none" : oneOf(["length", "length", "chunks", "close"]);
  if (kind === "length") fields.push(`Content-Length: ${body.length}\r\n`);
  if (kind === "chunks") fields.push("Transfer-Encoding: chunked\r\n");
  if (random() < 0.2) fields.push("Connection: close\r\n");
  const head = `HTTP/1.${oneOf([1, 1, 0])} ${status} ${word()}\r\n${fields.join("")}\r\n`;
  return { bytes: early + head + (kind === "chunks" ? inChunks(body) : body), status, body };
}

/** What somebody made of an answer on its way. */
function spoil(text: string): string {
  for (let left = 1 + upTo(4); left > 0; left--) {
    const at = upTo(text.length);
    const end = at + upTo(20);
    const [before, after] = [text.slice(0, at), text.slice(at)];
    text = oneOf([
      () => before + String.fromCharCode(upTo(255)) + after.slice(1),
      () => before + text.slice(end),
      () => before + text.slice(at, end) + after,
      () => before,
      () => before + answer().bytes,
      () => before + oneOf(["\r\n", "\r\n\r\n", "\n", "\0", "0", "f", ":", '"', "[", "{"]) + after,
      () => before + bytes(3000),
      () =>
        before + oneOf(["0", "9", "f", "X: y\r\n", "\r\n ", "1;", "{", "["]).repeat(1500) + after,
    ])();
  }
  return text;
}

/** Cuts a text into pieces, mostly small ones now and then single bytes. */
function cut(text: string): string[] {
  const pieces: string[] = [];
  const most = oneOf([1, 7, 100, 536]);
  for (let at = 0; at < text.length;) {
    const size = 1 + upTo(most - 1);
    pieces.push(text.slice(at, at + size));
    at += size;
  }
  return pieces;
}

interface Result {
  failure: string | undefined;
  status: number;
  body: string;
  isKept: boolean;
}

/** Asks, feeds the pieces, ends the connection when `doesClose`, and lets time pass. */
function exchange(board: FakeBoard, pieces: readonly string[], doesClose: boolean): Result {
  const results: Omit<Result, "isKept">[] = [];
  board.net.sockets.length = 0;
  const peer: HttpPeer = {
    endpoint: TARGET,
    slot: 0,
    waitMs: WAIT_MS,
    bodyMaxBytes: BODY_MAX_BYTES,
  };
  request(board, peer, "GET /", "", undefined, (failure, { status, body }) =>
    results.push({ failure, status, body: failure ? "" : body }),
  );
  const socket = board.net.last();
  socket.open();
  for (const piece of pieces) socket.receive(piece);
  board.advance(0);
  const isKept = results.length > 0 && peer.socket !== undefined;
  if (doesClose) socket.close("ended");
  board.advance(3 * WAIT_MS);
  expect(results.length).toBe(1);
  expect(board.isArmed(0)).toBe(false);
  if (!isKept) expect(board.net.openCount()).toBe(0);
  peer.hangUp?.();
  return { ...(results[0] as Result), isKept };
}

function createBoard(): FakeBoard {
  const board = createFakeBoard();
  board.newSlot();
  return board;
}

describe("an HTTP answer", () => {
  it("gives the same result however it is split", () => {
    const board = createBoard();
    for (let run = 0; run < SPLITS; run++) {
      const sent = answer();
      const whole = exchange(board, [sent.bytes], true);
      expect(whole).toMatchObject({ failure: undefined, status: sent.status, body: sent.body });
      for (let i = 0; i < 3; i++) expect(exchange(board, cut(sent.bytes), true)).toEqual(whole);
    }
  });

  it("that was spoiled gives the same result however it is split", () => {
    const board = createBoard();
    for (let run = 0; run < SPLITS; run++) {
      const sent = spoil(answer().bytes);
      const doesClose = random() < 0.5;
      const whole = exchange(board, [sent], doesClose);
      // Bytes behind the answer end a kept connection when they come with it, or later: not told.
      const { isKept: _whole, ...expected } = whole;
      const { isKept: _cut, ...found } = exchange(board, cut(sent), doesClose);
      expect(found).toEqual(expected);
    }
  });

  it(
    "that was spoiled ends the request once, with no more body than is taken",
    () => {
      const board = createBoard();
      forEachStream(() => {
        const result = exchange(board, cut(spoil(answer().bytes)), random() < 0.5);
        expect(result.body.length).toBeLessThanOrEqual(BODY_MAX_BYTES);
        // What fails behind a head has a status all the same.
        const leastStatus = result.failure === undefined ? 200 : 0;
        expect(result.status).toBeGreaterThanOrEqual(leastStatus);
        expect(result.status).toBeLessThan(600);
      });
    },
    STREAMS_TEST_MS,
  );
});

describe("a beat over HTTP", () => {
  it(
    "whose answers are spoiled is answered, or its connection fails, and nothing is left",
    () => {
      const board = createFakeBoard();
      let fails = 0;
      const link = createHttpLink(
        board,
        {
          identity: { id: "d", session: 0 },
          waitMs: WAIT_MS,
          seal: (body) => body,
          token: () => "t",
        },
        {
          onOnline: () => {},
          onFail: () => fails++,
          onMessage: (topic) => expect(topic).toBe("commands"),
          onTime: (wallMs) => expect(Number.isInteger(wallMs)).toBe(true),
        },
      );
      forEachStream((run) => {
        let answers = 0;
        fails = 0;
        board.lines.length = 0;
        board.net.sockets.length = 0;
        // Whatever is dialled gets another spoiled answer to whatever is asked.
        board.net.onConnect = (socket) => {
          socket.onWrite = (text) => {
            if (!text.endsWith("beat")) return;
            const pieces = cut(spoil(answer().bytes));
            board.after(() => pieces.forEach((piece) => socket.receive(piece)), upTo(10));
            if (random() < 0.5) board.after(() => socket.close("ended"), 10 + upTo(10));
          };
          board.after(() => socket.open(), 1);
        };
        link.open(TARGET);
        link.publish({ topic: "t", body: "beat", qos: 1, claims: `${run}` }, () => answers++);
        board.advance(10 * WAIT_MS);
        expect(answers + fails).toBe(1);
        link.close();
        link.abandon();
        expect(answers).toBe(1);
        expect(board.isArmed(0)).toBe(false);
        expect(board.net.openCount()).toBe(0);
        expect(board.lines.filter((line) => line.includes("fault"))).toEqual([]);
      });
    },
    STREAMS_TEST_MS,
  );
});
