// SPDX-License-Identifier: MIT
// The supervised connection over MQTT: when it tries, what it says, and that nothing is left when it
// stops. Several URLs and carriers are in uplink-urls.test.ts.
import { describe, expect, it } from "vitest";
import type { Config } from "../../../firmware/wire/config.ts";
import { createIdentity } from "../../../firmware/auth/identity.ts";
import { createJwt } from "../../../firmware/auth/jwt.ts";
import type { Message } from "../../../firmware/core/message.ts";
import { CORRECTIONS_MAX, GOODBYE_MS, createDeviceLink } from "../../../firmware/mqtt/link.ts";
import { STABLE_MS, STOP_MS, createUplink } from "../../../firmware/services/uplink.ts";
import type { Uplink } from "../../../firmware/services/uplink.ts";
import type { LinkTarget } from "../../../firmware/transport/link.ts";
import { encodeStatus } from "../../../firmware/wire/status.ts";
import { parseUrl } from "../../../firmware/wire/url.ts";
import {
  armedCount,
  configOf,
  createFakeBoard,
  createFakeRadio,
  linesOf,
} from "../../helpers/fake-board.ts";
import type { FakeRadio } from "../../helpers/fake-board.ts";
import { createFakeBroker } from "../../helpers/fake-broker.ts";
import { connack, hex, publish } from "../../helpers/packets.ts";

const STATUS = "devices/kitchen/status";
const BEAT: Message = { topic: "t", body: "beat", qos: 1 };
/** Draws the whole window. */
const WHOLE = 1 - 2 ** -53;
const whole = (count: number): number[] => Array.from({ length: count }, () => WHOLE);

interface Options extends Partial<Config> {
  radio?: FakeRadio;
  /** The start counter is lost. */
  isLost?: boolean;
}

function create(options: Options = {}) {
  const { radio, isLost, ...config } = options;
  const board = createFakeBoard({
    ...(isLost ? {} : { boot: 6 }),
    ...(radio ? { radio } : {}),
  });
  board.logLevel = "I";
  const broker = createFakeBroker(board);
  const checked = configOf(config);
  const identity = createIdentity(board, checked);
  const jwt = createJwt(board, identity, checked);
  let uplink = undefined as unknown as Uplink;
  const rig = {
    publish: (message: Message, done: (failure?: string) => void) => uplink.publish(message, done),
    networkUp: () => uplink.networkUp(),
    networkDown: () => uplink.networkDown(),
    status: () => uplink.status,
    connectedMs: () => uplink.connectedMs(),
    board,
    broker,
    identity,
    clock: board.clock,
    net: board.net,
    start: () => {
      board.freeSlots(0);
      uplink = createUplink(board, identity, checked, {
        targetOf: (url) => parseUrl(url) as LinkTarget,
        onMessage: () => undefined,
        onTime: () => undefined,
      });
      const made = {
        dial: board.connect,
        seal: jwt.seal,
        token: jwt.connection,
        leaves: { status: undefined },
      };
      // For the first packet identifier.
      board.draws.unshift(0);
      uplink.links["m"] = createDeviceLink(board, identity, checked, made, uplink);
    },
    stop: (done: () => void) => uplink.stop(done),
    /** Starts and waits until it is online. */
    goOnline: () => {
      rig.start();
      board.advance(2000);
      expect(uplink.status).toBe("online");
    },
    /** Stops and checks that nothing is left; gives how long it took, ms. */
    stopAll: (): number => {
      const startMs = board.nowMs();
      let tookMs: number | undefined;
      uplink.stop(() => (tookMs = board.nowMs() - startMs));
      board.advance(STOP_MS + 10);
      expect(tookMs).toBeDefined();
      expect(uplink.status).toBe("off");
      expect(board.net.openCount()).toBe(0);
      expect(armedCount(board)).toBe(0);
      return tookMs ?? 0;
    },
    /** Milliseconds until the next attempt is made, found by its socket. */
    nextAttemptMs: (maxMs: number): number => {
      const before = board.net.sockets.length;
      let ms = 0;
      while (board.net.sockets.length === before && ms < maxMs) {
        board.advance(10);
        ms += 10;
      }
      return ms;
    },
  };
  return rig;
}

