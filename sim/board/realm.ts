// SPDX-License-Identifier: MIT
// The JavaScript realm that a board's scripts see: what the rest of a board asks of it. There are
// two kinds: realm-context.ts gives each board a realm of its own, realm-shared.ts lets all boards
// of a process share one.
// Not for: timers, events, print, modules (globals.ts installs those).
import type { Abort } from "./abort.ts";
import type { Events } from "./events.ts";
import type { FormatRealm } from "./format.ts";
import type { JsonRealm } from "./json.ts";
import type { Loop } from "./loop.ts";

/** The classes of errors that the interpreter makes. */
export type ErrorType = "Error" | "TypeError" | "SyntaxError" | "ReferenceError" | "InternalError";

/** A function as scripts see it. */
export type Native = (this: never, ...args: never[]) => unknown;

/** A place in the file that a script was made of; line and column from 1. */
export interface SourcePlace {
  file: string;
  line: number;
  column: number;
}

/** Where in a script an error arose; line and column from 1. */
export interface Frame {
  functionName: string;
  file: string;
  line: number;
  column: number;
  /** The place in the author's file, when the board has a source map that tells. */
  source?: SourcePlace;
}

/** The realm of one board. */
export interface Realm extends FormatRealm, JsonRealm {
  /** The global object. */
  readonly global: Record<string, unknown>;
  /** Prototype of the realm's plain objects. */
  readonly objectPrototype: object;
  /**
   * Runs a script in global scope; returns its last value.
   * @throws a SyntaxError of this realm for what the interpreter refuses
   */
  run(source: string, fileName: string): unknown;
  /** An error object of this realm. */
  error(type: ErrorType, message: string): object;
  /** Throws one. */
  fail(type: ErrorType, message: string): never;
  /** Makes a host function look like a native function of this realm. */
  native<T extends Native>(fn: T): T;
  /** Defines native functions that enumeration does not show. */
  define(target: object, members: Record<string, Native>): void;
  arrayOf(items: readonly unknown[]): unknown[];
  /** A copy of an object. */
  objectOf(members: object): Record<string, unknown>;
  /** The object itself, made one of this realm: for literals that nobody else has. */
  ownObject(members: object): Record<string, unknown>;
  /** A copy of bytes as this realm's ArrayBuffer. */
  buffer(bytes: Uint8Array): ArrayBuffer;
  /** An ArrayBuffer of this realm with the bytes of a text. */
  bufferOf(text: string): ArrayBuffer;
  /** A copy of bytes as this realm's Uint8Array. */
  uint8(bytes: Uint8Array): Uint8Array;
  /** Text of a value as `print` shows it. */
  show(value: unknown): string;
  /** The error that an abort leaves behind, null when it leaves none. */
  errorOf(abort: Abort): object | null;
  /** Text and place of something thrown: what follows "Uncaught " on the console. */
  describe(thrown: unknown): { text: string; frames: Frame[] };
  /** Tells the language's own objects which board they work for. Once, before any script. */
  attach(host: LanguageHost): void;
  /** Runs code of the board: everything that may call a function of a script goes through here. */
  enter<T>(fn: () => T): T;
}

/** What the language's own objects (events of every object, Promise, Date, Math) need of a board. */
export interface LanguageHost {
  events: Events;
  loop: Pick<Loop, "enqueue" | "raise">;
  /** Wall clock in ms, fractional. */
  wallMs(): number;
  /** Offset of the local time from UTC, hours. */
  timeZoneHours(): number;
  /** Next random number, 0 to 2^31 - 1. */
  draw(): number;
  /** Counts a call into the platform; may throw an Abort. */
  called(): void;
}
