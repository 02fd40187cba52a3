// SPDX-License-Identifier: MIT
// The HTTP carrier: what it posts, and what each kind of answer leads to.
import { describe, expect, it } from "vitest";
import {
  ANSWER_MAX_BYTES,
  COMMANDS_MAX,
  WAITING_MAX,
  createHttpLink,
} from "../../../firmware/http/link.ts";
import type { HttpLinkOptions } from "../../../firmware/http/link.ts";
import type { Link } from "../../../firmware/transport/link.ts";
import { createFakeBoard, linesOf } from "../../helpers/fake-board.ts";
import type { FakeBoard, FakeSocket } from "../../helpers/fake-board.ts";

const WAIT_MS = 5000;
const TARGET = { scheme: "http", host: "example.com", port: 8080, path: "/" };
const PATH = "/api/v1/devices/kitchen/heartbeat";
const TIME = "2026-11-22T06:19:16.000Z";
const TIME_MS = Date.parse(TIME);

function answer(status: number, body: string, headers = ""): string {
  return `HTTP/1.1 ${status} x\r\n${headers}Content-Length: ${body.length}\r\n\r\n${body}`;
}

function chunks(body: string): string {
  const size = body.length.toString(16);
  return `HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n${size}\r\n${body}\r\n0\r\n\r\n`;
}

function ok(more: object = {}): string {
  return answer(200, JSON.stringify({ status: "ok", ...more }));
}

interface Lab {
  board: FakeBoard;
  link: Link;
  /** What the link told its owner, and what became of beats, as text. */
  told: string[];
  /** Round-trip times that came with the ok, ms. */
  rtts: number[];
  /** How many tokens have been made. */
  tokens(): number;
  socket(): FakeSocket;
  beat(seq: number): void;
  /** The server answers the request in hand, and the link comes to an end with it. */
  reply(bytes: string): void;
  /** What has been posted, head and body. */
  posts(): string[];
}

function createLab(options: Partial<HttpLinkOptions> = {}, systemMs?: number): Lab {
  const board = createFakeBoard(systemMs === undefined ? {} : { systemMs });
  const told: string[] = [];
  const rtts: number[] = [];
  let tokens = 0;
  const link = createHttpLink(
    board,
    {
      identity: { id: "kitchen", session: 0 },
      waitMs: WAIT_MS,
      seal: (body, claims) => `${body}#${claims}`,
      token: () => `token${++tokens}`,
      ...options,
    },
    {
      onOnline: (detail) => told.push(`online ${detail}`.trim()),
      onFail: (failure, isRefused, leastMs) =>
        told.push(`fail ${failure}${isRefused ? " refused" : ""} ${leastMs ?? 0}`),
      onMessage: (topic, payload) => told.push(`${topic} ${payload}`),
      onTime: (wallMs) => told.push(`time ${new Date(wallMs).toISOString()}`),
    },
  );
  return {
    board,
    link,
    told,
    rtts,
    tokens: () => tokens,
    socket: () => board.net.last(),
    beat: (seq) => {
      const message = {
        topic: "devices/kitchen/heartbeat",
        body: `beat${seq}`,
        qos: 1,
        claims: `${seq}`,
      };
      link.publish(message, (failure, rttMs) => {
        told.push(`beat${seq} ${failure ?? "ok"}`);
        if (rttMs !== undefined) rtts.push(rttMs);
      });
      board.advance(1);
    },
    reply: (bytes) => {
      board.net.last().receive(bytes);
      board.advance(1);
    },
    posts: () =>
      board.net.sockets
        .map(({ written }) => written)
        .join("")
        .split(/(?=POST )/),
  };
}

function createOnline(options: Partial<HttpLinkOptions> = {}): Lab {
  const lab = createLab(options);
  lab.link.open(TARGET);
  lab.socket().open();
  lab.board.advance(1);
  expect(lab.told).toEqual(["online"]);
  lab.told.length = 0;
  return lab;
}

