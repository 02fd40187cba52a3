// SPDX-License-Identifier: MIT
// The keepalive service against a server that is scripted byte by byte, in virtual time.
import { afterEach, describe, expect, it } from "vitest";
import {
  CONNECT_MS,
  PENDING_MAX_BYTES,
  QUEUE_MAX_BYTES,
  STOP_MS,
  createWebsocketKeepalive,
  keepaliveOptions,
} from "../../../firmware/services/websocket-keepalive.ts";
import type {
  KeepaliveOptions,
  WebsocketKeepalive,
} from "../../../firmware/services/websocket-keepalive.ts";
import { checkConfig } from "../../../firmware/wire/config.ts";
import { createFakeBoard, createFakeRadio, linesOf } from "../../helpers/fake-board.ts";
import type { FakeBoard, FakeSocket } from "../../helpers/fake-board.ts";
import { answerTo, framesOf, serverFrame } from "../../helpers/websocket-rig.ts";

const INTERVAL_MS = 10_000;
const PONG_MS = 4000;
const SPREAD_MS = 10_000;

interface Lab {
  rt: FakeBoard;
  service: WebsocketKeepalive;
  states: string[];
  messages: string[];
  /** Payloads of the frames of one opcode that the last connection got. */
  got(opcode: number): string[];
  /** Runs the next attempt and accepts it. */
  connect(): FakeSocket;
  receive(first: number, payload: string): void;
}

let labs: Lab[] = [];

const KEYS = {
  key: "k".repeat(43),
  mqtt_url: "mqtt://h",
  keepalive_url: "ws://h",
  keepalive_interval_s: 30,
  keepalive_payload: "preset:ping",
};

/** Options as the configuration makes them. */
function optionsOf(keys: object): KeepaliveOptions {
  const { config } = checkConfig({ ...KEYS, ...keys });
  const target = { host: "h", port: 80, path: "/", maxBytes: 0 };
  return keepaliveOptions(createFakeBoard(), config, target);
}

/** What of them is made of `keepalive_payload`. */
function payloadOf(text: string): Pick<KeepaliveOptions, "opcode" | "payload" | "pong"> {
  const { opcode, payload, pong } = optionsOf({ keepalive_payload: text });
  return { opcode, payload, pong };
}

function createLab(changes: Partial<KeepaliveOptions> = {}, rt = createFakeBoard()): Lab {
  const states: string[] = [];
  const messages: string[] = [];
  // The first attempt comes after half the window.
  rt.draws.push(0.5);
  const service = createWebsocketKeepalive(rt, {
    target: { host: "h.example", port: 80, path: "/", maxBytes: 4096 },
    intervalMs: INTERVAL_MS,
    ...payloadOf("preset:event"),
    pongMs: PONG_MS,
    ping: "",
    reply: "",
    connectMs: 5000,
    spreadMs: SPREAD_MS,
    onState: (state) => void states.push(state),
    onMessage: (opcode, bytes) => void messages.push(`${opcode} ${bytes}`),
    ...changes,
  });
  const lab: Lab = {
    rt,
    service,
    states,
    messages,
    got: (opcode) => {
      const { written } = rt.net.last();
      const frames = framesOf(written.slice(written.indexOf("\r\n\r\n") + 4));
      return frames.filter(({ first }) => first === 128 + opcode).map(({ payload }) => payload);
    },
    connect: () => {
      const before = rt.net.sockets.length;
      for (let ms = 0; rt.net.sockets.length === before && ms < 400_000; ms += 10) rt.advance(10);
      const server = rt.net.last();
      server.open();
      server.receive(answerTo(server.written));
      return server;
    },
    receive: (first, payload) => rt.net.last().receive(serverFrame(first, payload)),
  };
  labs.push(lab);
  return lab;
}

const PONG = '{"event":"pong"}';