describe("connecting", () => {
  it("comes within a tenth of the spread after start, and not at once", () => {
    const rig = create({ reconnect_spread_s: 10 });
    rig.board.draws.push(WHOLE);
    rig.start();
    expect(rig.status()).toBe("waiting");
    expect(rig.nextAttemptMs(5000)).toBe(1000);
    rig.stopAll();
  });

  it("opens the configured address", () => {
    const rig = create({ urls: "mqtt://10.0.0.7:2883" });
    rig.goOnline();
    expect(rig.net.last()).toMatchObject({ endpoint: { host: "10.0.0.7", port: 2883 } });
    expect(linesOf(rig.board, "uplink o")).toEqual([
      "I uplink opening host=10.0.0.7 port=2883",
      "I uplink online url=0 session=1 present=0",
    ]);
    rig.stopAll();
  });

  it("says who it is, and leaves a retained will of this connection", () => {
    const rig = create({ keep_alive_s: 20, clean_session: true });
    rig.goOnline();
    expect(rig.broker.packets[0]).toMatchObject({
      cmd: "connect",
      clientId: "kitchen",
      username: "kitchen",
      keepalive: 20,
      clean: true,
      will: {
        topic: STATUS,
        qos: 1,
        retain: true,
        payload: Buffer.from(encodeStatus("kitchen", "will", 7, 1)),
      },
    });
    rig.stopAll();
  });

  it("says birth with the same topic, QoS and retain flag as the will, then asks for it back", () => {
    const rig = create();
    rig.goOnline();
    expect(rig.broker.packets.slice(1, 3)).toMatchObject([
      {
        cmd: "publish",
        topic: STATUS,
        qos: 1,
        retain: true,
        payload: Buffer.from(encodeStatus("kitchen", "birth", 7, 1)),
      },
      { cmd: "subscribe", subscriptions: [{ topic: STATUS, qos: 1 }] },
    ]);
    rig.stopAll();
  });

  it("signs a fresh token for each connection", () => {
    const rig = create();
    rig.goOnline();
    rig.net.last().close("ended");
    rig.clock.advance(20_000);
    const passwords = rig.broker.packets.flatMap((packet) =>
      packet.cmd === "connect" ? [String(packet.password)] : [],
    );
    expect(passwords).toHaveLength(2);
    const claims = passwords.map(
      (token) =>
        JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as {
          iat: number;
          jti: string;
        },
    );
    expect(claims.map((claim) => claim.jti)).toEqual(["7.1", "7.2"]);
    expect(claims[1]?.iat).toBeGreaterThan(claims[0]?.iat ?? Infinity);
    rig.stopAll();
  });

  it("counts sessions by connections, not by attempts", () => {
    const rig = create();
    rig.broker.isUp = false;
    rig.start();
    rig.clock.advance(30_000);
    rig.broker.isUp = true;
    rig.clock.advance(60_000);
    expect(rig.status()).toBe("online");
    expect(rig.net.sockets.length).toBeGreaterThan(2);
    expect(rig.identity.session).toBe(1);
    rig.stopAll();
  });

  it("waits for CONNACK no longer than configured", () => {
    const rig = create({ connect_timeout_s: 3 });
    rig.broker.connack = undefined;
    rig.start();
    rig.clock.advance(1000);
    expect(rig.status()).toBe("opening");
    rig.clock.advance(3000);
    expect(linesOf(rig.board, "failed")).toEqual([
      "W uplink failed code=E_MQTT_TIMEOUT wait=connack",
    ]);
    expect(rig.net.openCount()).toBe(0);
    rig.stopAll();
  });

  it("waits for the opening of the socket no longer than configured", () => {
    const rig = create({ connect_timeout_s: 3 });
    rig.net.onConnect = undefined;
    rig.start();
    rig.clock.advance(4100);
    expect(rig.status()).toBe("waiting");
    expect(rig.net.openCount()).toBe(0);
    rig.stopAll();
  });

  it("waits anew behind a connect that blocks after the opening, once its name is known", () => {
    const rig = create({ connect_timeout_s: 3 });
    const { onConnect } = rig.net;
    rig.net.onConnect = (socket) => {
      rig.clock.after(1, () => {
        rig.clock.block(7000);
        onConnect?.(socket);
      });
    };
    rig.start();
    rig.clock.advance(9000);
    expect(rig.status()).toBe("online");
    expect(rig.net.sockets).toHaveLength(1);
    rig.stopAll();
  });

  it("survives a connect that blocks the interpreter longer than its bound", () => {
    const rig = create({ connect_timeout_s: 3 });
    rig.net.blockMs = 7000;
    rig.start();
    rig.clock.advance(100_000);
    rig.net.blockMs = 0;
    rig.clock.advance(100_000);
    expect(rig.status()).toBe("online");
    expect(rig.net.openCount()).toBe(1);
    rig.stopAll();
  });
});