/** Online with a server that has taken a beat. */
function createProved(options: Partial<HttpLinkOptions> = {}): Lab {
  const lab = createOnline(options);
  lab.beat(0);
  lab.reply(ok());
  expect(lab.told).toEqual(["beat0 ok"]);
  lab.told.length = 0;
  return lab;
}

/** The owner does what it does after `onFail`, and the server can be reached. */
function reopen({ link, socket, board }: Lab): void {
  link.close();
  link.open(TARGET);
  socket().open();
  board.advance(2);
}

describe("an HTTP link that is opened", () => {
  it("counts a session with each connection that is made", () => {
    const identity = { id: "kitchen", session: 0 };
    const { link, socket, board } = createOnline({ identity });
    expect(identity.session).toBe(1);
    link.close();
    link.open(TARGET);
    expect(identity.session).toBe(1);
    socket().open();
    board.advance(1);
    expect(identity.session).toBe(2);
  });

  it("is online once the server can be reached, without a request", () => {
    const { socket, board } = createOnline();
    expect(socket().endpoint).toMatchObject({ host: "example.com", port: 8080 });
    expect(socket().written).toBe("");
    expect(board.isArmed(0)).toBe(false);
  });

  it("fails when the server cannot be reached", () => {
    const { board, link, told, socket } = createLab();
    link.open(TARGET);
    socket().close("refused");
    expect(told).toEqual([]);
    board.advance(1);
    expect(told).toEqual(["fail E_NET reason=refused at=connect 0"]);
  });

  it("takes what refuses the question for the time, which carries no token, for no refusal", () => {
    const { link, told, socket, reply } = createLab({}, 0);
    link.open(TARGET);
    socket().open();
    reply(answer(401, ""));
    expect(told).toEqual(["fail E_CLOCK_NONE 0"]);
  });

  it("asks for the time when the board has none, and is online once it is told", () => {
    const { board, link, told, socket, reply } = createLab(
      { token: () => expect.unreachable("a token without a clock") },
      0,
    );
    link.open(TARGET);
    socket().open();
    expect(socket().written).toMatch(new RegExp(`^GET ${PATH} `));
    reply(answer(405, "", "Date: Sun, 22 Nov 2026 06:19:16 GMT\r\n"));
    // Nobody has set the clock by it.
    expect(told).toEqual([`time ${TIME}`, "fail E_CLOCK_NONE 0"]);
    link.close();
    board.setWall(TIME_MS, "plausible");
    link.open(TARGET);
    socket().open();
    board.advance(1);
    expect(told.at(-1)).toBe("online");
  });

  it("sends what waited, the newest first", () => {
    const { board, link, told, socket, beat, reply, posts } = createLab();
    beat(1);
    beat(2);
    link.open(TARGET);
    socket().open();
    board.advance(2);
    reply(ok());
    reply(ok());
    expect(told).toEqual(["online", "beat2 ok", "beat1 ok"]);
    expect(posts().length).toBe(2);
  });

  it("lets whoever hears that it is online go first", () => {
    const lab = createLab();
    lab.beat(1);
    const push = lab.told.push.bind(lab.told);
    const slot = lab.board.newSlot();
    lab.told.push = (...lines) => {
      if (lines[0] === "online") lab.board.arm(slot, 0, () => lab.beat(2));
      return push(...lines);
    };
    reopen(lab);
    lab.reply(ok());
    lab.reply(ok());
    expect([...lab.told]).toEqual(["online", "beat2 ok", "beat1 ok"]);
  });
});