describe("the configuration", () => {
  it("makes the options, with the default deadline within the interval", () => {
    expect(optionsOf({})).toEqual({
      target: { host: "h", port: 80, path: "/", maxBytes: 4096 },
      intervalMs: 30_000,
      opcode: 1,
      payload: "ping",
      pong: "pong",
      pongMs: 10_000,
      ping: "",
      reply: "",
      connectMs: CONNECT_MS,
      spreadMs: 10_000,
    });
    expect(optionsOf({ keepalive_interval_s: 5 }).pongMs).toBe(5000);
    expect(
      optionsOf({
        keepalive_pong: '"ok"',
        keepalive_pong_s: 0,
        keepalive_ping: "2",
        keepalive_reply: "3",
        keepalive_max_bytes: 125,
      }),
    ).toMatchObject({ pong: '"ok"', pongMs: 0, ping: "2", reply: "3", target: { maxBytes: 125 } });
  });

  it.each([
    ["an interval without a payload", { keepalive_payload: undefined }, "keepalive_interval_s"],
    ["a payload without an interval", { keepalive_interval_s: undefined }, "keepalive_payload"],
    ["a pattern without an answer", { keepalive_ping: "2" }, "keepalive_ping"],
    ["an answer without a pattern", { keepalive_reply: "3" }, "keepalive_reply"],
    ["a deadline above the interval", { keepalive_pong_s: 31 }, "keepalive_pong_s"],
    ["a payload that is no text", { keepalive_payload: { op: "ping" } }, "keepalive_payload"],
  ])("with %s is refused, with a line that names the key", (_name, changes, key) => {
    const raw: { [key: string]: unknown } = { ...KEYS, ...changes };
    expect(checkConfig(raw).problems.map((problem) => problem.key)).toContain(key);
  });
});

// Whatever happened, stopping leaves nothing behind.
afterEach(() => {
  for (const { rt, service } of labs) {
    let isDone = 0;
    service.stop(() => void isDone++);
    rt.advance(STOP_MS + 10);
    expect(isDone).toBe(1);
    expect(service.status).toBe("off");
    expect(rt.net.openCount()).toBe(0);
    expect([0, 1].some((slot) => rt.isArmed(slot))).toBe(false);
    expect(service.send("late")).toBe(false);
  }
  labs = [];
});

describe("a heartbeat", () => {
  it.each([
    ["bare text", 1, "bare text", ""],
    ['{"op":"ping","id":7}', 1, '{"op":"ping","id":7}', ""],
    ["base64url:wAD_", 2, "\xc0\x00\xff", ""],
    ["preset:ping", 1, "ping", "pong"],
    ["preset:method", 1, '{"method":"ping"}', '"pong"'],
    ["preset:event", 1, '{"event":"ping"}', '"pong"'],
    ["preset:op", 1, '{"op":"ping"}', '"pong"'],
    ["preset:stomp", 1, "\n", ""],
    ["preset:mqtt", 2, "\xc0\x00", "\xd0\x00"],
  ])("of %s has its kind, bytes and answer", (text, opcode, payload, pong) => {
    expect(payloadOf(text)).toEqual({ opcode, payload, pong });
    const { rt, connect, got } = createLab(payloadOf(text));
    connect();
    rt.advance(INTERVAL_MS);
    expect(got(opcode)).toEqual([payload]);
  });

  it("comes first after one interval, then in phase, and is counted", () => {
    const { rt, service, connect, got, receive } = createLab();
    connect();
    rt.advance(INTERVAL_MS - 1);
    expect(got(1)).toEqual([]);
    rt.advance(1);
    for (let beats = 1; beats <= 5; beats++) {
      expect(service).toMatchObject({ sent: beats, missed: 0 });
      expect(got(1)).toHaveLength(beats);
      rt.advance(1500);
      receive(0x81, PONG);
      rt.advance(INTERVAL_MS - 1500);
    }
  });

  it("is not postponed by messages in either direction", () => {
    const { rt, service, connect, receive } = createLab();
    connect();
    for (let ms = 0; ms < 3 * INTERVAL_MS; ms += 100) {
      rt.advance(100);
      receive(0x81, '{"event":"trade","note":"\\"pong"}');
      service.send("x", 1);
      receive(0x81, PONG);
    }
    expect(service).toMatchObject({ sent: 3, missed: 0, pongs: 3 });
  });

  it("that is late is sent once; what was missed is counted and not made up for", () => {
    const { rt, service, connect, got, receive } = createLab();
    connect();
    rt.advance(INTERVAL_MS);
    receive(0x81, PONG);
    // The interpreter is blocked over the second and third.
    rt.clock.block(2.5 * INTERVAL_MS);
    rt.advance(0);
    expect(service).toMatchObject({ sent: 2, missed: 1 });
    receive(0x81, PONG);
    rt.advance(INTERVAL_MS / 2 - 1);
    expect(got(1)).toHaveLength(2);
    rt.advance(1);
    expect(service).toMatchObject({ sent: 3, missed: 1 });
  });

  it("comes once an interval also where that is no whole number of milliseconds", () => {
    const { rt, service, connect } = createLab({
      pongMs: 0,
      intervalMs: optionsOf({ keepalive_interval_s: 33.3333 }).intervalMs,
    });
    connect();
    for (let i = 0; i < 10; i++) {
      rt.advance(33_333);
      // What is written takes its time.
      rt.clock.block(1);
    }
    expect(service).toMatchObject({ sent: 10, missed: 0 });
  });

  it("is skipped while the server does not read", () => {
    const { rt, service, connect } = createLab({ pongMs: 0 });
    const server = connect();
    server.pendingBytes = PENDING_MAX_BYTES;
    rt.advance(2 * INTERVAL_MS);
    server.pendingBytes = 0;
    rt.advance(INTERVAL_MS);
    expect(service).toMatchObject({ sent: 1, missed: 2 });
  });

  it("stops with the connection and begins anew one interval after the next", () => {
    const { rt, service, connect, got } = createLab({ pongMs: 0 });
    connect();
    rt.advance(INTERVAL_MS + 1000);
    rt.net.last().close("ended");
    rt.draws.push(0.9);
    const writtenBefore = rt.net.last().written;
    const server = connect();
    expect(rt.net.sockets[0]?.written).toBe(writtenBefore);
    expect(server).toBe(rt.net.sockets[1]);
    rt.advance(INTERVAL_MS - 1);
    expect(got(1)).toEqual([]);
    rt.advance(1);
    expect(got(1)).toHaveLength(1);
    expect(service.sent).toBe(2);
  });
});

