// SPDX-License-Identifier: MIT
// The HTTP client against servers that behave, and one hostile server for each rule it keeps.
import { describe, expect, it } from "vitest";
import { HEAD_MAX_BYTES, request } from "../../../firmware/http/request.ts";
import type { HttpPeer, HttpResponse } from "../../../firmware/http/request.ts";
import { createFakeBoard } from "../../helpers/fake-board.ts";
import type { FakeBoard } from "../../helpers/fake-board.ts";

const WAIT_MS = 5000;
const BODY_MAX_BYTES = 100;
const OK = "HTTP/1.1 200 OK\r\n";

interface Outcome {
  failure: string | undefined;
  response: HttpResponse;
}

interface Lab {
  board: FakeBoard;
  peer: HttpPeer;
  outcomes: Outcome[];
  ask(what?: string, headers?: string, body?: string): void;
}

function createLab(): Lab {
  const board = createFakeBoard();
  const peer: HttpPeer = {
    endpoint: { host: "example.com", port: 8080 },
    slot: board.newSlot(),
    waitMs: WAIT_MS,
    bodyMaxBytes: BODY_MAX_BYTES,
  };
  const outcomes: Outcome[] = [];
  return {
    board,
    peer,
    get outcomes() {
      // They come by a timer of their own.
      board.advance(0);
      return outcomes;
    },
    ask: (what = "GET /x", headers = "", body) =>
      request(board, peer, what, headers, body, (failure, response) =>
        outcomes.push({ failure, response }),
      ),
  };
}

/** Asks, and gives what the server's bytes lead to; `end` is how it closes then. */
function exchange(bytes: string, end?: string): { lab: Lab; outcome: Outcome | undefined } {
  const lab = createLab();
  lab.ask();
  const socket = lab.board.net.last();
  socket.open();
  socket.receive(bytes);
  if (end) socket.close(end);
  expect(lab.outcomes.length).toBeLessThanOrEqual(1);
  return { lab, outcome: lab.outcomes[0] };
}

/** Nothing is left of a request: no socket, no timer of its own. */
function expectNothingLeft({ board, peer }: Lab): void {
  expect(peer.socket).toBeUndefined();
  expect(board.net.openCount()).toBe(0);
  expect(board.isArmed(peer.slot)).toBe(false);
}

describe("what is sent", () => {
  it("is request line, Host, the given lines, and the body with its length", () => {
    const { board, ask } = createLab();
    ask("POST /a?b=c", "X-Y: z\r\n", "hello");
    board.net.last().open();
    expect(board.net.last().written).toBe(
      "POST /a?b=c HTTP/1.1\r\nHost: example.com:8080\r\nX-Y: z\r\nContent-Length: 5\r\n\r\nhello",
    );
  });

  it("tells the length of an empty body, and none without a body", () => {
    const { board, ask } = createLab();
    ask("POST /", "", "");
    board.net.last().open();
    expect(board.net.last().written).toMatch(/Content-Length: 0\r\n\r\n$/);
    const second = createLab();
    second.ask();
    second.board.net.last().open();
    expect(second.board.net.last().written).toBe(
      "GET /x HTTP/1.1\r\nHost: example.com:8080\r\n\r\n",
    );
  });

  it("is nothing when it is only to connect, and the connection is kept", () => {
    const lab = createLab();
    lab.ask("");
    lab.board.net.last().open();
    expect(lab.outcomes.map(({ failure, response }) => [failure, response.status])).toEqual([
      [undefined, 0],
    ]);
    expect(lab.board.net.last().written).toBe("");
    expect(lab.peer.socket).toBeDefined();
    expect(lab.board.isArmed(lab.peer.slot)).toBe(false);
  });
});