describe("a beat over HTTP", () => {
  it("is posted sealed, with the token, below the URL's path", () => {
    const lab = createLab();
    lab.link.open({ ...TARGET, path: "/base/" });
    lab.socket().open();
    lab.board.advance(1);
    lab.beat(7);
    expect(lab.socket().written).toBe(
      `POST /base${PATH} HTTP/1.1\r\nHost: example.com:8080\r\nContent-Type: application/json\r\nAuthorization: Bearer token1\r\nContent-Length: 7\r\n\r\nbeat7#7`,
    );
  });

  it("is done with the server's ok, and its time is measured", () => {
    const { board, told, rtts, beat, reply } = createOnline();
    beat(1);
    board.advance(80);
    reply(ok());
    expect([told, rtts]).toEqual([["beat1 ok"], [81]]);
  });

  it("waits while another is on its way", () => {
    const { told, beat, reply, posts } = createOnline();
    beat(1);
    beat(2);
    expect(posts().length).toBe(1);
    reply(ok());
    expect(posts().length).toBe(2);
    reply(ok());
    expect(told).toEqual(["beat1 ok", "beat2 ok"]);
  });

  it(`takes the place of the oldest when ${WAITING_MAX} wait, but not of the one on its way`, () => {
    const { told, beat, reply } = createOnline();
    for (let seq = 1; seq <= WAITING_MAX + 1; seq++) beat(seq);
    expect(told).toEqual([`beat2 E_HTTP_QUEUE waiting=${WAITING_MAX}`]);
    reply(ok());
    reply(ok());
    expect(told.slice(1)).toEqual(["beat1 ok", `beat${WAITING_MAX + 1} ok`]);
    for (let seq = 6; seq < 9; seq++) beat(seq);
    // On its way is now the second of those that wait.
    expect(told.slice(3)).toEqual([`beat3 E_HTTP_QUEUE waiting=${WAITING_MAX}`]);
  });

  it("is the only thing that is taken", () => {
    const { link, told } = createOnline();
    link.publish({ topic: "devices/kitchen/status", body: "{}", qos: 1 }, (failure) =>
      told.push(`status ${failure}`),
    );
    expect(told).toEqual(["status E_HTTP_NONE"]);
  });

  it("comes once more over a new connection when the server closed the kept one", () => {
    const { board, told, beat, reply, socket } = createOnline();
    beat(1);
    reply(ok());
    socket().close("ended");
    beat(2);
    expect(board.net.sockets.length).toBe(2);
    socket().open();
    reply(ok());
    expect(told).toEqual(["beat1 ok", "beat2 ok"]);
  });
});

