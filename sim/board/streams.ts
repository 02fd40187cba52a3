// SPDX-License-Identifier: MIT
// What every object with a 'data' event shares (sockets, HTTP messages, serial ports): bytes go to
// the listener of 'data' on the spot; without one they are kept for `read`, up to a limit, and are
// delivered when a listener is added.
// Not for: where the bytes come from (modules/, serial.ts).
import type { Events } from "./events.ts";
import type { Loop } from "./loop.ts";
import type { Native } from "./realm.ts";

/** The streams of one board. */
export interface Streams {
  /**
   * Hands bytes to the reader of a stream.
   *
   * @param isLast true when nobody can ask for them again: what fits is kept, and the error flag
   *   BUFFER_FULL is raised for the rest
   * @returns false while nobody wants them and there is no room: the caller offers them again
   */
  push(stream: object, bytes: string, isLast: boolean): boolean;
  /** Bytes that a stream keeps for its reader. */
  keptBytes(stream: object): number;
  /** Methods of their prototypes: `read`, `available`, `pipe`. */
  readonly methods: Record<string, Native>;
}

/** What a stream keeps without a listener, bytes; the first piece may be longer. */
const BUFFER_BYTES = 512;

/** Creates the streams of one board. */
export function createStreams(
  loop: Loop,
  events: Events,
  host: {
    onOverflow(): void;
    pipe(source: unknown, destination: unknown, options?: unknown): void;
  },
): Streams {
  const kept = new WeakMap<object, string>();

  events.watch((target, name) => {
    const bytes = name === "data" ? (kept.get(target) ?? "") : "";
    if (bytes === "") return;
    kept.delete(target);
    events.emit(target, "data", [bytes]);
  });

  const push: Streams["push"] = (stream, bytes, isLast) => {
    if (events.has(stream, "data")) {
      const outcome = events.callNow(stream, "data", [bytes]);
      if (outcome) loop.raise(outcome.thrown);
      return true;
    }
    const old = kept.get(stream) ?? "";
    const isFull = old !== "" && old.length + bytes.length > BUFFER_BYTES;
    if (isFull && isLast) host.onOverflow();
    if (!isFull) kept.set(stream, old + bytes);
    else if (isLast && old.length < BUFFER_BYTES) {
      kept.set(stream, (old + bytes).slice(0, BUFFER_BYTES));
    }
    return !isFull;
  };
  return {
    push,
    keptBytes: (stream) => kept.get(stream)?.length ?? 0,
    methods: {
      read(this: object, count?: unknown) {
        const bytes = kept.get(this) ?? "";
        const wanted = Number(count) > 0 ? Number(count) : bytes.length;
        kept.set(this, bytes.slice(wanted));
        loop.wake();
        return bytes.slice(0, wanted);
      },
      available(this: object) {
        return kept.get(this)?.length ?? 0;
      },
      pipe(this: object, destination: unknown, options?: unknown) {
        host.pipe(this, destination, options);
      },
    },
  };
}