describe("backoff", () => {
  it("draws from a window of the spread and an eighth that grows with the failures", () => {
    const rig = create({ reconnect_spread_s: 8 });
    rig.broker.isUp = false;
    const delays: number[] = [];
    rig.board.draws.push(...whole(20));
    rig.start();
    rig.nextAttemptMs(1000);
    for (let i = 0; i < 12; i++) delays.push(Math.round(rig.nextAttemptMs(60_000) / 1000));
    expect(delays).toEqual([9, 9, 9, 9, 18, 18, 18, 18, 36, 36, 36, 36]);
    rig.stopAll();
  });

  it("is reset by a connection that holds", () => {
    const rig = create({ reconnect_spread_s: 8 });
    rig.broker.isUp = false;
    rig.board.draws.push(...whole(12));
    rig.start();
    rig.clock.advance(60_000);
    rig.broker.isUp = true;
    rig.clock.advance(60_000 + STABLE_MS);
    expect(rig.status()).toBe("online");
    rig.board.draws.splice(0, Infinity, WHOLE);
    rig.net.last().close("ended");
    expect(rig.nextAttemptMs(60_000)).toBe(9000);
    rig.stopAll();
  });

  it("is not reset by connections that are dropped at once", () => {
    const rig = create({ reconnect_spread_s: 8 });
    rig.board.draws.push(...whole(12));
    rig.start();
    const delays: number[] = [];
    for (let i = 0; i < 9; i++) {
      const ms = rig.nextAttemptMs(60_000);
      if (i) delays.push(Math.round(ms / 1000));
      rig.clock.advance(100);
      expect(rig.status()).toBe("online");
      rig.net.last().close("ended");
    }
    expect(delays).toEqual([9, 9, 9, 9, 18, 18, 18, 18]);
    rig.stopAll();
  });

  it.each([1, 2, 4, 5])("is ten times as long for CONNACK %i", (code) => {
    const rig = create({ reconnect_spread_s: 8 });
    rig.broker.connack = code;
    rig.board.draws.push(WHOLE, WHOLE);
    rig.start();
    rig.nextAttemptMs(1000);
    rig.clock.advance(10);
    expect(linesOf(rig.board, "E uplink")).toEqual([
      `E uplink refused code=E_MQTT_REFUSED connack=${code}`,
    ]);
    expect(rig.net.openCount()).toBe(0);
    expect(Math.round(rig.nextAttemptMs(100_000) / 1000)).toBe(90);
    rig.stopAll();
  });

  it("is the usual one for CONNACK 3, a server that is unavailable", () => {
    const rig = create({ reconnect_spread_s: 8 });
    rig.broker.connack = 3;
    rig.board.draws.push(WHOLE, WHOLE);
    rig.start();
    rig.nextAttemptMs(1000);
    rig.clock.advance(10);
    expect(Math.round(rig.nextAttemptMs(60_000) / 1000)).toBe(9);
    rig.stopAll();
  });

  it.each([
    {
      name: "a stop and a start",
      resets: (rig: ReturnType<typeof create>) => {
        rig.stopAll();
        rig.board.draws.splice(0, Infinity, WHOLE, WHOLE);
        rig.start();
      },
    },
    {
      name: "a network that came back",
      resets: (rig: ReturnType<typeof create>) => {
        rig.board.draws.splice(0, Infinity, WHOLE, WHOLE);
        rig.networkUp();
      },
    },
  ])("begins anew after $name", ({ resets }) => {
    const rig = create({ reconnect_spread_s: 8 });
    rig.broker.isUp = false;
    rig.board.draws.push(...whole(20));
    rig.start();
    rig.clock.advance(60_000);
    resets(rig);
    expect(rig.nextAttemptMs(60_000)).toBe(800);
    expect(Math.round(rig.nextAttemptMs(60_000) / 1000)).toBe(9);
    rig.stopAll();
  });

  it("does not grow while there is nothing to try", () => {
    const rig = create({ reconnect_spread_s: 8 });
    rig.board.quality = "none";
    rig.start();
    rig.clock.advance(3_600_000);
    rig.board.quality = "plausible";
    rig.clock.advance(9100);
    expect(rig.status()).toBe("online");
    rig.stopAll();
  });
});