describe("the connection token", () => {
  it("is used again until about 80 % of its lifetime", () => {
    const lab = createOnline();
    const beatAt = (seq: number, atMs: number): number => {
      lab.board.advance(atMs - lab.board.nowMs());
      lab.beat(seq);
      lab.reply(ok());
      return lab.tokens();
    };
    lab.board.draws.push(0, 0.999);
    expect(beatAt(1, 10_000)).toBe(1);
    expect(beatAt(2, 10_000 + 0.72 * 3_600_000 - 1000)).toBe(1);
    expect(beatAt(3, 10_000 + 0.72 * 3_600_000)).toBe(2);
    expect(beatAt(4, 10_000 + (0.72 + 0.879) * 3_600_000)).toBe(2);
    expect(beatAt(5, 10_000 + (0.72 + 0.88) * 3_600_000)).toBe(3);
  });

  it("is replaced once when it is refused, after the time has been told", () => {
    const { told, beat, reply, tokens, socket } = createOnline();
    beat(1);
    reply(answer(401, `{"server_time":"${TIME}","status":401}`));
    expect(told).toEqual([`time ${TIME}`]);
    expect(tokens()).toBe(2);
    expect(socket().written).toMatch(/Bearer token2\r\n[^]*beat1#1$/);
    reply(ok());
    expect(told.slice(1)).toEqual(["beat1 ok"]);
  });

  it.each([401, 403])(
    "that is refused twice with %d ends the connection, and the beat stays",
    (status) => {
      const { board, told, beat, reply, link, socket, tokens } = createOnline();
      beat(1);
      reply(answer(status, '{"code":"E_TOKEN"}'));
      reply(answer(status, '{"code":"E_TOKEN"}'));
      expect(told).toEqual([`fail E_HTTP_STATUS status=${status} code=E_TOKEN refused 0`]);
      link.close();
      link.open(TARGET);
      socket().open();
      board.advance(1);
      expect(tokens()).toBe(3);
      reply(ok());
      expect(told.slice(1)).toEqual(["online", "beat1 ok"]);
    },
  );
});

describe("an answer that asks for patience", () => {
  it.each([
    [408, "", 0],
    [425, "", 0],
    [429, "Retry-After: 120\r\n", 120_000],
    [500, "", 0],
    [
      503,
      "Retry-After: Sun, 22 Nov 2026 06:20:16 GMT\r\nDate: Sun, 22 Nov 2026 06:19:16 GMT\r\n",
      60_000,
    ],
    [503, "Retry-After: 99999999\r\n", 3_600_000],
    [503, "Retry-After: -5\r\n", 0],
    [503, "Retry-After: soon\r\n", 0],
    [302, "Location: /login\r\n", 0],
    // Of another path, or another server: the next URL may have it.
    [404, "", 0],
    [405, "", 0],
    [410, "", 0],
    // Of a server that has taken none yet: it would say so of every beat.
    [400, "", 0],
    [409, "", 0],
    [413, "", 0],
    [422, "", 0],
  ])("with status %d %j keeps the beat", (status, headers, leastMs) => {
    const { told, beat, reply, link, socket, board } = createOnline();
    beat(1);
    reply(answer(status, "", headers));
    expect(told.filter((line) => !line.startsWith("time"))).toEqual([
      `fail E_HTTP_STATUS status=${status} code= ${leastMs}`,
    ]);
    link.close();
    told.length = 0;
    link.open(TARGET);
    socket().open();
    board.advance(1);
    reply(ok());
    expect(told).toEqual(["online", "beat1 ok"]);
  });

  it("by a date needs a clock to count from", () => {
    const { told, beat, reply, board } = createOnline();
    board.setWall(TIME_MS - 30_000, "synced");
    beat(1);
    reply(answer(503, "", "Retry-After: Sun, 22 Nov 2026 06:19:16 GMT\r\n"));
    expect(Number(told[0]?.split(" ").at(-1))).toBeCloseTo(30_000, -2);
  });

  it.each([
    ["a page of a captive portal", answer(200, "<html>Welcome</html>")],
    ["another API's answer", answer(200, '{"status":"queued"}')],
    ["no body", answer(204, "")],
  ])("is also %s", (_name, bytes) => {
    const { told, beat, reply } = createOnline();
    beat(1);
    reply(bytes);
    expect(told).toEqual(["fail E_HTTP_PROTOCOL what=answer 0"]);
  });

  it("is also none", () => {
    const { told, beat, board } = createOnline();
    beat(1);
    // Over the kept connection, and then over a new one.
    board.advance(WAIT_MS);
    board.net.last().open();
    board.advance(WAIT_MS + 1);
    expect(told).toEqual(["fail E_HTTP_TIMEOUT wait=head 0"]);
  });

  it("is also one that is too large without an ok in its first bytes", () => {
    const { told, beat, reply } = createOnline();
    beat(1);
    reply(answer(200, "[".repeat(ANSWER_MAX_BYTES + 1)));
    expect(told).toEqual(["fail E_HTTP_PROTOCOL what=size 0"]);
  });
});

describe("an answer that does not come whole", () => {
  const list = Array.from({ length: 20 }, (_, i) => `${i}.${"x".repeat(600)}.z`);
  const long = JSON.stringify({ status: "ok", server_time: TIME, commands: list });

  it.each([
    ["with a length", answer(200, long)],
    ["in one chunk", chunks(long)],
    ["without a length", `HTTP/1.1 200 x\r\n\r\n${long}`],
  ])("too long, %s, takes the beat and brings the commands that are whole", (_name, bytes) => {
    const { told, beat, reply, board, socket } = createOnline();
    beat(1);
    reply(bytes);
    expect(long.length).toBeGreaterThan(ANSWER_MAX_BYTES);
    expect(told).toEqual([
      `time ${TIME}`,
      "beat1 ok",
      ...list.slice(0, 6).map((text) => `commands ${text}`),
    ]);
    expect(linesOf(board, "cut")).toEqual(["W http cut code=E_HTTP_PROTOCOL what=size"]);
    // Over a new connection, because on this one the rest is to come.
    beat(2);
    socket().open();
    reply(ok());
    expect(told.at(-1)).toBe("beat2 ok");
  });

  it("cut behind its ok takes the beat, too", () => {
    const { told, beat, socket, board } = createOnline();
    beat(1);
    socket().receive('HTTP/1.1 200 x\r\nContent-Length: 500\r\n\r\n{"status":"ok","comm');
    socket().close("ended");
    board.advance(1);
    expect(told).toEqual(["beat1 ok"]);
  });
});

describe("a beat that the server will never take", () => {
  it.each([400, 409, 413, 422])("with status %d is given up, and the next goes out", (status) => {
    const { told, beat, reply, posts } = createProved();
    beat(1);
    beat(2);
    reply(answer(status, '{"title":"x","code" : "E_BEAT"}'));
    reply(ok());
    expect(told).toEqual([`beat1 E_HTTP_STATUS status=${status} code=E_BEAT`, "beat2 ok"]);
    expect(posts().length).toBe(3);
  });

  it.each([500, 502, 404])(
    "with status %d three times is given up when others are taken",
    (status) => {
      const lab = createProved();
      const why = `E_HTTP_STATUS status=${status} code=`;
      lab.beat(1);
      for (let seq = 2; seq < 5; seq++) {
        lab.reply(answer(status, ""));
        if (seq === 4) break;
        // That nothing is taken says nothing of the beat.
        reopen(lab);
        lab.reply(answer(status, ""));
        lab.beat(seq);
        reopen(lab);
        lab.reply(ok());
      }
      expect(lab.told.filter((line) => line.startsWith("beat"))).toEqual([
        "beat2 ok",
        "beat3 ok",
        `beat1 ${why}`,
      ]);
      expect(lab.told.filter((line) => line === `fail ${why} 0`)).toHaveLength(4);
      lab.beat(5);
      lab.reply(ok());
      expect(lab.told.at(-1)).toBe("beat5 ok");
    },
  );

  it.each([429, 503])("is none that is answered %d: the server takes too many others", (status) => {
    const lab = createProved();
    lab.beat(1);
    for (let seq = 2; seq < 20; seq++) {
      lab.reply(answer(status, ""));
      lab.beat(seq);
      reopen(lab);
      lab.reply(ok());
    }
    lab.reply(ok());
    expect(lab.told.filter((line) => line.startsWith("beat")).slice(-2)).toEqual([
      "beat19 ok",
      "beat1 ok",
    ]);
  });

  it("has no round trip, which would make it an acknowledged one", () => {
    const { board, link, reply } = createProved();
    const outcomes: unknown[] = [];
    link.publish({ topic: "t", body: "{}", qos: 1, claims: "1" }, (...outcome) =>
      outcomes.push(outcome),
    );
    board.advance(1);
    reply(answer(400, ""));
    expect(outcomes).toEqual([["E_HTTP_STATUS status=400 code=", undefined]]);
  });

  it("does not bring foreign text into the log", () => {
    const { told, beat, reply } = createProved();
    beat(1);
    reply(answer(400, '{"code":"x\n1 E app fault"}'));
    expect(told).toEqual(["beat1 E_HTTP_STATUS status=400 code="]);
  });
});

describe("what an answer brings", () => {
  it("is the server's time, else its Date", () => {
    const { told, beat, reply } = createOnline();
    beat(1);
    reply(
      answer(
        200,
        `{"status":"ok","server_time":"${TIME}"}`,
        "Date: Mon, 01 Jan 2024 00:00:00 GMT\r\n",
      ),
    );
    beat(2);
    reply(answer(200, '{"status":"ok"}', "Date: Mon, 01 Jan 2024 00:00:00 GMT\r\n"));
    beat(3);
    reply(answer(200, '{"status":"ok","server_time":"now"}', "Date: today\r\n"));
    expect(told.filter((line) => line.startsWith("time"))).toEqual([
      `time ${TIME}`,
      "time 2024-01-01T00:00:00.000Z",
    ]);
  });

  it("is commands, after the beat is done", () => {
    const { told, beat, reply } = createOnline();
    beat(1);
    reply(ok({ commands: ["a.b-c_d.e", "f.g.h"] }));
    expect(told).toEqual(["beat1 ok", "commands a.b-c_d.e", "commands f.g.h"]);
  });

  it("is no more commands than it can be asked to look at", () => {
    const { told, beat, reply } = createOnline();
    beat(1);
    reply(ok({ commands: Array.from({ length: 100 }, (_, i) => `c${i}`) }));
    expect(told.length).toBe(1 + COMMANDS_MAX);
  });

  it("is word of another playlist", () => {
    const words: string[] = [];
    const { beat, reply } = createOnline({ onPlaylist: () => words.push("playlist") });
    beat(1);
    reply(ok({ playlist_updated: false }));
    beat(2);
    reply(ok({ playlist_updated: true }));
    expect(words).toEqual(["playlist"]);
  });

  it("is commands also when the author's function for a playlist throws", () => {
    const { told, board, beat, reply } = createOnline({
      onPlaylist: () => {
        throw new Error("mine");
      },
    });
    beat(1);
    reply(ok({ playlist_updated: true, commands: ["a.b.c"] }));
    expect(told).toEqual(["beat1 ok", "commands a.b.c"]);
    expect(linesOf(board, "fault")).toEqual(['E app fault text="Error: mine"']);
  });

  it("is nothing else, however it is nested or broken", () => {
    for (const body of [
      '{"status":"ok","commands":',
      '{"status":"ok","commands":{"a":1}}',
      '{"status":"ok","commands":[]}',
      `{"status":"ok","x":${"[".repeat(3000)}`,
      `{"status":"ok","x":"${"\\".repeat(3000)}`,
      `{"status":"ok"${"\0\xff".repeat(1000)}`,
    ]) {
      const { told, beat, reply } = createOnline();
      beat(1);
      reply(answer(200, body));
      expect(told).toEqual(["beat1 ok"]);
    }
  });
});

describe("an HTTP link that ends", () => {
  it("leaves no socket and no timer, and what waits for the next connection", () => {
    const { board, link, told, beat, socket, reply } = createOnline();
    beat(1);
    link.close();
    link.close();
    expect(board.net.openCount()).toBe(0);
    expect(board.isArmed(0)).toBe(false);
    socket().close("ended");
    board.advance(100_000);
    expect(told).toEqual([]);
    link.open(TARGET);
    socket().open();
    board.advance(1);
    reply(ok());
    expect(told).toEqual(["online", "beat1 ok"]);
  });

  it("says nothing to the server, and then gives up what waits", () => {
    const { board, link, told, beat } = createOnline();
    beat(1);
    beat(2);
    link.stop(() => told.push("stopped"));
    link.abandon();
    expect(told).toEqual(["stopped", "beat1 E_HTTP_CLOSED", "beat2 E_HTTP_CLOSED"]);
    expect(board.net.openCount()).toBe(0);
    board.advance(100_000);
    expect(told.length).toBe(3);
  });

  it("can be closed from within whatever it tells", () => {
    for (const kind of ["beat", "commands", "time"]) {
      const lab = createOnline();
      const push = lab.told.push.bind(lab.told);
      lab.told.push = (...lines) => {
        if (lines[0]?.startsWith(kind)) lab.link.close();
        return push(...lines);
      };
      lab.beat(1);
      lab.reply(ok({ commands: ["a"], server_time: TIME }));
      expect(lab.board.net.openCount()).toBe(0);
      lab.board.advance(100_000);
      expect(lab.board.isArmed(0)).toBe(false);
      expect(lab.told.filter((line) => line.startsWith("fail"))).toEqual([]);
    }
  });

  it("forgets a beat that is abandoned while it is on its way", () => {
    const { link, told, beat, reply, posts } = createOnline();
    beat(1);
    link.abandon();
    beat(2);
    reply(ok());
    expect(posts().length).toBe(2);
    reply(ok());
    expect(told).toEqual(["beat1 E_HTTP_CLOSED", "beat2 ok"]);
  });
});
