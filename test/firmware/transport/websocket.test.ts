// SPDX-License-Identifier: MIT
// The WebSocket client by hex frames. docs/reference/websocket-conformance.md names each test beside
// the sentence of RFC 6455 and the Autobahn cases that it shows.
import { describe, expect, it } from "vitest";
import { CLOSE_MS, HEAD_MAX_BYTES, PING, TEXT } from "../../../firmware/transport/websocket.ts";
import { createFakeBoard } from "../../helpers/fake-board.ts";
import {
  answerTo,
  bytesOf,
  createOpenRig,
  createWebSocketRig,
  hexOf,
  serverFrame,
} from "../../helpers/websocket-rig.ts";
import type { WebSocketRig } from "../../helpers/websocket-rig.ts";
import { forEachStream } from "../../helpers/streams.ts";

/** First byte of a Close frame, and its payload with a code. */
const CLOSE = 0x88;
const code = (value: number): string => String.fromCharCode(value >> 8, value & 255);

/** Nothing of the connection is left on the board. */
function expectNothingLeft({ rt }: WebSocketRig): void {
  expect(rt.net.openCount()).toBe(0);
  expect(rt.isArmed(0)).toBe(false);
}

/** The client failed the connection: Close with a code, nothing read any more, then the end. */
function expectFailed(rig: WebSocketRig, value: number): void {
  expect(rig.sent().at(-1)).toMatchObject({ first: CLOSE, payload: code(value) });
  const before = rig.sent().length;
  rig.receive("89 01 41 81 01 41");
  expect(rig.sent()).toHaveLength(before);
  rig.server.close("ended");
  expect(rig.events.at(-1)).toBe(`close failed-${value}`);
  expectNothingLeft(rig);
}