describe("without what it takes", () => {
  it("does not try without a clock, and says so once", () => {
    const rig = create();
    rig.board.quality = "none";
    rig.start();
    rig.clock.advance(60_000);
    expect(rig.net.sockets).toEqual([]);
    expect(linesOf(rig.board, "blocked")).toEqual(["W uplink blocked code=E_CLOCK_NONE"]);
    rig.stopAll();
  });

  it("does not try without an address, and says so once", () => {
    const radio = createFakeRadio();
    const rig = create({ radio });
    rig.start();
    rig.clock.advance(60_000);
    expect(rig.net.sockets).toEqual([]);
    expect(linesOf(rig.board, "uplink")).toEqual([
      "I uplink waiting start",
      "W uplink blocked code=E_WIFI",
    ]);
    radio.up("10.0.0.9");
    rig.networkUp();
    rig.clock.advance(1100);
    expect(rig.status()).toBe("online");
    rig.stopAll();
  });

  it("tries the first URL first once there is an address", () => {
    const radio = createFakeRadio();
    const rig = create({ radio, urls: "mqtt://m1,mqtt://m2" });
    rig.start();
    rig.clock.advance(1000);
    radio.up("10.0.0.9");
    rig.nextAttemptMs(60_000);
    expect(rig.net.last().endpoint.host).toBe("m1");
    rig.stopAll();
  });

  it("counts a lost boot counter anew once there is a clock", () => {
    const rig = create({ isLost: true });
    rig.goOnline();
    rig.stopAll();
    const late = createFakeBoard();
    late.quality = "none";
    const identity = createIdentity(late, configOf());
    expect([identity.boot, identity.ensureBoot()]).toEqual([0, false]);
    late.quality = "plausible";
    expect(identity.ensureBoot()).toBe(true);
    expect(identity.boot).toBe(Math.floor(late.wallMs() / 1000));
  });
});

