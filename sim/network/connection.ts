// SPDX-License-Identifier: MIT
// One virtual TCP connection: two paths and two ends. An end ends orderly (FIN, behind its bytes)
// or at once (reset, which overtakes them); an end whose far side is gone without a word learns of
// it only when it writes: by a reset if a host is there, by giving up if none is.
//
// | state of an end | entered when | what arrives |
// | in use | created | goes to its driver |
// | released | finish and release; abort; fail | is answered by a reset |
//
// Classes, because a fleet has thousands: an object with methods of its own would cost each of them
// thirty times the memory.
// Not for: what boards (board-socket.ts) and server programs (peer-socket.ts) see.
import type { RandomStream } from "../random.ts";
import type { Combined, View } from "./conditions.ts";
import { isOnline, pathRandom } from "./host.ts";
import type { Host, HostConnection, Wiring } from "./host.ts";
import { RECEIVE_BUFFER_BYTES } from "./network.ts";
import type { NetworkFailure } from "./network.ts";
import { Path } from "./path.ts";
import type { Bytes, PathHost } from "./path.ts";
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

/** Between whom a connection is. */
export interface ConnectionOptions {
  from: Host;
  to: Host;
  port: number;
  /** When the client may send. */
  openAtMs: number;
}

/** One end of a connection. */
export class End implements PathHost {
  /** Who uses it; what arrives before somebody does is lost. */
  driver: Driver | null = null;
  readonly openAtMs: number;
  readonly #connection: Connection;
  readonly #isClient: boolean;
  readonly #leaving: View;
  readonly #arriving: View;
  readonly #path: Path;
  /** Made when something has to wait for a slow program. */
  #reading: Reading | null = null;
  #hasFinished = false;
  #isFinThere = false;
  #isReleased = false;
  #isDone = false;

  constructor(connection: Connection, isClient: boolean, openAtMs: number) {
    const { wiring, from, to, port } = connection;
    const [here, far] = isClient ? [from.name, to.name] : [to.name, from.name];
    this.#connection = connection;
    this.#isClient = isClient;
    this.openAtMs = openAtMs;
    this.#leaving = wiring.conditions.view(here, far, port);
    this.#arriving = wiring.conditions.view(far, here, port);
    this.#path = new Path(wiring.clock, this);
  }

  /** Its driver reads no more. */
  get isReleased(): boolean {
    return this.#isReleased;
  }

  /** Nothing can happen to it any more. */
  get isDone(): boolean {
    return this.#isDone;
  }

  /** What is in force away from this end. */
  get leaving(): Readonly<Combined> {
    return this.#leaving.now;
  }

  /** What is in force towards this end. */
  get arriving(): Readonly<Combined> {
    return this.#arriving.now;
  }

  /** Bytes written that are not known to have arrived. */
  outstandingBytes(): number {
    return this.#path.outstandingBytes();
  }

  /** Writes bytes; none after finish. */
  write(bytes: Bytes): void {
    if (!this.#hasFinished) this.#path.push(bytes);
  }

  /** Sends a message for the far end that comes behind the bytes. */
  send(sizeBytes: number, onArrive: () => void): void {
    const { far } = this;
    this.#path.pushMessage(sizeBytes, () => {
      if (far.#reading) far.#reading.takeMessage(onArrive);
      else onArrive();
    });
  }