describe("an answer", () => {
  it.each([
    ["by its length", "Content-Length: 5\r\n\r\nhello", "hello"],
    ["by a length of nothing", "Content-Length: 0\r\n\r\n", ""],
    ["in chunks", "Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", "hello"],
    [
      "in chunks with extensions and trailers",
      "Transfer-Encoding: Chunked\r\n\r\n00A;a=b\r\n0123456789\r\n1 ;x\r\n!\r\n0;y\r\nA: b\r\nC: d\r\n\r\n",
      "0123456789!",
    ],
    ["of the longest body", `Content-Length: 100\r\n\r\n${"x".repeat(100)}`, "x".repeat(100)],
    [
      "of the longest body in chunks",
      `Transfer-Encoding: chunked\r\n\r\n63\r\n${"x".repeat(99)}\r\n1\r\nx\r\n0\r\n\r\n`,
      "x".repeat(100),
    ],
    ["with all bytes", "Content-Length: 4\r\n\r\n\0\r\n\xff", "\0\r\n\xff"],
  ])("ends %s, and its connection is kept", (_name, rest, body) => {
    const { lab, outcome } = exchange(OK + rest);
    expect(outcome?.failure).toBeUndefined();
    expect([outcome?.response.status, outcome?.response.body]).toEqual([200, body]);
    expect(lab.board.net.openCount()).toBe(1);
    expect(lab.board.isArmed(lab.peer.slot)).toBe(false);
  });

  it.each([
    ["the close", `${OK}\r\nhello`, "ended", "hello"],
    ["the close, of the longest body", `${OK}\r\n${"x".repeat(100)}`, "ended", "x".repeat(100)],
    ["a cut of TLS", `${OK}\r\nhello`, "error", "hello"],
  ])("ends with %s", (_name, bytes, end, body) => {
    const { lab, outcome } = exchange(bytes, end);
    expect([outcome?.failure, outcome?.response.body]).toEqual([undefined, body]);
    expectNothingLeft(lab);
  });

  it.each([
    [204, "Transfer-Encoding: chunked\r\n\r\n"],
    [304, "Content-Length: 500\r\n\r\n"],
  ])("with status %d has no body (RFC 9112 section 6.3)", (status, rest) => {
    const { outcome } = exchange(`HTTP/1.1 ${status} x\r\n${rest}`);
    expect([outcome?.response.status, outcome?.response.body]).toEqual([status, ""]);
  });

  it("comes after any number of 1xx", () => {
    const early = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\n";
    const { outcome } = exchange(`${early}HTTP/1.1 201 Created\r\nContent-Length: 1\r\n\r\n!`);
    expect([outcome?.response.status, outcome?.response.body]).toEqual([201, "!"]);
  });

  it("needs no reason, and may be of HTTP/1.0", () => {
    expect(exchange("HTTP/1.1 404\r\nContent-Length: 0\r\n\r\n").outcome?.response.status).toBe(
      404,
    );
    const { lab, outcome } = exchange("HTTP/1.0 500 \r\nContent-Length: 0\r\n\r\n");
    expect(outcome?.response.status).toBe(500);
    expectNothingLeft(lab);
  });

  it("has fields that are found whatever their case, several as one, folded ones whole", () => {
    const { outcome } = exchange(
      `${OK}CONTENT-length:  2 \t\r\nDate:Sun, 06 Nov 1994 08:49:37 GMT\r\nx-a: 1\r\nX-A: 2\r\nX-B: 3\r\n \t4\r\nX-C:\r\n\r\nhi`,
    );
    const header = outcome?.response.header;
    expect(header?.("date")).toBe("sun, 06 nov 1994 08:49:37 gmt");
    expect([header?.("x-a"), header?.("x-b"), header?.("x-c"), header?.("x-d")]).toEqual([
      "1,2",
      "3 4",
      "",
      "",
    ]);
  });

  it("tells the range that it holds", () => {
    const { outcome } = exchange(
      "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 2-4/9\r\nContent-Length: 3\r\n\r\nabc",
    );
    expect([outcome?.response.status, outcome?.response.header("content-range")]).toEqual([
      206,
      "bytes 2-4/9",
    ]);
  });

  it("is no failure for its status, a redirect is not followed", () => {
    const { lab, outcome } = exchange(
      "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n",
    );
    expect([outcome?.failure, outcome?.response.status]).toEqual([undefined, 302]);
    expect(lab.board.net.sockets.length).toBe(1);
  });
});

