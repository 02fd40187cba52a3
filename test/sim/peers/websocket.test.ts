// SPDX-License-Identifier: MIT
// The WebSocket server byte by byte, by sections of RFC 6455, and as the front of a broker.
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createVirtualClock } from "../../../sim/clock/virtual-clock.ts";
import { createWebSocketListener } from "../../../sim/peers/websocket-listener.ts";
import type { WebSocketRule } from "../../../sim/peers/websocket-listener.ts";
import { mqttOverWebSocket, webSocketEcho } from "../../../sim/peers/websocket-programs.ts";
import type { WebSocketProgram } from "../../../sim/peers/websocket-session.ts";
import { seedOf } from "../../helpers/seeds.ts";
import { connect, createBrokerLab } from "../broker/dialogue.ts";
import { dialRaw } from "./dial.ts";
import mqtt from "mqtt-packet";

// Key and answer are those of RFC 6455 section 1.3.
const HEADERS = {
  Upgrade: "websocket",
  Connection: "keep-alive, Upgrade",
  "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
  "Sec-WebSocket-Version": "13",
};
const ANSWER =
  "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
  "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";

function request(changes: Record<string, string | undefined> = {}, method = "GET"): Buffer {
  const lines = Object.entries({ ...HEADERS, ...changes })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`${method} /ws HTTP/1.1\r\nHost: h\r\n${lines.join("")}\r\n`);
}

/** A frame as a client sends it, masked with 01020304; `head` is its first byte. */
function frame(head: number, payload: string | Buffer): Buffer {
  const data = Buffer.from(payload);
  const masked = data.map((byte, i) => byte ^ ((i & 3) + 1));
  const length =
    data.length < 126 ? [0x80 | data.length] : [0xfe, data.length >> 8, data.length & 255];
  return Buffer.concat([Buffer.from([head, ...length, 1, 2, 3, 4]), masked]);
}

function createLab(rules: WebSocketRule[] = [], program: WebSocketProgram = webSocketEcho()) {
  const clock = createVirtualClock();
  const listener = createWebSocketListener({ clock, program, limits: { maxMessageBytes: 1000 } });
  listener.misbehave(rules);
  const client = dialRaw(listener.peer);
  const hex = () => Buffer.from(client.text(), "latin1").toString("hex");
  return { clock, listener, client, hex };
}

/** A lab whose handshake is done. */
function createOpenLab(rules: WebSocketRule[] = []) {
  const lab = createLab(rules);
  lab.client.send(request());
  lab.client.text();
  return lab;
}

describe("the opening handshake", () => {
  it("is answered as in section 1.3, however it is split", () => {
    const { client, listener, clock } = createLab();
    for (const byte of request()) client.send(Buffer.from([byte]));
    expect(client.text()).toBe(`${ANSWER}\r\n`);
    expect(listener.stats()).toEqual({ opened: 1, refused: 0 });
    expect(clock.nextMs()).toBe(Infinity);
  });

  it("agrees on the first subprotocol offered that is spoken", () => {
    const program = { ...webSocketEcho(), protocols: ["a", "b"] };
    const { client } = createLab([], program);
    client.send(request({ "Sec-WebSocket-Protocol": "x, b, a" }));
    expect(client.text()).toBe(`${ANSWER}Sec-WebSocket-Protocol: b\r\n\r\n`);
    const other = createLab([], program);
    other.client.send(request({ "Sec-WebSocket-Protocol": "x" }));
    expect(other.client.text()).toMatch(/^HTTP\/1.1 400 /);
  });

  it.each([
    [405, "another method", request({}, "POST")],
    [426, "no upgrade", request({ Upgrade: undefined })],
    [426, "no connection upgrade", request({ Connection: "close" })],
    [426, "another version", request({ "Sec-WebSocket-Version": "8" })],
    [400, "a key that is not 16 bytes", request({ "Sec-WebSocket-Key": "c2hvcnQ=" })],
    [400, "no HTTP", Buffer.from("hello\r\n\r\n")],
  ])("is refused with %d: %s", (status, _name, bytes) => {
    const { client, listener } = createLab();
    client.send(bytes);
    expect(client.text()).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(client.ended).toBe("end");
    expect(listener.stats()).toEqual({ opened: 0, refused: 1 });
  });

  it("is waited for no longer than its bound", () => {
    const { client, clock } = createLab();
    clock.run(clock.now() + 10_000);
    expect(client.ended).toBe("end");
  });

  it.each<[string, Extract<WebSocketRule, { on: "handshake" }>["do"], RegExp, string]>([
    ["no answer", "hang", /^$/, "no"],
    ["an end", "close", /^$/, "end"],
    ["a cut", "reset", /^$/, "cut"],
    ["a status", { status: 503 }, /^HTTP\/1.1 503 /, "end"],
    ["a wrong accept", { accept: "no" }, /Accept: no\r\n/, "no"],
    ["a protocol that nobody offered", { protocol: "x" }, /Protocol: x\r\n/, "no"],
  ])("goes wrong when asked to: %s", (_name, misdeed, answer, ended) => {
    const { client } = createLab([{ on: "handshake", path: "/w*", do: misdeed }]);
    client.send(request());
    expect(client.text()).toMatch(answer);
    expect(client.ended).toBe(ended);
  });

  it("is answered late when asked to, unless the client has gone", () => {
    const { client, clock } = createLab([{ on: "handshake", do: { delayMs: 500 } }]);
    client.send(request());
    expect(client.bytes).toEqual([]);
    clock.run(clock.now() + 500);
    expect(client.text()).toBe(`${ANSWER}\r\n`);
    const gone = createLab([{ on: "handshake", do: { delayMs: 500 } }]);
    gone.client.send(request());
    gone.client.drop();
    expect(gone.clock.nextMs()).toBe(Infinity);
  });
});

