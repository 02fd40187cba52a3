// SPDX-License-Identifier: MIT
// What a broker can be told to do wrong, as data, and how an answer looks then. When a rule applies
// is peers/rules.ts.
import mqtt from "mqtt-packet";
import type { Packet } from "mqtt-packet";
import type { Rule } from "../peers/rules.ts";
import type { RandomStream } from "../random.ts";

/** Name of a packet that a client sends. */
export type PacketName =
  | "CONNECT"
  | "PUBLISH"
  | "PUBACK"
  | "PUBREC"
  | "PUBREL"
  | "PUBCOMP"
  | "SUBSCRIBE"
  | "UNSUBSCRIBE"
  | "PINGREQ"
  | "DISCONNECT";

/** The packet is handled, but its answer goes wrong. */
export type WrongAnswer =
  | "mute" // no answer
  | "wrong-id" // another packet identifier
  | "duplicate" // twice
  | "garbage" // bytes that are no packet instead
  | "sub-fail" // SUBSCRIBE only: 0x80 for every filter, none is subscribed to
  | "half-packet"; // half of it, and nothing more on this connection, ever

/** What is done instead of what is right. */
export type Misdeed =
  | WrongAnswer
  | "ignore" // as if it had never come
  | "close" // an orderly end instead of an answer
  | "reset" // a cut instead of an answer
  | { respond: string | Packet } // these bytes (hex, spaces allowed) or this packet instead
  | { delayMs: number } // it, and all that the client sends after it, is handled that much later
  | { returnCode: 1 | 2 | 3 | 4 | 5 }; // CONNECT only: refused with this code

/** One rule, such as `{ on: "PUBLISH", client: "dev-*", skip: 2, count: 1, do: "mute" }`. */
export interface BrokerRule extends Rule {
  on: PacketName | "*";
  /** Client identifiers that it is for, `*` standing for any run of characters; all unless given. */
  client?: string;
  do: Misdeed;
}

/** Bytes that no client can take for a packet: type 15 is reserved (section 2.2.1). */
function garbage(random: RandomStream): Buffer {
  const bytes = Buffer.from(Array.from({ length: 16 }, () => random.integer(0, 255)));
  bytes[0] = 0xf0 | random.integer(0, 15);
  return bytes;
}

/** Bytes of `{ respond }`. */
export function respondBytes(answer: string | Packet): Buffer {
  return typeof answer === "string"
    ? Buffer.from(answer.replaceAll(" ", ""), "hex")
    : mqtt.generate(answer);
}

/** Bytes of an answer that goes wrong. */
export function wrongAnswer(answer: Packet, how: WrongAnswer, random: RandomStream): Buffer {
  const bytes = mqtt.generate(answer);
  switch (how) {
    case "mute":
      return Buffer.alloc(0);
    case "wrong-id":
      return answer.messageId === undefined
        ? bytes
        : mqtt.generate({ ...answer, messageId: (answer.messageId % 65535) + 1 });
    case "duplicate":
      return Buffer.concat([bytes, bytes]);
    case "garbage":
      return garbage(random);
    case "sub-fail": // The SUBACK says so already.
      return bytes;
    default:
      return bytes.subarray(0, bytes.length >> 1);
  }
}