describe("losing the connection", () => {
  it("ends the time in which there was one, and the next begins more of it", () => {
    const rig = create();
    expect([rig.goOnline(), rig.clock.advance(60_000)]).toEqual([undefined, undefined]);
    const before = rig.connectedMs();
    rig.broker.isUp = false;
    rig.net.last().close("ended");
    rig.clock.advance(100_000);
    expect(rig.connectedMs()).toBe(before);
    rig.broker.isUp = true;
    while (rig.status() !== "online") rig.clock.advance(10);
    rig.clock.advance(5000);
    expect(rig.connectedMs() - before).toBeGreaterThanOrEqual(5000);
    expect(rig.connectedMs() - before).toBeLessThan(5100);
    rig.stopAll();
  });

  it.each(["ended", "error"])("is a warning and a new attempt when the socket is %s", (reason) => {
    const rig = create();
    rig.goOnline();
    rig.net.last().close(reason);
    expect(rig.status()).toBe("waiting");
    expect(linesOf(rig.board, "failed")).toEqual([`W uplink failed code=E_NET reason=${reason}`]);
    expect(linesOf(rig.board, "uplink waiting").at(-1)).toMatch(
      /^I uplink waiting url=0 retry_ms=\d+$/,
    );
    expect(rig.board.counts).toEqual({ re_net: 1 });
    rig.clock.advance(11_000);
    expect(rig.status()).toBe("online");
    rig.stopAll();
  });

  it("is the same when the peer sends garbage, and closes the socket by force", () => {
    const rig = create();
    rig.goOnline();
    rig.net.last().receive(hex("ffffffffff"));
    expect(rig.status()).toBe("waiting");
    expect(rig.net.last().state).toBe("aborted");
    expect(linesOf(rig.board, "failed")).toEqual([
      "E uplink failed code=E_MQTT_PROTOCOL what=size",
    ]);
    rig.stopAll();
  });

  it("is noticed when PINGRESP does not come", () => {
    const rig = create({ keep_alive_s: 10, ping_timeout_s: 4 });
    rig.goOnline();
    rig.broker.answersPing = false;
    rig.clock.advance(11_600);
    expect(linesOf(rig.board, "failed")).toEqual([
      "W uplink failed code=E_MQTT_TIMEOUT wait=pingresp",
    ]);
    rig.stopAll();
  });

  it("is noticed with a Keep Alive shorter than the default deadline of PINGRESP", () => {
    const rig = create({ keep_alive_s: 2 });
    rig.goOnline();
    rig.broker.answersPing = false;
    rig.clock.advance(3100);
    expect(linesOf(rig.board, "failed")).toEqual([
      "W uplink failed code=E_MQTT_TIMEOUT wait=pingresp",
    ]);
    rig.stopAll();
  });

  it("ignores late events of the old socket", () => {
    const rig = create();
    rig.goOnline();
    const old = rig.net.last();
    old.receive(hex("f000"));
    rig.clock.advance(11_000);
    expect(rig.status()).toBe("online");
    const { length } = rig.board.lines;
    old.open();
    old.receive(connack());
    old.receive(hex("f000"));
    old.close("ended");
    expect(rig.status()).toBe("online");
    expect(rig.net.openCount()).toBe(1);
    expect(rig.board.lines).toHaveLength(length);
    rig.stopAll();
  });

  it("ignores an old socket that opens after its deadline", () => {
    const rig = create({ connect_timeout_s: 3 });
    rig.net.onConnect = undefined;
    rig.start();
    rig.clock.advance(4100);
    rig.net.last().open();
    expect(rig.net.last().written).toBe("");
    expect(rig.identity.session).toBe(0);
    rig.stopAll();
  });

  it("keeps messages for the next connection, with birth after them", () => {
    const rig = create();
    rig.goOnline();
    rig.broker.acksPublish = false;
    let outcome = "";
    rig.publish(BEAT, (failure) => (outcome = failure ?? "ok"));
    rig.net.last().close("ended");
    rig.broker.acksPublish = true;
    rig.broker.packets.length = 0;
    rig.clock.advance(11_000);
    expect(outcome).toBe("ok");
    expect(rig.broker.packets).toMatchObject([
      { cmd: "connect" },
      { topic: "t", dup: true },
      { topic: STATUS, dup: false },
      { cmd: "subscribe" },
    ]);
    rig.stopAll();
  });

  it("says birth and subscribes although the window is full of messages", () => {
    const rig = create();
    rig.start();
    for (let i = 0; i < 20; i++) rig.publish(BEAT, () => undefined);
    rig.clock.advance(2000);
    expect(rig.broker.cmds().slice(-2)).toEqual(["publish", "subscribe"]);
    expect(rig.broker.payloads("/status")).toEqual([encodeStatus("kitchen", "birth", 7, 1)]);
    rig.stopAll();
  });
});