describe("an open WebSocket", () => {
  it.each([
    ["text in one frame", [frame(0x81, "Hello")], "810548656c6c6f"],
    ["bytes", [frame(0x82, Buffer.from([0, 255]))], "820200ff"],
    ["an empty message", [frame(0x81, "")], "8100"],
    ["fragments", [frame(0x01, "Hel"), frame(0x80, "lo")], "810548656c6c6f"],
    [
      "a ping between fragments",
      [frame(0x01, "a"), frame(0x89, "p"), frame(0x80, "b")],
      "8a017081026162",
    ],
    [
      "a character split by fragments",
      [frame(0x01, Buffer.from([0xc3])), frame(0x80, Buffer.from([0xa9]))],
      "8102c3a9",
    ],
    ["a ping", [frame(0x89, "x")], "8a0178"],
    ["a pong that nobody asked for", [frame(0x8a, "x")], ""],
    ["a longer message", [frame(0x82, "x".repeat(300))], "827e012c" + "78".repeat(300)],
  ])("answers %s", (_name, frames, expected) => {
    const { client, hex } = createOpenLab();
    client.send(Buffer.concat(frames));
    expect(hex()).toBe(expected);
    expect(client.ended).toBe("no");
  });

  it.each([
    [1002, "an unmasked frame (5.1)", Buffer.from("810141", "hex")],
    [1002, "a reserved bit (5.2)", frame(0xc1, "a")],
    [1002, "a reserved opcode (5.2)", frame(0x83, "a")],
    [1002, "a ping in fragments (5.5)", frame(0x09, "a")],
    [1002, "a long ping (5.5)", frame(0x89, "x".repeat(126))],
    [1002, "a rest without a beginning (5.4)", frame(0x80, "a")],
    [1002, "a message inside another (5.4)", Buffer.concat([frame(0x01, "a"), frame(0x81, "b")])],
    [1007, "text that is no UTF-8 (8.1)", frame(0x81, Buffer.from([0xc3, 0x28]))],
    [1009, "a frame that is too long", frame(0x82, "x".repeat(1001))],
    [
      1009,
      "fragments that are too long",
      Buffer.concat([frame(0x02, "x".repeat(600)), frame(0x80, "x".repeat(600))]),
    ],
    [1002, "a Close with half a code (5.5.1)", frame(0x88, "x")],
    [1002, "a Close with a code that may not be sent (7.4.1)", frame(0x88, Buffer.from([3, 237]))],
    [1007, "a Close with a reason that is no UTF-8", frame(0x88, Buffer.from([3, 232, 255]))],
  ])("is closed with %d for %s", (code, _name, bytes) => {
    const { client } = createOpenLab();
    client.send(bytes);
    const [head, length, ...rest] = Buffer.from(client.text(), "latin1");
    expect([head, (length as number) >= 2]).toEqual([0x88, true]);
    expect(((rest[0] as number) << 8) | (rest[1] as number)).toBe(code);
    expect(client.ended).toBe("end");
  });

  it.each([
    ["its code", Buffer.from([3, 232, 0x62]), "880203e8"],
    ["no code", Buffer.alloc(0), "8800"],
  ])("answers a Close with %s and ends (5.5.1)", (_name, payload, expected) => {
    const { client, hex } = createOpenLab();
    client.send(Buffer.concat([frame(0x88, payload), frame(0x89, "late")]));
    expect(hex()).toBe(expected);
    expect(client.ended).toBe("end");
  });

  it.each<[string, WebSocketRule[], Buffer, string, string]>([
    ["a ping without pong", [{ on: "ping", do: "ignore" }], frame(0x89, "x"), "", "no"],
    ["an end without Close", [{ on: "text", do: "close" }], frame(0x81, "x"), "", "end"],
    ["a cut", [{ on: "binary", do: "reset" }], frame(0x82, "x"), "", "cut"],
    ["a Close", [{ on: "text", do: { closeCode: 1013 } }], frame(0x81, "x"), "880203f5", "no"],
    ["other bytes", [{ on: "text", do: { respond: "83 00" } }], frame(0x81, "x"), "8300", "no"],
    [
      "fragments",
      [{ on: "handshake", do: { fragmentBytes: 2 } }],
      frame(0x81, "abc"),
      "01026162800163",
      "no",
    ],
    [
      "masks",
      [{ on: "handshake", do: { isMasked: true } }],
      frame(0x81, "a"),
      "81810000000061",
      "no",
    ],
  ])("goes wrong when asked to: %s", (_name, rules, bytes, expected, ended) => {
    const { client, hex } = createOpenLab(rules);
    client.send(bytes);
    expect(hex()).toBe(expected);
    expect(client.ended).toBe(ended);
  });

  it("waits for the answer to its own Close no longer than its bound", () => {
    const { client, clock } = createOpenLab([{ on: "text", do: { closeCode: 1001 } }]);
    client.send(frame(0x81, "x"));
    clock.run(clock.now() + 1999);
    expect(client.ended).toBe("no");
    clock.run(clock.now() + 1);
    expect(client.ended).toBe("end");
  });

  it("is not read while its client does not read", () => {
    const { client } = createOpenLab();
    client.unsentBytes = 65_537;
    client.send(frame(0x89, "x"));
    expect(client.isPaused).toBe(true);
    client.drain();
    expect(client.isPaused).toBe(false);
  });

  it("understands frames in any split, and never throws", () => {
    const split = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 50 });
    const bytes = Buffer.concat([
      frame(0x01, "Hel"),
      frame(0x89, "p"),
      frame(0x80, "lo".repeat(100)),
    ]);
    fc.assert(
      fc.property(split, fc.uint8Array({ maxLength: 200, size: "max" }), (sizes, noise) => {
        const { client, hex } = createOpenLab();
        for (let at = 0, i = 0; at < bytes.length; i++) {
          const size = sizes[i % sizes.length] as number;
          client.send(bytes.subarray(at, at + size));
          at += size;
        }
        expect(hex()).toBe(`8a0170817e00cb48656c${"6c6f".repeat(100)}`);
        client.send(Buffer.from(noise));
      }),
      { seed: seedOf("websocket split"), numRuns: 200 },
    );
  });
});