describe("the opening handshake", () => {
  it("sends the request of section 4.1 in one write", () => {
    const rt = createFakeBoard();
    let writes = 0;
    rt.net.onConnect = (socket) => {
      socket.onWrite = () => void writes++;
    };
    const { request } = createWebSocketRig({
      board: rt,
      target: { port: 8080, path: "/mqtt?a=1", protocol: "mqtt" },
    });
    const key = /Sec-WebSocket-Key: (\S+)/.exec(request)?.[1] ?? "";
    expect(request).toBe(
      "GET /mqtt?a=1 HTTP/1.1\r\nHost: h.example:8080\r\nUpgrade: websocket\r\n" +
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
        `Sec-WebSocket-Key: ${key}\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n`,
    );
    expect(Buffer.from(key, "base64")).toHaveLength(16);
    expect(Buffer.from(key, "base64").toString("base64")).toBe(key);
    expect(writes).toBe(1);
  });

  it.each([
    ["h.example", 80, undefined],
    ["h.example:443", 443, undefined],
    ["h.example", 443, {}],
    ["h.example:80", 80, {}],
  ])("names Host %s for port %d", (host, port, tls) => {
    const { request } = createWebSocketRig({ target: { port, ...(tls ? { tls } : {}) } });
    expect(request).toContain(`\r\nHost: ${host}\r\n`);
  });

  it("takes another key on each board, boot and connection", () => {
    const keys = new Set<string>();
    for (let i = 0; i < 300; i++) {
      // Every other thing is the same: serial number, then clock, then what the generator gives.
      const rt = createFakeBoard({
        serial: `board-${i < 100 ? i : 0}`,
        systemMs: i >= 100 && i < 200 ? i : 0,
      });
      rt.draws.push(i < 200 ? 0.5 : i / 300);
      keys.add(/Key: (\S+)/.exec(createWebSocketRig({ board: rt }).request)?.[1] ?? "");
    }
    expect(keys.size).toBe(300);
  });

  it("opens on the right answer, however it is split", () => {
    const whole = createWebSocketRig();
    whole.answer();
    const split = createWebSocketRig();
    for (const byte of answerTo(split.request)) split.server.receive(byte);
    expect(whole.events).toEqual(["open"]);
    expect(split.events).toEqual(["open"]);
  });

  it.each<[string, { [name: string]: string | undefined }]>([
    ["tokens in another case", { Upgrade: "WebSocket", Connection: "UPGRADE" }],
    ["a list of connection tokens", { Connection: "keep-alive,Upgrade" }],
    ["headers in another case", { Upgrade: undefined, uPGRADE: "websocket" }],
    ["spaces around a value", { Upgrade: "\t websocket  " }],
    ["a list over several lines", { Connection: "keep-alive\r\nConnection: Upgrade" }],
    ["other headers", { Server: "x: y", "X-Upgrade": "no" }],
  ])("takes %s", (_name, headers) => {
    const rig = createWebSocketRig();
    rig.answer({ headers });
    expect(rig.events).toEqual(["open"]);
  });

  it.each<[string, { status?: string; headers?: { [name: string]: string | undefined } }]>([
    ["http-200", { status: "HTTP/1.1 200 OK" }],
    ["http-301", { status: "HTTP/1.1 301 Moved" }],
    ["http-401", { status: "HTTP/1.1 401 Unauthorized" }],
    ["http-403", { status: "HTTP/1.1 403 Forbidden" }],
    ["http-500", { status: "HTTP/1.1 500 Oops" }],
    ["http-NaN", { status: "SSH-2.0-OpenSSH_9.0" }],
    ["http-101", { status: "HTTP/1.0 101 Switching Protocols" }],
    ["upgrade", { headers: { Upgrade: undefined } }],
    ["upgrade", { headers: { Upgrade: "h2c" } }],
    ["upgrade", { headers: { Connection: undefined } }],
    ["upgrade", { headers: { Connection: "close" } }],
    ["upgrade", { headers: { Connection: "no-upgrade, upgraded" } }],
    ["upgrade", { headers: { Connection: undefined, "Connection ": "Upgrade" } }],
    ["accept", { headers: { "Sec-WebSocket-Accept": undefined } }],
    ["accept", { headers: { "Sec-WebSocket-Accept": "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" } }],
    ["protocol", { headers: { "Sec-WebSocket-Protocol": "mqtt" } }],
    ["extension", { headers: { "Sec-WebSocket-Extensions": "permessage-deflate" } }],
  ])("ends with %s: %o", (reason, changes) => {
    const rig = createWebSocketRig();
    rig.answer(changes);
    expect(rig.events).toEqual([`close ${reason}`]);
    expect(rig.server.state).toBe("aborted");
    expectNothingLeft(rig);
  });

  it.each([undefined, "", "MQTT", "mqttv3.1", "mqtt, mqtt"])(
    "insists on the protocol it asked for, not %s",
    (protocol) => {
      const rig = createWebSocketRig({ target: { protocol: "mqtt" } });
      rig.answer({ headers: { "Sec-WebSocket-Protocol": protocol } });
      expect(rig.events).toEqual(["close protocol"]);
    },
  );

  it("does not collect an answer without end", () => {
    const rig = createWebSocketRig();
    const line = `X: ${"y".repeat(500)}\r\n`;
    rig.server.receive(`HTTP/1.1 101 S\r\n${line.repeat(7)}`);
    expect(rig.events).toEqual([]);
    rig.server.receive(line.repeat(2));
    expect(rig.events).toEqual(["close head"]);
    expect(HEAD_MAX_BYTES).toBe(4096);
    expectNothingLeft(rig);
  });

  it("handles frames that come with the answer at once", () => {
    const rig = createWebSocketRig();
    rig.answer({ rest: bytesOf("89 02 68 69 81 02 68 69") });
    expect(rig.events).toEqual(["open", "message 1 6869"]);
    expect(rig.sent()).toMatchObject([{ first: 0x8a, payload: "hi" }]);
  });

  it("reports a connection that cannot be made, or ends before the answer", () => {
    const rig = createWebSocketRig();
    rig.server.close("ended");
    expect(rig.events).toEqual(["close ended"]);
    expect(rig.ws.write("x")).toBe(false);
  });

  it("is not begun on a build without SHA-1", () => {
    const rt = createFakeBoard();
    delete rt.sha1;
    const rig = createWebSocketRig({ board: rt });
    expect(rig.events).toEqual(["close sha1"]);
    expect(rig.request).toBe("");
    expectNothingLeft(rig);
  });
});

