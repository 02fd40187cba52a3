// SPDX-License-Identifier: MIT
// Carries one real connection through the virtual network: the real client's bytes go into a
// virtual connection of its host, what arrives there goes to the real client. Each side waits for
// the other: a closed virtual window stops the reading of the real socket, and a client that does
// not read closes the virtual window.
//
// | the virtual connection | the real client sees |
// | ends orderly | an end behind the bytes |
// | is reset, or refused in the last moment | a reset |
// | falls silent, finds nobody | a connection that stays open |
// | hands bytes over in pieces | pieces with pauses; none before it has read the last |
//
// A client that ends its side has ended both, as the interpreter's `end()` does.
// Not for: attempts to connect that never become a connection (gateway-door.ts).
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import type { ClockTimer, SimClock } from "../clock/clock.ts";
import { hasUnread } from "./gateway-kernel.ts";
import { NetworkError, RECEIVE_BUFFER_BYTES } from "./network.ts";
import type { SimSocket } from "./network.ts";

/** Key and certificate in PEM with which a gateway ends TLS, as `tls.createSecureContext` takes. */
export interface GatewayTls {
  key: string;
  cert: string;
}

/** How a connection is carried. */
export interface StreamOptions {
  clock: SimClock;
  /** Makes the virtual connection; @throws NetworkError */
  dial(onChange: () => void): SimSocket;
  /** True while bytes reach the client in pieces. */
  isInPieces(): boolean;
  /** The client speaks TLS; its handshake begins when the virtual one is over. */
  tls: GatewayTls | undefined;
}

/** Longer than an idle pass of the interpreter, which reads once in each, mostly. */
const PIECE_GAP_MS = 15;
/** How long a client may take to close its side after the far end has ended the connection. */
const LINGER_MS = 2000;

/** Carries a connection that was accepted and of which nothing was read yet. */
export function carryStream(raw: Socket, options: StreamOptions): void {
  new CarriedStream(raw, options).dial();
}

class CarriedStream {
  readonly #raw: Socket;
  readonly #options: StreamOptions;
  /** Where plain bytes go in and out; null until the virtual handshake is over. */
  #real: Socket | null = null;
  #virtual: SimSocket | null = null;
  /** Bytes of the client that the virtual connection has not taken yet. */
  #rest = "";
  /** The pause behind a piece. */
  #gap: ClockTimer | null = null;
  #hasClientEnded = false;
  #isOver = false;

  constructor(raw: Socket, options: StreamOptions) {
    this.#raw = raw;
    this.#options = options;
    raw.on("error", () => {}); // `close` follows.
    raw.on("close", () => {
      if (this.#isOver) return;
      this.#leave();
      this.#virtual?.destroy();
    });
  }

  /** Makes the virtual connection. */
  dial(): void {
    try {
      this.#virtual = this.#options.dial(() => this.#change());
    } catch (error) {
      if (!(error instanceof NetworkError)) throw error;
      if (error.failure !== "unreachable") return this.#finish();
      // It is in the middle of nowhere; reading is how its end is noticed.
      this.#raw.resume();
      return;
    }
    this.#change();
  }

  /** Something has changed in the virtual connection. */
  #change(): void {
    const virtual = this.#virtual;
    if (this.#isOver || !virtual || virtual.isSecuring) return;
    if (!this.#real && virtual.state === "closed") return this.#finish();
    if (!this.#real) this.#open();
    this.#takeFromClient();
    this.#giveToClient();
  }

  #open(): void {
    const { tls } = this.#options;
    const real = tls ? new TLSSocket(this.#raw, { isServer: true, ...tls }) : this.#raw;
    this.#real = real;
    real.on("error", () => {}); // `close` follows.
    real.on("data", (bytes: Buffer) => {
      this.#rest += bytes.toString("latin1");
      this.#takeFromClient();
    });
    real.on("end", () => {
      this.#hasClientEnded = true;
      this.#takeFromClient();
    });
    real.on("drain", () => this.#giveToClient());
  }

  #takeFromClient(): void {
    const [virtual, real] = [this.#virtual, this.#real];
    if (this.#isOver || !virtual || !real) return;
    this.#rest = this.#rest.slice(virtual.send(this.#rest));
    if (this.#rest !== "") return void real.pause();
    if (this.#hasClientEnded) {
      virtual.close();
      return this.#leave();
    }
    real.resume();
  }

  #giveToClient(): void {
    const [virtual, real] = [this.#virtual, this.#real];
    if (this.#isOver || !virtual || !real) return;
    const { clock, isInPieces } = this.#options;
    while (this.#gap === null && real.writableLength < RECEIVE_BUFFER_BYTES) {
      const part = virtual.receive(RECEIVE_BUFFER_BYTES);
      if (part === "") break;
      real.write(part, "latin1");
      if (isInPieces()) this.#gap = clock.setTimer(() => this.#endGap(), PIECE_GAP_MS);
    }
    if (virtual.state === "closed" && this.#gap === null) this.#finish();
  }

  #endGap(): void {
    const { localPort = 0, remotePort = 0 } = this.#raw;
    const { clock } = this.#options;
    const isRead = !hasUnread(localPort, remotePort);
    this.#gap = isRead ? null : clock.setTimer(() => this.#endGap(), PIECE_GAP_MS);
    this.#giveToClient();
  }

  /** The virtual connection has ended, or there is none. */
  #finish(): void {
    const [raw, real] = [this.#raw, this.#real];
    const isOrderly = this.#virtual?.failure === null;
    this.#leave();
    if (!real) return void raw.resetAndDestroy();
    if (!isOrderly) {
      // Over TLS there is no way to a reset.
      return void (real === raw ? raw.resetAndDestroy() : real.destroy());
    }
    this.#virtual?.close();
    real.end();
    // Read on: closing with unread bytes would reset the connection and lose the last answer.
    real.resume();
    raw.setTimeout(LINGER_MS, () => raw.destroy());
  }

  /** Nothing of what happens concerns it any more. */
  #leave(): void {
    this.#isOver = true;
    if (this.#gap) this.#options.clock.clearTimer(this.#gap);
    this.#gap = null;
  }
}
