// SPDX-License-Identifier: MIT
// The MQTT client on the real interpreter: with every QoS at a real Mosquitto that is restarted, and
// at a broker of our own that breaks the rules, with the memory it takes and gives back.
import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import mqtt from "mqtt";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createInterpreter, INTERPRETER, NO_INTERPRETER } from "../helpers/interpreter.ts";
import type { Interpreter } from "../helpers/interpreter.ts";
import { MOSQUITTO, NO_MOSQUITTO, startMosquitto } from "../helpers/mosquitto.ts";
import { mqttEntry, mqttFiles } from "../helpers/mqtt-entry.ts";
import type { MqttEntrySettings } from "../helpers/mqtt-entry.ts";
import { connack, hex, parseAll, publish, pubrec, suback } from "../helpers/packets.ts";
import { delay, waitFor } from "../helpers/wait.ts";

const WAIT_MS = 20_000;

const cleanups: (() => unknown)[] = [];
beforeEach(({ skip }) => skip(!INTERPRETER, NO_INTERPRETER));
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean();
});

let boards = 0;

async function boot(settings: Partial<MqttEntrySettings> & { port: number }): Promise<Interpreter> {
  const board = createInterpreter(`mqtt-${++boards}`);
  cleanups.push(board.dispose);
  await board.configure(undefined);
  await board.install({ ...mqttFiles(settings), ".bootcde": await mqttEntry() });
  await board.powerOn();
  await board.console.waitFor(/ I test ready/, WAIT_MS);
  return board;
}

function textsOf(board: Interpreter, event: string): string[] {
  return board.console.all(new RegExp(` I test ${event} (.*)$`)).map((match) => match[1] as string);
}

describe("at Mosquitto", () => {
  beforeEach(({ skip }) => skip(!MOSQUITTO, NO_MOSQUITTO));

  it("delivers QoS 2 exactly once both ways, over a restart of the broker", async () => {
    const broker = await startMosquitto();
    cleanups.push(broker.dispose);
    const peer = mqtt.connect(broker.url, {
      clientId: "peer",
      clean: false,
      protocolVersion: 4,
      reconnectPeriod: 200,
    });
    cleanups.push(() => peer.endAsync(true));
    const got: string[] = [];
    peer.on("message", (_topic, payload) => got.push(payload.toString()));
    await peer.subscribeAsync("board/out", { qos: 2 });
    const board = await boot({ port: broker.port });
    await board.console.waitFor(/ I test online present=0/, WAIT_MS);

    for (const qos of [0, 1, 2]) await board.evaluate(`say(${qos},"first${qos}")`);
    await board.console.waitFor(/ I test done first2 ok/, WAIT_MS);
    for (const qos of [0, 1, 2] as const) await peer.publishAsync("board/in", `in${qos}`, { qos });
    await board.console.waitFor(/ I test message board\/in in2/, WAIT_MS);

    // Mosquitto 2.0.11 saves every second, and after a restart brings again what was on its way at the
    // last save, PUBCOMP or not.
    await delay(3000);
    await broker.stop();
    await board.console.waitFor(/ I test fail E_NET/, WAIT_MS);
    for (const qos of [0, 1, 2, 2]) await board.evaluate(`say(${qos},"later${qos}")`);
    void peer.publish("board/in", "kept", { qos: 2 });
    await broker.start();
    await board.console.waitFor(/ I test online present=1/, WAIT_MS);
    await board.console.waitFor(/ I test message board\/in kept/, WAIT_MS);
    await board.console.waitFor(/ I test done later2 ok/, WAIT_MS, { count: 2 });
    // QoS 0 is not kept for a peer that is not back yet.
    const kept = (): string[] => got.filter((text) => !text.startsWith("later0"));
    await waitFor(() => kept().length >= 6, WAIT_MS, "what the board has published");

    await board.evaluate("stop()");
    await board.console.waitFor(/ I test stopped/, WAIT_MS);
    expect(got.filter((text) => text.startsWith("first"))).toEqual([
      "first0 7",
      "first1 7",
      "first2 7",
    ]);
    expect(got.filter((text) => text.startsWith("later2"))).toHaveLength(2);
    expect(got.filter((text) => text === "later1 7").length).toBeGreaterThanOrEqual(1);
    expect(textsOf(board, "message")).toEqual([
      "board/in in0",
      "board/in in1",
      "board/in in2",
      "board/in kept",
    ]);
    expect(board.console.faults()).toEqual([]);
  });

  it("stays with Keep Alive 1, by PINGREQ alone", async () => {
    const broker = await startMosquitto();
    cleanups.push(broker.dispose);
    const board = await boot({ port: broker.port, keep_alive_s: 1 });
    await board.console.waitFor(/ I test online/, WAIT_MS);
    await delay(5000);
    expect(textsOf(board, "fail")).toEqual([]);
  });
});