describe("messages", () => {
  it.each([
    ["text, section 5.7", "81 05 48 65 6c 6c 6f", ["message 1 48656c6c6f"]],
    ["two fragments, section 5.7", "01 03 48 65 6c 80 02 6c 6f", ["message 1 48656c6c6f"]],
    ["binary with every kind of byte", "82 03 00 ff 80", ["message 2 00ff80"]],
    ["empty ones", "81 00 82 00", ["message 1 ", "message 2 "]],
    ["empty fragments", "01 00 00 00 80 00", ["message 1 "]],
    [
      "several in one segment",
      "81 01 61 82 01 62 81 01 63",
      ["message 1 61", "message 2 62", "message 1 63"],
    ],
    [
      "control frames between fragments",
      "01 01 61 89 01 70 00 01 62 8a 00 80 01 63",
      ["message 10 ", "message 1 616263"],
    ],
    ["text split within a character", "01 01 c3 80 01 a9", ["message 1 c3a9"]],
  ])("arrive: %s", (_name, hex, expected) => {
    const whole = createOpenRig();
    whole.receive(hex);
    const split = createOpenRig();
    for (const byte of bytesOf(hex)) split.server.receive(byte);
    expect(whole.events).toEqual(expected);
    expect(split.events).toEqual(expected);
  });

  it.each([125, 126, 127, 128, 4095, 4096])("of %d bytes arrive whole", (size) => {
    const rig = createOpenRig();
    rig.server.receive(serverFrame(0x82, "\xfe".repeat(size)));
    expect(rig.events).toEqual([`message 2 ${"fe".repeat(size)}`]);
  });

  it("of 65,536 bytes arrive where so many are allowed", () => {
    const rig = createOpenRig({ target: { maxBytes: 65536 } });
    rig.server.receive(serverFrame(0x82, "x".repeat(65536)));
    expect(rig.events).toEqual([`message 2 ${"78".repeat(65536)}`]);
  });

  it("are sent in one masked frame and one write each, with any byte as key", () => {
    const rig = createOpenRig();
    const writes: string[] = [];
    rig.server.onWrite = (bytes) => void writes.push(bytes);
    rig.rt.draws.push(0.999, 0.999, 0, 0.5);
    expect(rig.ws.write("\x00\xff\x0f\x80\x01")).toBe(true);
    expect(rig.ws.write("hi", TEXT)).toBe(true);
    expect(writes.map(hexOf)[0]).toBe("8285ffff0080ff000f00fe");
    expect(writes).toHaveLength(2);
    expect(rig.sent()).toMatchObject([
      { first: 0x82, payload: "\x00\xff\x0f\x80\x01" },
      { first: 0x81, payload: "hi" },
    ]);
  });

  it("take a fresh key each", () => {
    const rig = createOpenRig();
    for (let i = 0; i < 100; i++) rig.ws.write("x");
    expect(new Set(rig.sent().map(({ key }) => key)).size).toBe(100);
  });

  it.each([0, 125, 126, 65535])("of %d bytes are sent whole", (size) => {
    const rig = createOpenRig();
    expect(rig.ws.write("x".repeat(size))).toBe(true);
    expect(rig.sent()).toMatchObject([{ first: 0x82, payload: "x".repeat(size) }]);
  });

  it("of more than 65,535 bytes are refused, not cut", () => {
    const rig = createOpenRig();
    expect(rig.ws.write("x".repeat(65536))).toBe(false);
    expect(rig.sent()).toEqual([]);
  });

  it.each([
    ["in one frame", serverFrame(0x82, "x".repeat(4097))],
    ["in fragments", serverFrame(2, "x".repeat(4096)) + serverFrame(0x80, "x")],
    ["announced with 64 bits", bytesOf("82 7f 00 00 00 00 00 00 10 01")],
    ["announced with all 64 bits", bytesOf("82 7f ff ff ff ff ff ff ff ff")],
  ])("above the maximum end the connection with 1009: %s", (_name, bytes) => {
    const rig = createOpenRig();
    rig.server.receive(bytes);
    expect(rig.events).toEqual([]);
    expectFailed(rig, 1009);
  });

  it.each([
    ["a reserved bit", "c1 00"],
    ["another reserved bit", "a1 00"],
    ["the third reserved bit", "91 00"],
    ["reserved bits of a control frame", "f9 00"],
    ["opcode 3", "83 00"],
    ["opcode 7", "87 00"],
    ["opcode 11", "8b 00"],
    ["opcode 15", "8f 00"],
    ["a masked frame", "81 81 00 00 00 00 41"],
    ["a fragmented ping", "09 00"],
    ["a fragmented pong", "0a 00"],
    ["a fragmented Close", "08 00"],
    ["a ping of 126 bytes", "89 7e 00 7e"],
    ["a Close of 126 bytes", "88 7e 00 7e"],
    ["a continuation of nothing", "80 00"],
    ["a continuation of what is over", "81 00 00 00"],
    ["a message within a message", "01 01 61 81 01 62"],
    ["a fragmented message within a message", "02 01 61 02 01 62"],
  ])("end the connection with 1002: %s", (_name, hex) => {
    const rig = createOpenRig();
    rig.receive(hex);
    expectFailed(rig, 1002);
  });

  it.each([
    ["in one frame", "81 02 c3 28"],
    ["cut off", "81 01 c3"],
    ["a surrogate", "81 03 ed a0 80"],
    ["overlong", "81 02 c0 af"],
    ["beyond Unicode", "81 04 f4 90 80 80"],
    ["over fragments", "01 01 c3 80 01 28"],
  ])("of text that is no UTF-8 end the connection with 1007: %s", (_name, hex) => {
    const rig = createOpenRig();
    rig.receive(hex);
    expect(rig.events).toEqual([]);
    expectFailed(rig, 1007);
  });
});

