// SPDX-License-Identifier: MIT
// Names of the virtual network: who has which address, and how long the answer takes.
import { isIPv4 } from "node:net";
import type { Conditions } from "./conditions.ts";

/** An answer, or its absence. */
export interface Answer {
  /** Null: there is no such name, or nobody answered. */
  address: string | null;
  /** The name server would have to ask elsewhere. */
  isUnknown?: boolean;
  delayMs: number;
}

/** Who asks. */
export interface Asker {
  readonly name: string;
  readonly link: "up" | "down" | "none";
}

/** What answers names. */
export interface Dns {
  /** Asks for the address of a name; an address is its own answer, at once. */
  ask(from: Asker, name: string): Answer;
}

/** What it is made of. */
export interface DnsOptions {
  conditions: Conditions;
  /** Address of a host; undefined if there is none of this name. */
  addressOf(name: string): string | undefined;
  /** Time that an answer takes, ms. */
  answerMs: number;
}

/** lwIP asks one server four times, 1, 1, 2 and 3 s apart. */
const TIMEOUT_MS = 7000;

/** Creates the name server of a network. */
export function createDns({ conditions, addressOf, answerMs }: DnsOptions): Dns {
  return {
    ask: (from, name) => {
      if (isIPv4(name)) return { address: name, delayMs: 0 };
      if (name === "localhost") return { address: "127.0.0.1", delayMs: 0 };
      // Without an address there is no name server to ask; without a link it does not answer.
      if (from.link === "none") return { address: null, delayMs: 0 };
      const { outcome, delayMs, address } = conditions.view(from.name, name, 53).now.dns;
      const waitMs = answerMs + delayMs;
      if (from.link === "down" || outcome === "timeout") {
        return { address: null, delayMs: TIMEOUT_MS + delayMs };
      }
      if (outcome === "fail") return { address: null, delayMs: waitMs };
      const found = address ?? addressOf(name);
      if (found === undefined) return { address: null, delayMs: waitMs, isUnknown: true };
      return { address: found, delayMs: waitMs };
    },
  };
}