/** A broker that does with each connection what the test says. */
async function startScript(serve: (socket: Socket, connection: number) => void): Promise<number> {
  let connections = 0;
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => sockets.delete(socket));
    socket.once("data", () => serve(socket, connections++));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

const bytes = (text: string): Buffer => Buffer.from(text, "latin1");

describe("at a broker that breaks off", () => {
  it("says PUBREL and not PUBLISH after PUBREC, and SUBSCRIBE anew", async () => {
    const seen: string[][] = [];
    const port = await startScript((socket, connection) => {
      const cmds: string[] = [];
      seen.push(cmds);
      socket.on("data", (chunk) => {
        for (const packet of parseAll(chunk.toString("latin1"))) {
          cmds.push(packet.cmd);
          if (packet.cmd === "subscribe")
            socket.write(bytes(suback(packet.messageId ?? 0, 2, 128)));
          if (packet.cmd === "publish") {
            socket.write(bytes(pubrec(packet.messageId ?? 0)));
            if (connection === 0) socket.end();
          }
          if (packet.cmd === "pubrel")
            socket.write(bytes(hex("7002") + bytes2(packet.messageId ?? 0)));
        }
      });
      socket.write(bytes(connack(0, connection > 0)));
    });
    const board = await boot({ port });
    await board.console.waitFor(/ E mqtt not-subscribed .*filter="board\/more"/, WAIT_MS);
    await board.evaluate('say(2,"once")');
    await board.console.waitFor(/ I test done once ok/, WAIT_MS);
    await waitFor(() => seen[1]?.includes("subscribe"), WAIT_MS, "the second SUBSCRIBE");
    expect(seen[1]?.slice(0, 2)).toEqual(["pubrel", "subscribe"]);
    expect(seen[0]?.slice(0, 2)).toEqual(["subscribe", "publish"]);
    expect(board.console.faults()).toEqual([]);
  });
});

function bytes2(id: number): string {
  return String.fromCharCode(id >> 8, id & 255);
}

describe("at a broker that breaks the rules", () => {
  const CRIMES = [
    "f000",
    "20020005",
    "20020100",
    "20030000",
    "200200003607000174000178",
    "2002000030ffffff7f",
    "20020000340600017400",
    "2002000036060001740001 78",
    "20020000900400010003",
    "2002000062020001",
    "20020000500200013406000174000178d000",
    "4002",
    "",
  ];

  it("fails each time, and after five rounds of each crime has the JsVars it began with", async () => {
    let served = 0;
    const port = await startScript((socket, connection) => {
      served = connection;
      socket.write(bytes(hex(CRIMES[connection % CRIMES.length] as string)));
      socket.write(bytes(publish("t", "x", 2, 1)));
      setTimeout(() => socket.end(), 20);
    });
    const board = await boot({ port });
    const vars: number[] = [];
    const created: string[] = [];
    for (const round of [1, 3, 5]) {
      await waitFor(() => served >= round * CRIMES.length, 120_000, `round ${round}`);
      await board.evaluate("stop()");
      await delay(300);
      const [used, cost] = (await board.evaluate("vars()")).split(" ");
      vars.push(Number(used));
      created.push(cost as string);
      await board.evaluate("start()");
    }
    console.log(`JsVars after rounds: ${vars.join(" ")}; the client alone: ${created[0]}`);
    expect(board.console.faults()).toEqual([]);
    expect(vars.at(-1)).toBeLessThanOrEqual(vars[0] as number);
    expect(Number(created[0])).toBeLessThanOrEqual(134);
  });
});
