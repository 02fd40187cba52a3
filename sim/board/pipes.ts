// SPDX-License-Identifier: MIT
// E.pipe and the method `pipe` of streams: in each pass a piece is read from the source and written
// to the destination. A destination whose `write` gives false is waited for until its 'drain'; a
// source whose `read` gives undefined, or that closes, ends the pipe, and with it the destination.
import type { Events } from "./events.ts";
import type { Loop } from "./loop.ts";
import type { Realm } from "./realm.ts";

/** Bytes of a piece unless the script says otherwise. */
const CHUNK_BYTES = 64;

interface Pipe {
  object: object;
  source: Record<string, unknown>;
  destination: Record<string, unknown>;
  chunkBytes: number;
  endsDestination: boolean;
  isWaiting: boolean;
}

/** Creates the function that joins a source to a destination. */
export function createPipes(
  realm: Realm,
  loop: Loop,
  events: Events,
): (source: unknown, destination: unknown, options?: unknown) => void {
  const pipes = new Set<Pipe>();
  const method = (object: Record<string, unknown>, name: string, ...args: unknown[]): unknown => {
    const fn = object[name];
    return typeof fn === "function" ? fn.apply(object, args) : undefined;
  };

  const finish = (pipe: Pipe): void => {
    if (!pipes.delete(pipe)) return;
    const { object, source, destination } = pipe;
    events.emit(object, "complete", [object]);
    const rest = source["available"] === undefined ? "" : method(source, "read");
    if (typeof rest === "string" && rest !== "") method(destination, "write", rest);
    if (!pipe.endsDestination) return;
    method(destination, "end");
    method(destination, "close");
    method(source, "close");
  };
  /** One piece; false when the pipe waits or is over. */
  const step = (pipe: Pipe): boolean => {
    if (pipe.isWaiting) return false;
    const piece = method(pipe.source, "read", pipe.chunkBytes);
    if (piece === undefined || piece === null) {
      finish(pipe);
      return false;
    }
    if ((piece as ArrayLike<unknown>).length > 0) {
      pipe.isWaiting = method(pipe.destination, "write", piece) === false;
      return true;
    }
    // An empty stream is asked again when something comes.
    return false;
  };
  const start = (): void => {
    if (pipes.size > 0) return;
    loop.addModule({
      idle: () => {
        let isBusy = false;
        for (const pipe of pipes) if (step(pipe)) isBusy = true;
        return isBusy;
      },
      isOpen: () => pipes.size > 0,
    });
  };
  const optionsOf = (given: unknown) => {
    if (given !== undefined && (typeof given !== "object" || given === null)) {
      realm.fail("TypeError", "'options' must be an object, or undefined");
    }
    const { complete, end, chunkSize } = (given ?? {}) as Record<string, unknown>;
    const chunkBytes = chunkSize === undefined ? CHUNK_BYTES : Math.trunc(Number(chunkSize));
    if (!(chunkBytes > 0)) realm.fail("TypeError", "chunkSize must be an integer > 0");
    return { complete, chunkBytes, endsDestination: end === undefined || Boolean(end) };
  };
  /** Text as a source. */
  const ofText = (text: string): Record<string, unknown> => {
    let at = 0;
    return {
      read: (count: number) => {
        const piece = text.slice(at, at + count);
        at += count;
        return piece === "" ? undefined : piece;
      },
    };
  };

  return (given, target, options) => {
    if (!given || !target) return;
    const source = (typeof given === "string" ? ofText(given) : given) as Record<string, unknown>;
    const destination = target as Record<string, unknown>;
    const wanted = "does not implement the required";
    if (typeof source["read"] !== "function") {
      realm.fail("Error", `Source object ${wanted} read(buffer, length) method`);
    }
    if (typeof destination["write"] !== "function") {
      realm.fail("Error", `Destination object ${wanted} write(buffer, length) method`);
    }
    const { complete, ...rest } = optionsOf(options);
    const object = realm.object();
    if (complete !== undefined) {
      Object.defineProperty(object, "#oncomplete", { value: complete, configurable: true });
    }
    const pipe: Pipe = { object, source, destination, ...rest, isWaiting: false };
    const listen = (on: object, name: string, fn: (from?: unknown) => void): void =>
      events.add(on, name, realm.native(fn), "last");
    if (typeof given === "object") listen(given, "close", () => finish(pipe));
    listen(destination, "drain", (from) => {
      // Sockets say who they are; another 'drain' is none of theirs.
      if (from === destination) pipe.isWaiting = false;
      loop.wake();
    });
    listen(destination, "close", () => finish(pipe));
    start();
    pipes.add(pipe);
    loop.wake();
  };
}