describe("the answer to a heartbeat", () => {
  it("that came while the interpreter was blocked is read before it is missed", () => {
    const { rt, service, connect, receive } = createLab();
    connect();
    rt.advance(INTERVAL_MS);
    rt.clock.block(2 * PONG_MS);
    rt.advance(0);
    receive(0x81, PONG);
    rt.advance(PONG_MS);
    expect(service).toMatchObject({ status: "open", pongs: 1 });
  });

  it("that does not come after a block either ends the connection", () => {
    const { rt, service, connect } = createLab();
    connect();
    rt.advance(INTERVAL_MS);
    rt.clock.block(2 * PONG_MS);
    rt.advance(PONG_MS);
    expect(service.status).toBe("waiting");
  });

  it.each([
    ["ping", "pong", '{"x":"pong"}', false],
    ["ping", "pong", "pong", true],
    ["ping", '"pong"', '{"event":"pong","id":7}', true],
    ["ping", '"pong"', "pong", false],
  ])("to %s, matched by %s, is in %s: %s", (payload, pong, message, isAnswer) => {
    const { rt, service, connect, receive, messages } = createLab({ payload, pong });
    connect();
    rt.advance(INTERVAL_MS);
    receive(0x81, message);
    expect(service.pongs).toBe(isAnswer ? 1 : 0);
    expect(messages).toEqual(isAnswer ? [] : [`1 ${message}`]);
    rt.advance(PONG_MS);
    expect(service.status).toBe(isAnswer ? "open" : "waiting");
  });

  it("that does not come in time ends the connection", () => {
    const { rt, service, connect, states, receive } = createLab();
    const server = connect();
    rt.advance(INTERVAL_MS);
    // Neither other messages nor WebSocket's own pong are the answer that was configured.
    receive(0x81, '{"event":"trade"}');
    receive(0x8a, "");
    rt.advance(PONG_MS - 1);
    expect(service.status).toBe("open");
    rt.advance(1);
    expect(server.state).toBe("aborted");
    expect(states).toEqual(["opening", "open", "waiting"]);
    expect(linesOf(rt, "ws lost")[0]).toContain("reason=timeout");
  });

  it("is the pong to a ping of ours where no pattern is given", () => {
    const { rt, service, connect, got, receive } = createLab({ pong: "" });
    connect();
    rt.advance(INTERVAL_MS);
    expect(got(1)).toHaveLength(1);
    expect(got(9)).toEqual([""]);
    receive(0x8a, "");
    expect(service.pongs).toBe(1);
    rt.advance(INTERVAL_MS - 1);
    expect(service.status).toBe("open");
  });

  it("may be any message where no pattern is given, and that is handed on", () => {
    const { rt, service, connect, receive, messages } = createLab({ pong: "" });
    connect();
    rt.advance(INTERVAL_MS);
    receive(0x82, "\x01");
    expect(service.pongs).toBe(1);
    expect(messages).toEqual(["2 \x01"]);
  });

  it("is not waited for without a deadline", () => {
    const { rt, service, connect, got } = createLab({ pongMs: 0, pong: "" });
    connect();
    rt.advance(10 * INTERVAL_MS);
    expect(service).toMatchObject({ status: "open", sent: 10 });
    expect(rt.counts["ws_sent"]).toBe(10);
    expect(got(9)).toEqual([]);
  });

  it("has its whole time when deadline and interval are equal", () => {
    const { rt, service, connect, receive } = createLab({ pongMs: INTERVAL_MS });
    connect();
    for (let beats = 1; beats < 4; beats++) {
      rt.advance(INTERVAL_MS);
      rt.advance(INTERVAL_MS - 1);
      receive(0x81, PONG);
      rt.advance(1);
      receive(0x81, PONG);
    }
    expect(service.status).toBe("open");
    rt.advance(2 * INTERVAL_MS);
    expect(service.status).toBe("waiting");
  });
});

