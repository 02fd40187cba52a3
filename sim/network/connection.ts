// SPDX-License-Identifier: MIT
// One virtual TCP connection: two paths and two ends. An end ends orderly (FIN, behind its bytes)
// or at once (reset, which overtakes them); an end whose far side is gone without a word learns of
// it only when it writes: by a reset if a host is there, by giving up if none is.
//
// | state of an end | entered when | what arrives |
// | in use | created | goes to its driver |
// | released | finish and release; abort; fail | is answered by a reset |
//
// Not for: what boards (board-socket.ts) and server programs (peer-socket.ts) see.
import type { SimClock } from "../clock/clock.ts";
import type { RandomStream } from "../random.ts";
import type { Combined } from "./conditions.ts";
import { RECEIVE_BUFFER_BYTES } from "./network.ts";
import type { NetworkFailure } from "./network.ts";
import { createPath } from "./path.ts";
import type { Bytes, Path } from "./path.ts";
import { createReading } from "./reading.ts";
import type { Reading } from "./reading.ts";

/** What uses one end. Called from the clock only. */
export interface Driver {
  /** Bytes it has got and not handed on. */
  unreadBytes(): number;
  onBytes(bytes: Bytes): void;
  /** The far end writes no more. */
  onEnd(): void;
  /** The connection is gone for this end. */
  onFail(failure: NetworkFailure): void;
  /** Some of what was written has arrived. */
  onLeft(): void;
}

/** One end of a connection. */
export interface End {
  /** Who uses it; what arrives before somebody does is lost. */
  driver: Driver | null;
  readonly isReleased: boolean;
  /** What is in force towards this end. */
  arriving(): Readonly<Combined>;
  outstandingBytes(): number;
  write(bytes: Bytes): void;
  /** Sends a message for the far end that comes behind the bytes. */
  send(sizeBytes: number, onArrive: () => void): void;
  /** Writes no more. */
  finish(): void;
  /** Reads no more. */
  release(): void;
  /** Ends at once, with a reset for the far end. */
  abort(): void;
  /** Ends this end only; nothing is sent. */
  fail(failure: NetworkFailure): void;
  /** Its driver has read. */
  hasRead(): void;
}

/** One connection. */
export interface Connection {
  readonly from: string;
  readonly to: string;
  readonly port: number;
  readonly client: End;
  readonly server: End;
  /** Both ends see a reset. */
  reset(): void;
  /** From now on nothing arrives, for ever. */
  freeze(): void;
}

/** What a connection needs from its network. */
export interface ConnectionHost {
  clock: SimClock;
  from: string;
  to: string;
  port: number;
  /** When the client may send. */
  openAtMs: number;
  /** What is in force from client to server, and back. */
  there(): Readonly<Combined>;
  back(): Readonly<Combined>;
  /** True while both hosts are there and have a link. */
  isLinked(): boolean;
  random(from: string, to: string): RandomStream;
  /** The first end has ended it: orderly or not. */
  onEnding(how: "close" | "reset"): void;
  /** Nothing is left of it. */
  onOver(): void;
}

/** An end with what only its connection sees. */
interface OwnEnd extends End {
  isDone: boolean;
  path: Path;
  reading: Reading;
}

/** Creates a connection that is established when its client's opening time has come. */
export function createConnection(host: ConnectionHost): Connection {
  const { clock, from, to, openAtMs } = host;
  let isFrozen = false;
  let isOver = false;
  let isEnding = false;

  const ending = (how: "close" | "reset"): void => {
    if (!isEnding) host.onEnding(how);
    isEnding = true;
  };
  const settle = (): void => {
    if (isOver || !client.isDone || !server.isDone) return;
    isOver = true;
    for (const end of [client, server]) {
      end.path.clear();
      end.reading.clear();
    }
    host.onOver();
  };

  const createEnd = (isClient: boolean): OwnEnd => {
    const effect = isClient ? host.there : host.back;
    const arriving = isClient ? host.back : host.there;
    const sender = isClient ? from : to;
    const receiver = isClient ? to : from;
    const far = (): OwnEnd => (isClient ? server : client);
    let hasFinished = false;
    let isFinThere = false;
    let isReleased = false;

    const isBlocked = (): boolean => isFrozen || !host.isLinked() || effect().isBlocked;
    const checkDone = (): void => {
      if (!isReleased || !isFinThere) return;
      end.isDone = true;
      settle();
    };
    /** Tells the far end that nothing of the connection is left here. */
    const sendReset = (): void => {
      ending("reset");
      if (isBlocked()) return;
      const waitMs = Math.max(0, (isClient ? openAtMs : 0) - clock.now()) + effect().latencyMs;
      clock.setTimer(() => {
        if (!isBlocked()) far().fail("reset");
      }, waitMs);
    };
    const path = createPath({
      clock,
      openAtMs: isClient ? openAtMs : 0,
      effect,
      isBlocked,
      isReverseBlocked: () => isFrozen || !host.isLinked() || arriving().isBlocked,
      random: () => host.random(sender, receiver),
      roomBytes: () => {
        const { driver, reading } = far();
        return RECEIVE_BUFFER_BYTES - reading.heldBytes() - (driver?.unreadBytes() ?? 0);
      },
      deliver: (bytes) => far().reading.take(bytes),
      onLeft: () => end.driver?.onLeft(),
      onGiveUp: () => end.fail("unreachable"),
    });
    const reading = createReading({
      clock,
      bytesPerSec: () => arriving().readBytesPerSec,
      hand: (bytes) => {
        if (isReleased) sendReset();
        else end.driver?.onBytes(bytes);
      },
      onRoom: () => far().path.wake(effect().latencyMs),
    });
    const end: OwnEnd = {
      driver: null,
      path,
      reading,
      isDone: false,
      get isReleased() {
        return isReleased;
      },
      arriving,
      outstandingBytes: path.outstandingBytes,
      write: (bytes) => {
        if (!hasFinished) path.push(bytes);
      },
      send: (sizeBytes, onArrive) => {
        path.pushMessage(sizeBytes, () => far().reading.takeMessage(onArrive));
      },
      finish: () => {
        if (hasFinished) return;
        hasFinished = true;
        ending("close");
        end.send(0, () => {
          isFinThere = true;
          if (!far().isReleased) far().driver?.onEnd();
          checkDone();
        });
      },
      release: () => {
        isReleased = true;
        checkDone();
      },
      abort: () => {
        if (end.isDone) return;
        hasFinished = isReleased = end.isDone = true;
        path.clear();
        sendReset();
        settle();
      },
      fail: (failure) => {
        if (end.isDone) return;
        const wasReleased = isReleased;
        hasFinished = isReleased = end.isDone = true;
        path.clear();
        reading.clear();
        ending("reset");
        if (!wasReleased) end.driver?.onFail(failure);
        settle();
      },
      hasRead: () => far().path.wake(effect().latencyMs),
    };
    return end;
  };

  const client = createEnd(true);
  const server = createEnd(false);
  return {
    from,
    to,
    port: host.port,
    client,
    server,
    reset: () => {
      clock.setTimer(() => {
        client.fail("reset");
        server.fail("reset");
      }, 0);
    },
    freeze: () => {
      isFrozen = true;
    },
  };
}
