// SPDX-License-Identifier: MIT
// The status page: its answers, its bounds, and that nothing is left of any client.
import { describe, expect, it } from "vitest";
import {
  CLIENTS_MAX,
  REQUEST_MAX_BYTES,
  VARS_MIN,
  WAIT_MS,
  createStatusServer,
} from "../../../firmware/services/status-server.ts";
import type { StatusPage, StatusServer } from "../../../firmware/services/status-server.ts";
import { createFakeBoard } from "../../helpers/fake-board.ts";
import type { FakeBoard, FakeSocket } from "../../helpers/fake-board.ts";

const PORT = 8080;

interface Lab {
  board: FakeBoard;
  server: StatusServer;
  page: StatusPage & { [name: string]: unknown };
  dial(): FakeSocket;
  /** Sends a request, and gives what was answered. */
  ask(request: string): string;
}

function createLab(): Lab {
  const board = createFakeBoard();
  const page: Lab["page"] = { status: "alive", uplink: "online" };
  const server = createStatusServer(board, PORT, () => page);
  const dial = (): FakeSocket => board.net.dial(PORT);
  return {
    board,
    server,
    page,
    dial,
    ask: (request) => {
      const client = dial();
      client.receive(request);
      board.advance(10);
      return client.written;
    },
  };
}