describe("the server's own ping", () => {
  it.each([
    ["ping", "pong", "ping", "pong"],
    ["2", "3", "2", "3"],
    ["2", "3", '42["ev"]', undefined],
    ['"ping"', '"pong"', '{"ping":1492420473027}', '{"pong":1492420473027}'],
    ['"type":"ping"', '"type":"pong"', '{"type":"ping","n":1}', '{"type":"pong","n":1}'],
    [
      '"public/heartbeat"',
      '"public/respond-heartbeat"',
      '{"id":9,"method":"public/heartbeat"}',
      '{"id":9,"method":"public/respond-heartbeat"}',
    ],
  ])("%s is answered with %s: %s", (ping, reply, message, answer) => {
    const { connect, receive, got, messages } = createLab({ ping, reply });
    connect();
    receive(0x81, message);
    expect(got(1)).toEqual(answer === undefined ? [] : [answer]);
    expect(messages).toEqual(answer === undefined ? [`1 ${message}`] : []);
  });

  it("is answered in its own kind, and on the level of WebSocket by itself", () => {
    const { connect, receive, got, messages } = createLab({ ping: "\x01", reply: "\x02" });
    connect();
    receive(0x82, "\x01");
    receive(0x89, "level");
    expect(got(2)).toEqual(["\x02"]);
    expect(got(10)).toEqual(["level"]);
    expect(messages).toEqual([]);
  });

  it("is not answered without end while the server does not read", () => {
    const { connect, receive, got, service } = createLab({ ping: "ping", reply: "pong" });
    const server = connect();
    server.pendingBytes = PENDING_MAX_BYTES;
    for (let i = 0; i < 1000; i++) receive(0x81, "ping");
    expect(got(1)).toEqual([]);
    expect(service.dropped).toBe(1000 - Math.floor(QUEUE_MAX_BYTES / 68));
  });
});

describe("messages of the application", () => {
  it("wait for the connection in order, and are dropped when too many do", () => {
    const { service, connect, got } = createLab();
    const size = QUEUE_MAX_BYTES / 4 - 64;
    const texts = ["a", "b", "c", "d"].map((letter) => letter.repeat(size));
    expect(texts.map((text) => service.send(text, 1))).toEqual([true, true, true, true]);
    expect(service.send("", 1)).toBe(false);
    expect(service.dropped).toBe(1);
    connect();
    expect(got(1)).toEqual(texts);
    expect(service.send("e", 1)).toBe(true);
    expect(got(1)).toEqual([...texts, "e"]);
  });

  it("wait while the server does not read, and go on with a later heartbeat", () => {
    const { rt, service, connect, got, receive } = createLab();
    const server = connect();
    server.pendingBytes = PENDING_MAX_BYTES;
    expect(service.send("x")).toBe(true);
    expect(got(2)).toEqual([]);
    server.pendingBytes = 0;
    rt.advance(INTERVAL_MS);
    expect(got(2)).toEqual(["x"]);
    receive(0x81, PONG);
  });

  it("survive the connection that did not take them", () => {
    const { service, connect, got } = createLab();
    const server = connect();
    server.isWritable = false;
    service.send("x");
    server.close("error");
    connect();
    expect(got(2)).toEqual(["x"]);
  });
});