  /** Writes no more. */
  finish(): void {
    if (this.#hasFinished) return;
    this.#hasFinished = true;
    this.#connection.ending("close");
    this.send(0, () => {
      this.#isFinThere = true;
      if (!this.far.#isReleased) this.far.driver?.onEnd();
      this.#checkDone();
    });
  }

  /** Reads no more. */
  release(): void {
    this.#isReleased = true;
    this.#checkDone();
  }

  /** Ends at once, with a reset for the far end. */
  abort(): void {
    if (this.#isDone) return;
    this.#end();
    this.#sendReset();
    this.#connection.settle();
  }

  /** Ends this end only; nothing is sent. */
  fail(failure: NetworkFailure): void {
    if (this.#isDone) return;
    const wasReleased = this.#isReleased;
    this.#end();
    this.#connection.ending("reset");
    if (!wasReleased) this.driver?.onFail(failure);
    this.#connection.settle();
  }

  /** Its driver has read: the far end may send more. */
  hasRead(): void {
    this.far.#path.wake(this.leaving.latencyMs);
  }

  /** Frees what it holds. */
  clear(): void {
    this.#path.clear();
    this.#reading?.clear();
  }

  /** The other end. */
  get far(): End {
    return this.#isClient ? this.#connection.server : this.#connection.client;
  }

  /** What this end sends vanishes. */
  isBlocked(): boolean {
    return this.#connection.isCut() || this.leaving.isBlocked;
  }

  /** What is sent to this end vanishes. */
  isReverseBlocked(): boolean {
    return this.#connection.isCut() || this.arriving.isBlocked;
  }

  random(): RandomStream {
    const { wiring, from, to } = this.#connection;
    const [here, far] = this.#isClient ? [from, to] : [to, from];
    return pathRandom(wiring.random, here.name, far.name);
  }

  roomBytes(): number {
    const { far } = this;
    const heldBytes = far.#reading === null ? 0 : far.#reading.heldBytes();
    const unreadBytes = far.driver === null ? 0 : far.driver.unreadBytes();
    return RECEIVE_BUFFER_BYTES - heldBytes - unreadBytes;
  }

  deliver(bytes: Bytes): void {
    this.far.#take(bytes);
  }

  onLeft(): void {
    this.driver?.onLeft();
  }

  onGiveUp(): void {
    this.fail("unreachable");
  }

  #take(bytes: Bytes): void {
    if (!this.#reading && this.arriving.readBytesPerSec < Infinity) {
      this.#reading = createReading({
        clock: this.#connection.wiring.clock,
        bytesPerSec: () => this.arriving.readBytesPerSec,
        hand: (part) => this.#hand(part),
        onRoom: () => this.hasRead(),
      });
    }
    if (this.#reading) this.#reading.take(bytes);
    else this.#hand(bytes);
  }

  #hand(bytes: Bytes): void {
    if (this.#isReleased) this.#sendReset();
    else this.driver?.onBytes(bytes);
  }

  /** Nothing of the connection is left at this end. */
  #end(): void {
    this.#hasFinished = this.#isReleased = this.#isDone = true;
    this.clear();
  }

  #checkDone(): void {
    if (!this.#isReleased || !this.#isFinThere) return;
    this.#isDone = true;
    this.#connection.settle();
  }

  /** Tells the far end that nothing of the connection is left here. */
  #sendReset(): void {
    this.#connection.ending("reset");
    if (this.isBlocked()) return;
    const { clock } = this.#connection.wiring;
    const waitMs = Math.max(0, this.openAtMs - clock.now()) + this.leaving.latencyMs;
    clock.setTimer(() => {
      if (!this.isBlocked()) this.far.fail("reset");
    }, waitMs);
  }
}

/** One connection, established when its client's opening time has come. Both hosts know it. */
export class Connection implements HostConnection {
  readonly wiring: Wiring;
  readonly from: Host;
  readonly to: Host;
  readonly port: number;
  readonly client: End;
  readonly server: End;
  #isFrozen = false;
  #isEnding = false;
  #isOver = false;

  constructor(wiring: Wiring, { from, to, port, openAtMs }: ConnectionOptions) {
    this.wiring = wiring;
    this.from = from;
    this.to = to;
    this.port = port;
    this.client = new End(this, true, openAtMs);
    this.server = new End(this, false, 0);
    from.connections.add(this);
    to.connections.add(this);
  }

  /** Both ends see a reset. */
  reset(): void {
    this.wiring.clock.setTimer(() => {
      this.client.fail("reset");
      this.server.fail("reset");
    }, 0);
  }

  /** From now on nothing arrives, for ever. */
  freeze(): void {
    this.#isFrozen = true;
  }

  /** True while nothing can arrive at either end. */
  isCut(): boolean {
    return this.#isFrozen || !isOnline(this.from) || !isOnline(this.to);
  }

  /** One end begins to end it. */
  ending(how: "close" | "reset"): void {
    const { wiring, from, to, port } = this;
    if (!this.#isEnding) wiring.note(how, from.name, to.name, port);
    this.#isEnding = true;
  }

  /** One end may be done. */
  settle(): void {
    if (this.#isOver || !this.client.isDone || !this.server.isDone) return;
    this.#isOver = true;
    this.client.clear();
    this.server.clear();
    this.from.connections.delete(this);
    this.to.connections.delete(this);
  }
}