function get(path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: board\r\n\r\n`;
}

function partsOf(answer: string): { status: number; head: string; body: string } {
  const at = answer.indexOf("\r\n\r\n");
  return {
    status: Number(answer.slice(9, 12)),
    head: answer.slice(0, at + 2),
    body: answer.slice(at + 4),
  };
}

/** Sockets and timers are as before the first client. */
function expectNothingLeft({ board }: Lab): void {
  expect(board.net.openCount()).toBe(0);
  board.advance(2 * WAIT_MS);
  expect(board.isArmed(0)).toBe(false);
}

describe("the status server", () => {
  it.each(["/status", "/status?pretty=1", "/health", "http://board:8080/status"])(
    "answers %s with JSON",
    (path) => {
      const lab = createLab();
      const { status, head, body } = partsOf(lab.ask(get(path)));
      expect(status).toBe(200);
      expect(head).toMatch(/^HTTP\/1\.1 200 \r\n/);
      expect(head).toMatch(/\r\nContent-Type: application\/json\r\n/);
      expect(head).toMatch(/\r\nConnection: close\r\n/);
      expect(head).toContain(`\r\nContent-Length: ${body.length}\r\n`);
      expect(JSON.parse(body)).toEqual(lab.page);
      expect(lab.board.net.last().state).toBe("ended");
      expectNothingLeft(lab);
    },
  );

  it("answers / with a page for people, in which no value becomes markup", () => {
    const lab = createLab();
    lab.page["ssid"] = "<script>&";
    const { status, head, body } = partsOf(lab.ask(get("/")));
    expect(status).toBe(200);
    expect(head).toMatch(/\r\nContent-Type: text\/html\r\n/);
    expect(body).toContain('"&lt;script>&amp;"');
    expect(body.match(/<[a-z]/g)).toEqual(["<p"]);
  });

  it("tells by the status of /health whether the device is well", () => {
    const lab = createLab();
    lab.page.status = "degraded";
    const { status, body } = partsOf(lab.ask(get("/health")));
    expect([status, JSON.parse(body)]).toEqual([503, lab.page]);
    expect(partsOf(lab.ask(get("/status"))).status).toBe(200);
  });

  it("answers HEAD like GET, without the body", () => {
    const lab = createLab();
    const answer = lab.ask("HEAD /status HTTP/1.0\r\n\r\n");
    const length = JSON.stringify(lab.page, null, 1).length;
    expect(partsOf(answer)).toMatchObject({ status: 200, body: "" });
    expect(answer).toContain(`\r\nContent-Length: ${length}\r\n`);
  });

  it("understands a request in single bytes", () => {
    const { board, dial } = createLab();
    const client = dial();
    for (const byte of get("/health")) client.receive(byte);
    expect(partsOf(client.written).status).toBe(200);
    board.advance(10);
  });

  it.each([
    [404, get("/other")],
    [404, get("/statusx")],
    [404, get("//status")],
    [405, "POST /status HTTP/1.1\r\nHost: b\r\nContent-Length: 2\r\n\r\n{}"],
    [405, "DELETE / HTTP/1.1\r\n\r\n"],
    [400, "hello\r\n\r\n"],
    [400, "GET /status\r\n\r\n"],
    [400, "GET / HTTP/2.0\r\n\r\n"],
    [400, "get / HTTP/1.1\r\n\r\n"],
    [400, "GET / x HTTP/1.1\r\n\r\n"],
    [400, "\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\r\n\r\n"],
    [413, `GET / HTTP/1.1\r\nCookie: ${"x".repeat(REQUEST_MAX_BYTES)}`],
  ])("refuses with %d: %j", (status, request) => {
    const lab = createLab();
    const answer = lab.ask(request);
    expect(partsOf(answer)).toMatchObject({ status, body: "" });
    expect(answer).toMatch(/\r\nAllow: GET, HEAD\r\n/);
    expectNothingLeft(lab);
  });

  it("takes a request of the longest length", () => {
    const lab = createLab();
    const start = "GET /status HTTP/1.1\r\nCookie: ";
    const fill = REQUEST_MAX_BYTES - start.length - 4;
    expect(partsOf(lab.ask(`${start}${"x".repeat(fill)}\r\n\r\n`)).status).toBe(200);
    expect(partsOf(lab.ask(`${start}${"x".repeat(fill + 1)}\r\n\r\n`)).status).toBe(413);
  });

  it("makes no page when memory is short, and looks for garbage first", () => {
    const lab = createLab();
    lab.board.varsInUse = () => lab.board.varsTotal - VARS_MIN + 1;
    expect(partsOf(lab.ask(get("/status"))).status).toBe(200);
    lab.board.varsFree = VARS_MIN - 1;
    expect(partsOf(lab.ask(get("/status"))).status).toBe(503);
  });
});

describe("clients of the status server", () => {
  it("are told 503 when there are more than it has places", () => {
    const lab = createLab();
    const clients = Array.from({ length: CLIENTS_MAX }, () => lab.dial());
    const late = lab.dial();
    expect(partsOf(late.written).status).toBe(503);
    expect(lab.board.net.openCount()).toBeLessThanOrEqual(CLIENTS_MAX + 1);
    for (const client of clients) client.receive(get("/health"));
    expect(clients.map(({ written }) => partsOf(written).status)).toEqual([200, 200]);
    lab.board.advance(10);
    expect(partsOf(lab.ask(get("/health"))).status).toBe(200);
    expectNothingLeft(lab);
  });

  it("are dropped when their request does not come in time, each by itself", () => {
    const lab = createLab();
    const first = lab.dial();
    first.receive("GET /st");
    lab.board.advance(WAIT_MS + 1);
    const second = lab.dial();
    lab.board.advance(WAIT_MS - 1);
    expect([first.state, second.state]).toEqual(["aborted", "open"]);
    lab.board.advance(WAIT_MS);
    expect(second.state).toBe("aborted");
    expectNothingLeft(lab);
  });

  it("do not hold the server when they do not read", () => {
    const lab = createLab();
    for (let i = 0; i < CLIENTS_MAX; i++) {
      const client = lab.dial();
      client.isStalled = true;
      client.receive(get("/status"));
    }
    lab.board.advance(2 * WAIT_MS);
    expectNothingLeft(lab);
    expect(partsOf(lab.ask(get("/health"))).status).toBe(200);
  });

  it("may go at any moment", () => {
    const lab = createLab();
    for (const request of ["", "GET /", get("/status")])
      for (let i = 0; i < 2 * CLIENTS_MAX; i++) {
        const client = lab.dial();
        client.receive(request);
        client.close("ended");
      }
    expectNothingLeft(lab);
    expect(partsOf(lab.ask(get("/health"))).status).toBe(200);
  });

  it("are dropped, and the port is closed, by stop", () => {
    const lab = createLab();
    const clients = [lab.dial(), lab.dial()];
    lab.server.stop();
    lab.server.stop();
    expect(clients.map(({ state }) => state)).toEqual(["aborted", "aborted"]);
    expect(lab.board.net.ports.size).toBe(0);
    expectNothingLeft(lab);
  });
});