describe("the connection", () => {
  it("is made after a part of the spread, so that a fleet does not begin at once", () => {
    const { rt } = createLab();
    rt.advance(SPREAD_MS / 2 - 1);
    expect(rt.net.sockets).toHaveLength(0);
    rt.advance(1);
    expect(rt.net.sockets).toHaveLength(1);
  });

  it("is given up when it does not open in time", () => {
    const { rt, states } = createLab();
    rt.net.blockMs = 20_000;
    rt.advance(SPREAD_MS / 2);
    expect(states).toEqual(["opening"]);
    // Counted from the end of the blocking call.
    rt.advance(5000);
    expect(states).toEqual(["opening", "waiting"]);
    expect(rt.net.last().state).toBe("aborted");
  });

  it("has its time to open also after a connect that began late and blocked for longer", () => {
    const { rt, service } = createLab();
    // With a radio: as soon as the name is resolved.
    rt.after(() => rt.clock.block(20_000), SPREAD_MS / 2 + 100);
    rt.advance(SPREAD_MS / 2 + 100);
    rt.advance(1);
    const server = rt.net.last();
    server.open();
    server.receive(answerTo(server.written));
    expect(service.status).toBe("open");
  });

  it("is not tried without an address, and soon once there is one", () => {
    const radio = createFakeRadio();
    const { rt, service } = createLab({}, createFakeBoard({ radio }));
    rt.advance(3_600_000);
    expect(rt.net.sockets).toHaveLength(0);
    radio.up("10.0.0.2");
    rt.draws.push(0.1);
    service.networkUp();
    rt.advance(SPREAD_MS / 10);
    expect(service.status).toBe("opening");
    expect(rt.net.sockets).toHaveLength(1);
  });

  it("that is open or opening does not mind that the network is there again", () => {
    const { rt, service, connect } = createLab();
    connect();
    service.networkUp();
    rt.advance(INTERVAL_MS);
    expect(service).toMatchObject({ status: "open", sent: 1 });
    expect(rt.net.sockets).toHaveLength(1);
  });

  it("waits longer after every fourth failure, and no longer once it has lived for an interval", () => {
    const { rt, connect } = createLab({ pongMs: 0 });
    const waits: number[] = [];
    const fail = (): void => {
      rt.draws.push(0.999_999);
      rt.net.last().close("refused");
      waits.push(Number(/retry_ms=(\d+)/.exec(linesOf(rt, "ws lost").at(-1) ?? "")?.[1]));
    };
    for (let i = 0; i < 9; i++) {
      connect();
      fail();
    }
    expect(waits.map((ms) => Math.round(ms / SPREAD_MS))).toEqual([1, 1, 1, 1, 2, 2, 2, 2, 4]);
    connect();
    rt.advance(INTERVAL_MS);
    fail();
    expect(Math.round((waits.at(-1) ?? 0) / SPREAD_MS)).toBe(1);
  });

  it("asks for the subprotocol that is configured, and for none unless there is one", () => {
    const { target } = optionsOf({ keepalive_protocol: "v12.stomp" });
    const stomp = createLab({ target });
    expect(stomp.connect().written).toContain("\r\nSec-WebSocket-Protocol: v12.stomp\r\n");
    expect(stomp.service.status).toBe("open");
    const none = createLab({ target: optionsOf({ keepalive_protocol: "" }).target });
    expect(none.connect().written).not.toContain("Sec-WebSocket-Protocol");
    expect(none.service.status).toBe("open");
  });

  it("tells why it was lost", () => {
    const { rt, connect, receive } = createLab();
    connect();
    receive(0x88, "\x03\xe9");
    rt.net.last().close("ended");
    expect(linesOf(rt, "ws lost")[0]).toMatch(/^W ws lost reason=closed-1001 retry_ms=\d+$/);
    const server = connect();
    receive(0x81, "\xff");
    server.close("ended");
    expect(linesOf(rt, "ws lost")[1]).toContain("reason=failed-1007");
  });

  it("is given back by a stop while the server's Close is answered", () => {
    const { rt, service, connect, receive } = createLab();
    connect();
    receive(0x88, "\x03\xe8");
    let isDone = false;
    service.stop(() => (isDone = true));
    rt.advance(STOP_MS + 10);
    expect(isDone).toBe(true);
    expect(rt.net.last().state).toBe("aborted");
  });

  it("can be ended by a callback in every state", () => {
    for (const last of ["opening", "open", "waiting"]) {
      let isDone = 0;
      const lab = createLab({
        onState: (state) => {
          if (state === last) lab.service.stop(() => void isDone++);
        },
      });
      const server = lab.connect();
      server.close("ended");
      lab.rt.advance(400_000);
      expect(isDone).toBe(1);
      expect(lab.rt.net.sockets).toHaveLength(1);
      expect(lab.service.status).toBe("off");
    }
  });
});