describe("a hostile answer", () => {
  const chunked = `${OK}Transfer-Encoding: chunked\r\n\r\n`;
  it.each([
    ["no HTTP", "SSH-2.0-x\r\n\r\n", "E_HTTP_PROTOCOL what=head"],
    ["another version", "HTTP/2.0 200 OK\r\n\r\n", "E_HTTP_PROTOCOL what=head"],
    ["a short status", "HTTP/1.1 20 OK\r\n\r\n", "E_HTTP_PROTOCOL what=head"],
    ["a status of nothing known", "HTTP/1.1 600 OK\r\n\r\n", "E_HTTP_PROTOCOL what=head"],
    ["a long status", "HTTP/1.1 2000 OK\r\n\r\n", "E_HTTP_PROTOCOL what=head"],
    ["a length in words", `${OK}Content-Length: five\r\n\r\n`, "E_HTTP_PROTOCOL what=head"],
    ["a length below 0", `${OK}Content-Length: -5\r\n\r\n`, "E_HTTP_PROTOCOL what=head"],
    ["a signed length", `${OK}Content-Length: +5\r\n\r\n`, "E_HTTP_PROTOCOL what=head"],
    [
      "a length that wraps around",
      `${OK}Content-Length: 18446744073709551621\r\n\r\nhello`,
      "E_HTTP_PROTOCOL what=head",
    ],
    [
      "two lengths",
      `${OK}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello`,
      "E_HTTP_PROTOCOL what=head",
    ],
    ["a list of lengths", `${OK}Content-Length: 5, 5\r\n\r\nhello`, "E_HTTP_PROTOCOL what=head"],
    ["a folded length", `${OK}Content-Length: 5\r\n 6\r\n\r\nhello`, "E_HTTP_PROTOCOL what=head"],
    [
      "length and chunks",
      `${OK}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n`,
      "E_HTTP_PROTOCOL what=head",
    ],
    ["another coding", `${OK}Transfer-Encoding: gzip\r\n\r\n`, "E_HTTP_PROTOCOL what=head"],
    [
      "a coding of chunks",
      `${OK}Transfer-Encoding: gzip, chunked\r\n\r\n`,
      "E_HTTP_PROTOCOL what=head",
    ],
    [
      "chunks twice",
      `${OK}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n`,
      "E_HTTP_PROTOCOL what=head",
    ],
    [
      "a body above the bound",
      `${OK}Content-Length: 101\r\n\r\n${"x".repeat(100)}`,
      "E_HTTP_PROTOCOL what=size",
    ],
    [
      "a body above the bound without a length",
      `${OK}\r\n${"x".repeat(101)}`,
      "E_HTTP_PROTOCOL what=size",
    ],
    ["a chunk above the bound", `${chunked}65\r\n${"x".repeat(100)}`, "E_HTTP_PROTOCOL what=size"],
    [
      "chunks above the bound",
      `${chunked}64\r\n${"x".repeat(100)}\r\n1\r\n`,
      "E_HTTP_PROTOCOL what=size",
    ],
    ["a chunk without a size", `${chunked};a\r\n`, "E_HTTP_PROTOCOL what=chunk"],
    ["a chunk of an empty line", `${chunked}\r\n\r\n`, "E_HTTP_PROTOCOL what=chunk"],
    ["a chunk size of no hex digits", `${chunked}5g\r\nhello\r\n`, "E_HTTP_PROTOCOL what=chunk"],
    ["a chunk size with a prefix", `${chunked}0x5\r\nhello\r\n`, "E_HTTP_PROTOCOL what=chunk"],
    ["a chunk size below 0", `${chunked}-5\r\n`, "E_HTTP_PROTOCOL what=chunk"],
    [
      "a chunk size that wraps around",
      `${chunked}10000000000000005\r\nhello\r\n`,
      "E_HTTP_PROTOCOL what=chunk",
    ],
    [
      "a chunk that is longer than it says",
      `${chunked}2\r\nhello\r\n0\r\n\r\n`,
      "E_HTTP_PROTOCOL what=chunk",
    ],
    ["an endless head", `${OK}${"X: y\r\n".repeat(400)}`, "E_HTTP_PROTOCOL what=long"],
    ["an endless chunk line", `${chunked}5;${"x".repeat(2100)}`, "E_HTTP_PROTOCOL what=long"],
    ["an endless trailer", `${chunked}0\r\n${"X: y\r\n".repeat(400)}`, "E_HTTP_PROTOCOL what=long"],
  ])("with %s is refused and its connection dropped", (_name, bytes, failure) => {
    const { lab, outcome } = exchange(bytes);
    expect(outcome?.failure).toBe(failure);
    if (failure.endsWith("head")) expect(outcome?.response.status).toBe(0);
    expectNothingLeft(lab);
  });

  it.each([
    ["before anything", "", "head"],
    ["in the head", "HTTP/1.1 200 OK\r\nConte", "head"],
    ["in the body", `${OK}Content-Length: 5\r\n\r\nhell`, "body"],
    ["in a chunk", `${chunked}5\r\nhell`, "body"],
    ["before the last chunk", `${chunked}5\r\nhello\r\n`, "body"],
    ["in the trailers", `${chunked}5\r\nhello\r\n0\r\n`, "body"],
  ])("that ends %s is a failure", (_name, bytes, at) => {
    const { lab, outcome } = exchange(bytes, "ended");
    expect(outcome?.failure).toBe(`E_NET reason=ended at=${at}`);
    expectNothingLeft(lab);
  });

  it("takes a head of the longest length and not one byte more, in any split", () => {
    const lines = `${OK}Content-Length: 0\r\nX: `;
    const fill = HEAD_MAX_BYTES - lines.length;
    for (const size of [1, 500, 4000])
      for (const [more, failure] of [
        [0, undefined],
        [1, "E_HTTP_PROTOCOL what=long"],
      ] as const) {
        const lab = createLab();
        lab.ask();
        lab.board.net.last().open();
        const bytes = `${lines}${"x".repeat(fill + more)}\r\n\r\n`;
        for (let at = 0; at < bytes.length; at += size)
          lab.board.net.last().receive(bytes.slice(at, at + size));
        expect(lab.outcomes.map((outcome) => outcome.failure)).toEqual([failure]);
      }
  });
});

