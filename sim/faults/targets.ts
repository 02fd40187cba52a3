// SPDX-License-Identifier: MIT
// What faults can be aimed at, as far as they need it. The world makes these of its boards and
// peers (world.ts), so that a fault knows neither.

/** A board and its surroundings. */
export interface FaultBoard {
  readonly name: string;
  /** Cuts the power; gives what brings it back. */
  cutPower(): () => void;
  /** Resets as a brownout does: at once, without `kill`. */
  brownout(): void;
  /** Cuts the power once exactly this many more bytes of flash have been programmed. */
  tearWriteAfter(bytes: number, offMs: number): void;
  /** Makes the flash refuse every write that needs room; gives what ends it. */
  fillFlash(): () => void;
  /** Aborts the n-th call from now into the platform for want of memory. */
  failAllocation(nthCall: number): void;
  /** Moves the system clock behind the interpreter's back; gives what moves it back. */
  stepClock(ms: number): () => void;
  /** Restarts it with the system clock at this time, ms since 1970; gives a restart at the right one. */
  restartAt(wallMs: number): () => void;
  /** Lets the system clock run fast (positive) or slow, parts per million; gives what ends it. */
  driftClock(ppm: number): () => void;
  /** Makes the access point throw the board out and keep it out; gives what lets it in again. */
  dropWifi(reasonCode: number): () => void;
  /** Sets the signal that the board receives, dBm; gives what restores it. */
  weakenSignal(dbm: number): () => void;
  /** Lets the board associate without ever getting an address; gives what ends it. */
  failDhcp(): () => void;
}

/** A broker. */
export interface FaultBroker {
  readonly name: string;
  /** Stops it, with or without what it remembers; gives what starts it. */
  stop(options: { keepsState: boolean; connections: "end" | "cut" | "leave" }): () => void;
  /** Answers every CONNECT with this return code; gives what ends it. */
  refuse(returnCode: number): () => void;
  /** A stranger connects under the name of each client that is connected now. */
  takeOver(): void;
}

/** How an HTTP endpoint misbehaves. */
export type HttpMisbehaviour =
  | { kind: "status"; status: number }
  | { kind: "slow"; delayMs: number }
  | { kind: "truncated"; bytes: number };

/** An HTTP endpoint. */
export interface FaultEndpoint {
  readonly name: string;
  misbehave(how: HttpMisbehaviour): () => void;
}

/** The ways in which a time server can be wrong. */
export const SNTP_LIES = [
  "kiss-of-death",
  "stratum-0",
  "leap-3",
  "wrong-origin",
  "offset",
  "era-2036",
  "silent",
] as const;
/** One of them. */
export type SntpLie = (typeof SNTP_LIES)[number];

/** A time server. */
export interface FaultTimeServer {
  readonly name: string;
  lie(how: SntpLie, offsetMs: number): () => void;
}