describe("ping and pong", () => {
  it.each(["", "nonce-42", "\x00\xff\xfe".repeat(40), "x".repeat(125)])(
    "a ping is answered with its payload %#",
    (payload) => {
      const rig = createOpenRig();
      rig.server.receive(serverFrame(0x89, payload));
      expect(rig.sent()).toMatchObject([{ first: 0x8a, payload }]);
      expect(rig.events).toEqual([]);
    },
  );

  it("each of ten pings is answered, in order", () => {
    const rig = createOpenRig();
    rig.server.receive(Array.from({ length: 10 }, (_, i) => serverFrame(0x89, `${i}`)).join(""));
    expect(rig.sent().map(({ payload }) => payload)).toEqual("0123456789".split(""));
  });

  it("pings are not answered while the server does not read", () => {
    const rig = createOpenRig();
    rig.server.pendingBytes = 8192;
    rig.receive("89 00");
    rig.server.pendingBytes = 0;
    rig.receive("89 00");
    expect(rig.sent()).toHaveLength(1);
  });

  it("a pong nobody asked for does nothing but be reported", () => {
    const rig = createOpenRig();
    rig.receive("8a 02 61 62 8a 00");
    expect(rig.events).toEqual(["message 10 6162", "message 10 "]);
    expect(rig.sent()).toEqual([]);
  });

  it("a ping of our own is a control frame", () => {
    const rig = createOpenRig();
    rig.ws.write("p", PING);
    expect(rig.sent()).toMatchObject([{ first: 0x89, payload: "p" }]);
  });
});

