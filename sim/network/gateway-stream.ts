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
  const { clock, isInPieces, tls } = options;
  /** Where plain bytes go in and out; null until the virtual handshake is over. */
  let real: Socket | null = null;
  let virtual: SimSocket | null = null;
  /** Bytes of the client that the virtual connection has not taken yet. */
  let rest = "";
  let gap: ClockTimer | null = null;
  let hasClientEnded = false;
  let isOver = false;

  const leave = (): void => {
    isOver = true;
    if (gap) clock.clearTimer(gap);
    gap = null;
  };
  const finish = (): void => {
    const failure = virtual?.failure;
    leave();
    if (failure !== null || !real) {
      // Over TLS there is no way to a reset.
      if (tls && real) real.destroy();
      else raw.resetAndDestroy();
      return;
    }
    virtual?.close();
    real.end();
    // Read on: closing with unread bytes would reset the connection and lose the last answer.
    real.resume();
    raw.setTimeout(LINGER_MS, () => raw.destroy());
  };
  const takeFromClient = (): void => {
    if (isOver || !virtual || !real) return;
    rest = rest.slice(virtual.send(rest));
    if (rest !== "") return void real.pause();
    if (hasClientEnded) {
      virtual.close();
      return leave();
    }
    real.resume();
  };
  const giveToClient = (): void => {
    if (isOver || !virtual || !real) return;
    while (gap === null && real.writableLength < RECEIVE_BUFFER_BYTES) {
      const part = virtual.receive(RECEIVE_BUFFER_BYTES);
      if (part === "") break;
      real.write(part, "latin1");
      if (isInPieces()) gap = clock.setTimer(endGap, PIECE_GAP_MS);
    }
    if (virtual.state === "closed" && gap === null) finish();
  };
  function endGap(): void {
    const { localPort = 0, remotePort = 0 } = raw;
    const isRead = !hasUnread(localPort, remotePort);
    gap = isRead ? null : clock.setTimer(endGap, PIECE_GAP_MS);
    giveToClient();
  }
  const open = (): void => {
    real = tls ? new TLSSocket(raw, { isServer: true, ...tls }) : raw;
    real.on("error", () => {}); // `close` follows.
    real.on("data", (bytes: Buffer) => {
      rest += bytes.toString("latin1");
      takeFromClient();
    });
    real.on("end", () => {
      hasClientEnded = true;
      takeFromClient();
    });
    real.on("drain", giveToClient);
  };
  const change = (): void => {
    if (isOver || !virtual || virtual.isSecuring) return;
    if (!real && virtual.state === "closed") return finish();
    if (!real) open();
    takeFromClient();
    giveToClient();
  };

  raw.on("error", () => {}); // `close` follows.
  raw.on("close", () => {
    if (isOver) return;
    leave();
    virtual?.destroy();
  });
  try {
    virtual = options.dial(change);
  } catch (error) {
    if (!(error instanceof NetworkError)) throw error;
    if (error.failure === "unreachable") {
      // It is in the middle of nowhere; reading is how its end is noticed.
      raw.resume();
      return;
    }
    return finish();
  }
  change();
}