describe("network of the board", () => {
  it("down ends a connection at once, up brings it back soon", () => {
    const rig = create({ reconnect_spread_s: 300 });
    rig.start();
    rig.clock.advance(30_100);
    expect(rig.status()).toBe("online");
    rig.networkDown();
    expect(rig.status()).toBe("waiting");
    expect(rig.net.openCount()).toBe(0);
    expect(linesOf(rig.board, "failed")).toEqual([
      "W uplink failed code=E_NET reason=network-down",
    ]);
    rig.board.draws.push(WHOLE);
    rig.networkUp();
    expect(rig.nextAttemptMs(100_000)).toBe(30_000);
    rig.stopAll();
  });

  it("up changes nothing when it is online", () => {
    const rig = create();
    rig.goOnline();
    rig.networkUp();
    rig.clock.advance(5000);
    expect(rig.net.sockets).toHaveLength(1);
    rig.stopAll();
  });
});

describe("own status", () => {
  const birth = (session = 1): string => encodeStatus("kitchen", "birth", 7, session);
  const will = encodeStatus("kitchen", "will", 7, 0);

  function online() {
    const rig = create();
    rig.goOnline();
    rig.broker.packets.length = 0;
    return { ...rig, status: (text: string) => rig.net.last().receive(publish(STATUS, text)) };
  }

  it("is said again when an old will lands on it", () => {
    const rig = online();
    rig.status(birth());
    rig.status(will);
    expect(rig.broker.payloads("/status")).toEqual([birth()]);
    expect(linesOf(rig.board, "corrected")).toEqual(["W uplink status-corrected count=1"]);
    rig.stopAll();
  });

  it("is said once for several old wills", () => {
    const rig = online();
    rig.status(birth());
    rig.status(will);
    rig.status(will);
    expect(rig.broker.payloads("/status")).toEqual([birth()]);
    rig.stopAll();
  });

  it("is not said again for what was there before the birth", () => {
    const rig = online();
    rig.status(will);
    rig.status(birth());
    expect(rig.broker.payloads("/status")).toEqual([]);
    rig.stopAll();
  });

  it("is not argued about with what a kept session brings before the birth", () => {
    const rig = create({ clean_session: false });
    rig.goOnline();
    rig.net.last().receive(publish(STATUS, birth()));
    rig.broker.connack = undefined;
    rig.net.last().close("ended");
    rig.clock.advance(rig.nextAttemptMs(60_000) + 10);
    rig.net.last().receive(connack(0, true) + publish(STATUS, will));
    rig.clock.advance(100);
    expect(rig.status()).toBe("online");
    expect(
      linesOf(rig.board, "W uplink ").filter((line) => !line.includes("failed code=E_NET")),
    ).toEqual([]);
    rig.stopAll();
  });

  it("is not argued about for ever with another device of the same id", () => {
    const rig = online();
    for (let i = 0; i < 10; i++) {
      rig.status(birth());
      rig.status(will);
    }
    expect(rig.broker.payloads("/status")).toHaveLength(CORRECTIONS_MAX);
    rig.stopAll();
  });

  it("is left alone while stopping", () => {
    const rig = online();
    rig.status(birth());
    rig.stop(() => undefined);
    rig.status(will);
    rig.clock.advance(3 * STOP_MS);
    expect(rig.broker.payloads("/status")).toEqual([encodeStatus("kitchen", "shutdown", 7, 1)]);
    expect(armedCount(rig.board)).toBe(0);
  });

  it("is not what a message on another topic is", () => {
    const rig = online();
    rig.status(birth());
    rig.net.last().receive(publish("other", will));
    expect(rig.broker.payloads("/status")).toEqual([]);
    rig.stopAll();
  });

  it("is said again as often in the next connection", () => {
    const rig = online();
    for (let i = 0; i < 5; i++) {
      rig.status(birth());
      rig.status(will);
    }
    rig.net.last().close("ended");
    rig.clock.advance(11_000);
    rig.broker.packets.length = 0;
    rig.status(will);
    expect(rig.broker.payloads("/status")).toEqual([]);
    rig.status(birth(2));
    rig.status(will);
    expect(rig.broker.payloads("/status")).toEqual([birth(2)]);
    rig.stopAll();
  });

  it("is told when the birth could not be", () => {
    const rig = create();
    rig.broker.acksPublish = false;
    rig.goOnline();
    rig.net.last().close("ended");
    expect(linesOf(rig.board, "birth")).toEqual(["W uplink birth-failed code=E_MQTT_CLOSED"]);
    rig.stopAll();
  });

  it("is said without being seen when the broker refuses the subscription", () => {
    const rig = create();
    rig.broker.acksSubscribe = false;
    rig.goOnline();
    rig.net.last().receive(hex("90 03 0002 80"));
    expect(linesOf(rig.board, "not-subscribed")).toEqual([
      `E mqtt not-subscribed code=E_MQTT_SUBSCRIBE filter="${STATUS}"`,
    ]);
    expect(rig.status()).toBe("online");
    rig.stopAll();
  });
});