describe("a bound", () => {
  it("ends a connection that is not made", () => {
    const lab = createLab();
    lab.ask();
    lab.board.advance(WAIT_MS - 1);
    expect(lab.outcomes).toEqual([]);
    lab.board.advance(1);
    expect(lab.outcomes[0]?.failure).toBe("E_HTTP_TIMEOUT wait=connect");
    expectNothingLeft(lab);
  });

  it("does not count what connecting has blocked", () => {
    const lab = createLab();
    lab.board.net.blockMs = 20_000;
    lab.ask();
    lab.board.advance(WAIT_MS - 1);
    expect(lab.outcomes).toEqual([]);
  });

  it.each([
    ["head", ""],
    ["head", "HTTP/1.1 200 OK\r\nA: b\r\n"],
    ["head", "HTTP/1.1 100 Continue\r\n\r\n"],
    ["body", `${OK}Content-Length: 5\r\n\r\nhell`],
    ["body", `${OK}\r\nhell`],
  ])("ends a %s that does not come whole: %j", (step, bytes) => {
    const { lab } = exchange(bytes);
    lab.board.advance(WAIT_MS);
    expect(lab.outcomes[0]?.failure).toBe(`E_HTTP_TIMEOUT wait=${step}`);
    expectNothingLeft(lab);
  });

  it("is not moved by a server that sends a byte now and then", () => {
    const lab = createLab();
    lab.ask();
    const socket = lab.board.net.last();
    socket.open();
    for (const byte of `HTTP/1.1 100 Continue\r\n\r\n${OK}Content-Length: 90\r\n\r\n`) {
      socket.receive(byte);
      lab.board.advance(50);
    }
    for (let i = 0; i < 80 && lab.outcomes.length === 0; i++) {
      socket.receive("x");
      lab.board.advance(WAIT_MS / 50);
    }
    expect(lab.outcomes[0]?.failure).toBe("E_HTTP_TIMEOUT wait=body");
    expect(lab.board.nowMs()).toBeLessThan(3 * WAIT_MS);
  });
});