describe("a broker over WebSocket", () => {
  const join = () => {
    const { broker } = createBrokerLab();
    const lab = createLab([], mqttOverWebSocket(broker.peer));
    lab.client.send(request({ "Sec-WebSocket-Protocol": "mqtt" }));
    lab.client.text();
    return { ...lab, broker };
  };

  it("takes packets that do not begin with messages [MQTT-6.0.0-2]", () => {
    const { client, hex, broker } = join();
    const bytes = mqtt.generate(connect("a"));
    client.send(frame(0x82, bytes.subarray(0, 5)));
    client.send(frame(0x82, Buffer.concat([bytes.subarray(5), Buffer.from("c000", "hex")])));
    expect(hex()).toBe("8204200200008202d000");
    client.drop();
    expect(broker.stats()).toMatchObject({ clients: 0, gone: 1 });
  });

  it("ends with a Close when the broker ends it", () => {
    const { client, hex, broker } = join();
    client.send(frame(0x82, mqtt.generate(connect("a"))));
    client.text();
    broker.takeOver("a");
    expect(hex()).toBe("880203e8");
    client.send(frame(0x88, Buffer.from([3, 232])));
    expect(client.ended).toBe("end");
  });

  it("refuses text [MQTT-6.0.0-1], and is cut while the broker is stopped", () => {
    const { client, hex, broker, listener } = join();
    client.send(frame(0x81, "x"));
    expect(hex()).toBe("880203eb");
    broker.stop({ keepsState: true });
    const late = dialRaw(listener.peer);
    late.send(request({ "Sec-WebSocket-Protocol": "mqtt" }));
    expect(late.ended).toBe("cut");
  });
});
