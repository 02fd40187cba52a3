// SPDX-License-Identifier: MIT
// One network connection of the broker: what may still be written to it and whose it is. It knows
// no packets but those that a session sends by itself. A class, because thousands exist.
import mqtt from "mqtt-packet";
import type { ClockTimer } from "../clock/clock.ts";
import type { PeerConnection } from "../network/peer.ts";
import type { Watched } from "./keep-alive-wheel.ts";
import type { Message, Qos } from "./message.ts";
import type { WrongAnswer } from "./misbehaviour.ts";
import type { Outlet, PublishFlags, Session } from "./session.ts";

/** What all links of a broker share. */
export interface LinkBounds {
  /** Bytes waiting for a client's network above which it is not read and gets no messages. */
  readonly maxUnsentBytes: number;
  onSent(bytes: number): void;
}

/** One connection. */
export class Link implements Outlet, Watched {
  readonly connection: PeerConnection;
  /** Null until CONNECT is accepted. */
  session: Session | null = null;
  /** Published if the connection ends without DISCONNECT [MQTT-3.1.2-8]. */
  will: Message | null = null;
  keepAliveSec = 0;
  /** False once the broker is done with it. */
  isOpen = true;
  /** How the answer to the packet in hand goes wrong. */
  wrong: WrongAnswer | null = null;
  /** The broker has lost it without a word, as a host does that loses power. */
  isForgotten = false;
  /** Nothing is written any more although it is open. */
  isMute = false;
  /** Armed while a packet is held back. */
  stall: ClockTimer | null = null;
  heardMs: number;
  silenceLimitMs: number;
  slot = -1;
  #isPaused = false;
  readonly #bounds: LinkBounds;

  constructor(
    connection: PeerConnection,
    bounds: LinkBounds,
    nowMs: number,
    silenceLimitMs: number,
  ) {
    this.connection = connection;
    this.#bounds = bounds;
    this.heardMs = nowMs;
    this.silenceLimitMs = silenceLimitMs;
  }

  /** Whose connection it is; empty before CONNECT is accepted. */
  get clientId(): string {
    return this.session?.clientId ?? "";
  }

  write(bytes: Buffer): void {
    if (!this.isOpen || this.isMute || bytes.length === 0) return;
    this.connection.write(bytes);
    this.#bounds.onSent(bytes.length);
    // Who does not read what it asks for is not asked for more.
    if (this.#isPaused || this.hasRoom()) return;
    this.#isPaused = true;
    this.connection.pause();
  }

  /** Reads again, after everything written has left. */
  onDrain(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    if (!this.stall) this.connection.resume();
  }

  /** Reads again, after a packet was held back. */
  endStall(): void {
    this.stall = null;
    if (!this.#isPaused) this.connection.resume();
  }

  hasRoom(): boolean {
    return this.connection.unsentBytes <= this.#bounds.maxUnsentBytes;
  }

  sendPublish(message: Message, qos: Qos, packetId: number, flags: PublishFlags): void {
    const { topic, payload } = message;
    // Without QoS a packet has no identifier [MQTT-2.3.1-5].
    const id = qos > 0 ? { messageId: packetId } : {};
    this.write(mqtt.generate({ cmd: "publish", topic, payload, qos, ...flags, ...id }));
  }

  sendPubrel(packetId: number): void {
    this.write(mqtt.generate({ cmd: "pubrel", messageId: packetId }));
  }
}