describe("a kept connection", () => {
  const ANSWER = `${OK}Content-Length: 2\r\n\r\nhi`;

  function createKept(): Lab {
    const { lab } = exchange(ANSWER);
    lab.outcomes.length = 0;
    lab.board.net.last().written = "";
    return lab;
  }

  it("serves the next request", () => {
    const lab = createKept();
    lab.ask("GET /y");
    expect(lab.board.net.last().written).toMatch(/^GET \/y /);
    lab.board.net.last().receive(ANSWER);
    expect(lab.outcomes[0]?.response.body).toBe("hi");
    expect(lab.board.net.sockets.length).toBe(1);
  });

  it.each([
    ["says close", "Connection: Close\r\nContent-Length: 0\r\n\r\n"],
    ["says close among others", "Connection: x, close\r\nContent-Length: 0\r\n\r\n"],
    ["sends more than the answer", "Content-Length: 0\r\n\r\n!"],
  ])("is not made of one whose server %s", (_name, rest) => {
    const { lab, outcome } = exchange(OK + rest);
    expect(outcome?.failure).toBeUndefined();
    expectNothingLeft(lab);
  });

  it.each([
    ["closes it", (lab: Lab) => lab.board.net.last().close("ended")],
    ["sends what nobody asked for", (lab: Lab) => lab.board.net.last().receive("HTTP/1.1 408 x")],
  ])("is given up when the server %s", (_name, misbehave) => {
    const lab = createKept();
    misbehave(lab);
    expect(lab.outcomes).toEqual([]);
    expectNothingLeft(lab);
    lab.ask();
    lab.board.net.last().open();
    lab.board.net.last().receive(ANSWER);
    expect(lab.outcomes[0]?.response.body).toBe("hi");
    expect(lab.board.net.sockets.length).toBe(2);
  });

  it.each([
    [
      "is gone when the request is written",
      (lab: Lab) => void (lab.board.net.last().isWritable = false),
    ],
    ["is closed before the answer", () => {}],
  ])("that %s costs one more connection, not the request", (_name, before) => {
    const lab = createKept();
    before(lab);
    lab.ask("POST /z", "", "beat");
    if (lab.board.net.sockets.length === 1) lab.board.net.last().close("ended");
    expect(lab.board.net.sockets.length).toBe(2);
    expect(lab.outcomes).toEqual([]);
    const fresh = lab.board.net.last();
    fresh.open();
    expect(fresh.written).toMatch(/^POST \/z [^]*beat$/);
    fresh.receive(ANSWER);
    expect(lab.outcomes[0]?.response.body).toBe("hi");
    expect(lab.board.net.openCount()).toBe(1);
  });

  it("whose peer has fallen silent is replaced after one bound", () => {
    const lab = createKept();
    lab.ask();
    lab.board.advance(WAIT_MS);
    expect(lab.outcomes).toEqual([]);
    lab.board.net.last().open();
    lab.board.net.last().receive(ANSWER);
    expect(lab.outcomes[0]?.response.body).toBe("hi");
  });

  it("is tried anew once only", () => {
    const lab = createKept();
    lab.ask();
    lab.board.net.last().close("ended");
    lab.board.net.last().close("refused");
    expect(lab.outcomes[0]?.failure).toBe("E_NET reason=refused at=connect");
    expect(lab.board.net.sockets.length).toBe(2);
    expectNothingLeft(lab);
  });

  it("does not repeat a request whose answer has begun", () => {
    const lab = createKept();
    lab.ask();
    lab.board.net.last().receive("HTTP/1.1 2");
    lab.board.net.last().close("ended");
    expect(lab.outcomes[0]?.failure).toBe("E_NET reason=ended at=head");
    expectNothingLeft(lab);
  });
});

describe("a peer that is hung up", () => {
  it("answers nothing and leaves nothing, in any step", () => {
    for (const bytes of ["", "HTTP/1.1 200 OK\r\n", `${OK}Content-Length: 5\r\n\r\nhe`]) {
      const { lab } = exchange(bytes);
      lab.peer.hangUp?.();
      lab.board.disarm(lab.peer.slot);
      lab.board.net.last().close("ended");
      lab.board.advance(10 * WAIT_MS);
      expect(lab.outcomes).toEqual([]);
      expectNothingLeft(lab);
    }
  });
});