describe("stopping", () => {
  it("says shutdown, waits for its acknowledgement, then DISCONNECT", () => {
    const rig = create();
    rig.goOnline();
    rig.broker.packets.length = 0;
    expect(rig.stopAll()).toBeLessThan(10);
    expect(rig.broker.packets).toMatchObject([
      {
        cmd: "publish",
        topic: STATUS,
        qos: 1,
        retain: true,
        payload: Buffer.from(encodeStatus("kitchen", "shutdown", 7, 1)),
      },
      { cmd: "disconnect" },
    ]);
    expect(rig.net.last().state).toBe("ended");
    expect(linesOf(rig.board, "uplink off")).toEqual(["I uplink off told"]);
  });

  it("is over after its bound when nobody acknowledges, and still says DISCONNECT", () => {
    const rig = create();
    rig.goOnline();
    rig.broker.acksPublish = false;
    rig.broker.packets.length = 0;
    const tookMs = rig.stopAll();
    expect(tookMs).toBeGreaterThanOrEqual(GOODBYE_MS);
    expect(tookMs).toBeLessThan(GOODBYE_MS + 10);
    expect(rig.broker.cmds()).toEqual(["publish", "disconnect"]);
    expect(linesOf(rig.board, "uplink off")).toEqual(["I uplink off told"]);
  });

  it("is over after two of its bounds when the peer does not read either", () => {
    const rig = create();
    rig.goOnline();
    rig.broker.acksPublish = false;
    rig.net.last().isStalled = true;
    expect(rig.stopAll()).toBe(2 * GOODBYE_MS);
    expect(rig.net.last().state).toBe("aborted");
  });

  it("answers messages that wait as given up, each once", () => {
    const rig = create();
    rig.goOnline();
    rig.broker.acksPublish = false;
    const outcomes: string[] = [];
    for (const name of ["a", "b"])
      rig.publish(BEAT, (failure) => outcomes.push(`${name} ${failure?.slice(0, 13) ?? "ok"}`));
    rig.stopAll();
    expect(outcomes).toEqual(["a E_MQTT_CLOSED", "b E_MQTT_CLOSED"]);
  });

  it.each([
    { name: "waiting", does: (rig: ReturnType<typeof create>) => rig.start() },
    {
      name: "opening, before the socket is open",
      does: (rig: ReturnType<typeof create>) => {
        rig.net.onConnect = undefined;
        rig.start();
        rig.clock.advance(1100);
      },
    },
    {
      name: "opening, before CONNACK",
      does: (rig: ReturnType<typeof create>) => {
        rig.broker.connack = undefined;
        rig.start();
        rig.clock.advance(1100);
      },
    },
  ])("while $name is over without a word to the broker", ({ does }) => {
    const rig = create();
    does(rig);
    rig.stopAll();
    expect(rig.broker.payloads("/status")).toEqual([]);
    expect(rig.broker.cmds()).not.toContain("disconnect");
    rig.clock.advance(3_600_000);
    expect(rig.net.sockets.length).toBeLessThan(2);
  });

  it.each([
    {
      name: "the socket closes",
      breaks: (rig: ReturnType<typeof create>) => rig.net.last().close("ended"),
    },
    {
      name: "the peer sends garbage",
      breaks: (rig: ReturnType<typeof create>) => rig.net.last().receive(hex("f000")),
    },
    {
      name: "the network goes down",
      breaks: (rig: ReturnType<typeof create>) => rig.networkDown(),
    },
    {
      name: "an acknowledgement is overdue",
      breaks: (rig: ReturnType<typeof create>) => rig.clock.advance(600),
    },
  ])("does not connect again when $name meanwhile", ({ breaks }) => {
    const rig = create({ ack_timeout_s: 0.5 });
    rig.goOnline();
    rig.broker.acksPublish = false;
    let calls = 0;
    rig.stop(() => calls++);
    breaks(rig);
    rig.clock.advance(3_600_000);
    expect(calls).toBe(1);
    expect(rig.status()).toBe("off");
    expect(rig.net.sockets).toHaveLength(1);
    expect(rig.net.openCount()).toBe(0);
    expect(armedCount(rig.board)).toBe(0);
  });

  it.each(["networkDown", "networkUp"] as const)(
    "while opening does not connect again for %s",
    (event) => {
      const rig = create();
      rig.broker.connack = undefined;
      rig.start();
      rig.clock.advance(1100);
      rig.net.last().isStalled = true;
      rig.stop(() => undefined);
      rig[event]();
      rig.clock.advance(3_600_000);
      expect(rig.net.sockets).toHaveLength(1);
      expect(rig.status()).toBe("off");
      expect(armedCount(rig.board)).toBe(0);
    },
  );

  it("from inside an answer of the handshake ends it", () => {
    const rig = create();
    let calls = 0;
    rig.start();
    rig.publish({ ...BEAT, qos: 0 }, () => rig.stop(() => calls++));
    rig.clock.advance(10_000);
    expect(calls).toBe(1);
    expect(rig.status()).toBe("off");
    expect(linesOf(rig.board, "illegal")).toEqual([]);
    expect(armedCount(rig.board)).toBe(0);
    expect(rig.net.openCount()).toBe(0);
  });

  it("can be followed by a start", () => {
    const rig = create();
    rig.goOnline();
    rig.stopAll();
    rig.goOnline();
    expect(rig.broker.payloads("/status").at(-1)).toBe(encodeStatus("kitchen", "birth", 7, 2));
    rig.stopAll();
  });
});

it.each([
  { name: "refused", cycle: (rig: ReturnType<typeof create>) => void (rig.broker.isUp = false) },
  { name: "not welcome", cycle: (rig: ReturnType<typeof create>) => void (rig.broker.connack = 3) },
  {
    name: "not answered",
    cycle: (rig: ReturnType<typeof create>) => void (rig.broker.connack = undefined),
  },
  {
    name: "dropped",
    cycle: (rig: ReturnType<typeof create>) => {
      if (rig.net.sockets.at(-1)?.state === "open") rig.net.last().close("ended");
    },
  },
])("collects nothing over a thousand connections that are $name", ({ cycle }) => {
  const rig = create({ reconnect_spread_s: 0.1, connect_timeout_s: 1 });
  rig.start();
  for (let i = 0; rig.net.sockets.length < 1000; i++) {
    cycle(rig);
    rig.clock.advance(50_000);
    rig.publish(BEAT, () => undefined);
    expect(rig.net.openCount()).toBeLessThanOrEqual(1);
    expect(armedCount(rig.board)).toBeLessThanOrEqual(3);
    expect(i).toBeLessThan(10_000);
  }
  rig.stopAll();
});