describe("the closing handshake", () => {
  it.each([
    1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999,
  ])("begun by the server with %d is answered with that", (value) => {
    const rig = createOpenRig();
    rig.server.receive(serverFrame(CLOSE, `${code(value)}caf\xc3\xa9`));
    expect(rig.sent()).toMatchObject([{ first: CLOSE, payload: code(value) }]);
    expect(rig.events).toEqual([]);
    expect(rig.ws.write("late")).toBe(false);
    rig.server.close("ended");
    expect(rig.events).toEqual([`close closed-${value}`]);
    expectNothingLeft(rig);
  });

  it("without a code is answered without one", () => {
    const rig = createOpenRig();
    rig.receive("88 00");
    expect(rig.sent()).toMatchObject([{ first: CLOSE, payload: "" }]);
    rig.server.close("ended");
    expect(rig.events).toEqual(["close closed-1005"]);
  });

  it.each([0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535])(
    "with the code %d ends the connection with 1002",
    (value) => {
      const rig = createOpenRig();
      rig.server.receive(serverFrame(CLOSE, code(value)));
      expectFailed(rig, 1002);
    },
  );

  it("with half a code ends the connection with 1002", () => {
    const rig = createOpenRig();
    rig.receive("88 01 03");
    expectFailed(rig, 1002);
  });

  it("with a reason that is no UTF-8 ends the connection with 1007", () => {
    const rig = createOpenRig();
    rig.receive("88 04 03 e8 c3 28");
    expectFailed(rig, 1007);
  });

  it("with a reason of 123 bytes is answered", () => {
    const rig = createOpenRig();
    rig.server.receive(serverFrame(CLOSE, code(1000) + "x".repeat(123)));
    expect(rig.sent()).toMatchObject([{ first: CLOSE, payload: code(1000) }]);
  });

  it("is waited for no longer than its bound when the server does not end the connection", () => {
    const rig = createOpenRig();
    rig.receive("88 02 03 e8");
    rig.rt.advance(CLOSE_MS - 1);
    expect(rig.events).toEqual([]);
    rig.rt.advance(1);
    expect(rig.events).toEqual(["close closed-1000"]);
    expect(rig.server.state).toBe("aborted");
    expectNothingLeft(rig);
  });

  it("begun by the owner says 1000, reads nothing more and waits for the server", () => {
    const rig = createOpenRig();
    let isDone = 0;
    rig.ws.end(500, () => void isDone++);
    expect(rig.sent()).toMatchObject([{ first: CLOSE, payload: code(1000) }]);
    rig.receive("81 01 61 89 00 88 02 03 e8");
    expect(isDone).toBe(0);
    rig.server.close("ended");
    expect(isDone).toBe(1);
    expect(rig.events).toEqual([]);
    expect(rig.sent()).toHaveLength(1);
    expectNothingLeft(rig);
  });

  it("does not collect what the server still had on its way, nor keep what had come", () => {
    const rig = createOpenRig();
    // A message of 60,000 bytes, of which 1,000 come in time.
    rig.server.receive("\x82\x7e\xea\x60" + "x".repeat(1000));
    rig.ws.end(500, () => undefined);
    expect(() => forEachStream((i) => rig.server.receive(`${i}`.padEnd(1000)))).not.toThrow();
  });

  it("begun by the owner is cut when the server says nothing", () => {
    const rig = createOpenRig();
    let isDone = 0;
    rig.ws.end(500, () => void isDone++);
    rig.rt.advance(500);
    expect(isDone).toBe(1);
    expect(rig.events).toEqual([]);
    expectNothingLeft(rig);
  });

  it("is none before the connection is open, and after it is gone", () => {
    const early = createWebSocketRig();
    let isDone = 0;
    early.ws.end(500, () => void isDone++);
    expect(isDone).toBe(1);
    early.answer();
    expect(early.events).toEqual([]);
    expectNothingLeft(early);
    const late = createOpenRig();
    late.server.close("error");
    late.ws.end(500, () => void isDone++);
    expect(isDone).toBe(2);
    expect(late.events).toEqual(["close error"]);
  });

  it("lets the owner give up at once in every state", () => {
    for (const hex of ["", "88 02 03 e8", "81 7e 00 7e 61", "8f 00"]) {
      const rig = createOpenRig();
      rig.receive(hex);
      rig.ws.abort();
      rig.server.close("ended");
      rig.rt.advance(10_000);
      expect(rig.events).toEqual([]);
      expect(rig.ws.write("x")).toBe(false);
      expectNothingLeft(rig);
    }
  });
});

describe("as a carrier of bytes", () => {
  const open = () => createOpenRig({ isCarrier: true, target: { protocol: "mqtt" } });

  it("hands the payload on as it arrives, whatever frames it comes in", () => {
    const rig = open();
    rig.receive("02 02 20 02 89 00 80 02 00 00 82 04 d0");
    rig.receive("00 40");
    rig.receive("02 82 00");
    expect(rig.events).toEqual(["data 2002", "data 0000", "data d0", "data 0040", "data 02"]);
    expect(rig.sent()).toMatchObject([{ first: 0x8a, payload: "" }]);
  });

  it("refuses text with 1003", () => {
    const rig = open();
    rig.receive("81 01");
    expectFailed(rig, 1003);
  });

  it("keeps nothing of a message and yet bounds it", () => {
    const rig = open();
    rig.server.receive(serverFrame(0x82, "x".repeat(4097)));
    expect(rig.events).toEqual([]);
    expectFailed(rig, 1009);
  });

  it("does not go on when the owner gives up on what it got", () => {
    const rig = createOpenRig({
      isCarrier: true,
      onEvent: (event) => {
        if (event === "data 61") rig.ws.abort();
      },
    });
    rig.receive("82 01 61 82 01 62 89 00");
    expect(rig.events).toEqual(["data 61"]);
    expect(rig.sent()).toEqual([]);
  });
});
